//! Which run a load belongs to, and the command that goes on with it.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;

use chorus::bulk::RunDirectory;

use crate::args::LoadArgs;
use crate::exit::{Exit, Failure};
use crate::screen::say;

/// The folder for the checkpoint; nothing when none is kept, which is said where it may surprise.
pub(crate) fn run_directory(args: &LoadArgs) -> Result<Option<RunDirectory>, Failure> {
    let cannot = |why: &str| Failure::new(Exit::Usage, format!("cannot resume: {why}"));
    let unrepeatable = args.files.iter().find(|file| !is_file(file));
    if args.connection.host.is_empty() {
        return match args.resume {
            Some(_) => Err(cannot("without --host rows go into an embedded node, which keeps nothing")),
            None => Ok(None),
        };
    }
    if let Some(file) = unrepeatable {
        let name =
            if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        if args.resume.is_some() {
            return Err(cannot(&format!("{name} can be read only once")));
        }
        say(format_args!("{name} can be read only once: this load cannot be resumed if it is stopped"));
        return Ok(None);
    }
    if args.checkpoint.0.is_none() {
        return match args.resume {
            Some(_) => Err(cannot("--checkpoint never keeps nothing to go on from")),
            None => Ok(None),
        };
    }
    let directory = match &args.resume {
        None => RunDirectory::create_in(&args.runs),
        Some(auto) if auto == Path::new("auto") => {
            let latest = RunDirectory::latest(&args.runs, &args.files, &args.to);
            match latest.map_err(|error| Failure::from(&error))? {
                Some(latest) => latest,
                None => RunDirectory::create_in(&args.runs),
            }
        }
        Some(folder) => RunDirectory::resume(folder).map_err(|error| Failure::from(&error))?,
    };
    if args.resume.is_some() && directory.path().exists() && !directory.is_finished() {
        say(format_args!("going on with {}", directory.path().display()));
    }
    Ok(Some(directory))
}

fn is_file(path: &Path) -> bool {
    path != Path::new("-") && path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// Prints the command that goes on with the run in `folder`, if it has a checkpoint and something is left.
pub(crate) fn tell_if_unfinished(folder: &Path) {
    if RunDirectory::resume(folder).is_ok_and(|run| !run.is_finished()) {
        tell_command(folder);
    }
}

/// Prints the command that goes on with the run in `folder`.
pub(crate) fn tell_command(folder: &Path) {
    let mut line = OsString::from("to go on where this ended: ");
    line.push(command(std::env::args_os(), folder));
    line.push("\n");
    // As bytes: what is no UTF-8 has to stay what it is.
    drop(std::io::stderr().lock().write_all(line.as_encoded_bytes()));
}

/// The same arguments with `--resume` and the folder, as a shell reads them. Nothing secret is ever an argument.
fn command(arguments: impl Iterator<Item = OsString>, folder: &Path) -> OsString {
    let mut words = Vec::new();
    let mut arguments = arguments.peekable();
    words.extend(arguments.by_ref().take(2));
    words.push("--resume".into());
    words.push(folder.into());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            words.push(argument);
            words.extend(arguments);
            break;
        }
        if argument == "--resume" {
            drop(arguments.next());
        } else if !argument.as_encoded_bytes().starts_with(b"--resume=") {
            words.push(argument);
        }
    }
    let quoted: Vec<OsString> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(OsStr::new(" "))
}

/// A word as a POSIX shell reads it.
pub(crate) fn quoted(word: &OsStr) -> OsString {
    let bytes = word.as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return word.to_owned();
    }
    let mut quoted = OsString::from("'");
    match word.to_str() {
        Some(text) => quoted.push(text.replace('\'', "'\\''")),
        // Parts around a quote are valid by themselves; a name that is no UTF-8 and has one is not worth more code.
        None => quoted.push(word),
    }
    quoted.push("'");
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_of(arguments: &[&str]) -> String {
        let arguments = arguments.iter().map(OsString::from);
        command(arguments, Path::new("runs/it's 1")).into_string().unwrap()
    }

    #[test]
    fn the_command_is_the_one_given_with_the_run_to_go_on_with() {
        assert_eq!(
            command_of(&[
                "chorus", "load", "a b.csv", "--to", "ks.t", "--null", "", "--resume", "old", "--map",
                "-x,a=b"
            ]),
            "chorus load --resume 'runs/it'\\''s 1' 'a b.csv' --to ks.t --null '' --map -x,a=b"
        );
        assert_eq!(
            command_of(&["chorus", "load", "--resume=auto", "--to", "\"Odd\".t", "--", "--resume", "$HOME"]),
            "chorus load --resume 'runs/it'\\''s 1' --to '\"Odd\".t' -- --resume '$HOME'"
        );
    }
}
