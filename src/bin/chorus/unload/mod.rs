//! `chorus unload`: a table into files.

mod args;
mod screen;

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use chorus::bulk::{DestinationError, RowFormat, UnloadEnding, UnloadError, UnloadReport, Unloader};

pub(crate) use args::UnloadArgs;
use screen::Seen;

use crate::connect::Target;
use crate::exit::{Exit, Failure, chain};
use crate::resume::quoted;
use crate::screen::{out, say};
use crate::table_screen::TableScreen;
use crate::{runtime, signals};

/// How long the session may take to end in good order.
const SHUTDOWN: Duration = Duration::from_millis(500);

pub(crate) fn unload(args: &UnloadArgs) -> Result<Exit, Failure> {
    let Some(target) = Target::resolve(&args.connection)? else {
        return Err(Failure::new(Exit::Usage, "--host is missing: it says where the table is"));
    };
    runtime()?.block_on(async {
        let mut stop = signals::Stop::listen()?;
        let session = tokio::select! {
            session = target.connect() => session?,
            exit = stop.requested() => return Err(Failure::new(exit, "interrupted before anything was written")),
        };
        let outcome = watched(args, unloader(args, &session), &mut stop).await;
        if let Ok((report, _)) = &outcome {
            tell(args, report);
        }
        session.shutdown(SHUTDOWN).await;
        outcome.map(|(_, exit)| exit)
    })
}

fn unloader(args: &UnloadArgs, session: &chorus::Session) -> Unloader {
    let mut unloader = Unloader::new(session, args.table.clone())
        .allow_filtering(args.allow_filtering)
        .format(args.format())
        .null(args.null.as_str())
        .delimiter(args.delimiter())
        .header(!args.no_header)
        .compression(args.compression())
        .consistency(args.consistency)
        .concurrency(args.concurrency as usize)
        .page_size(args.page_size)
        .patience(args.patience);
    if !args.columns.is_empty() {
        unloader = unloader.columns(&args.columns);
    }
    for filter in &args.filters {
        unloader = unloader.filter(filter);
    }
    if let Some(rows) = args.max_records {
        unloader = unloader.max_records(rows);
    }
    unloader
}

/// Runs the unload, shows how far it is, and passes signals on.
async fn watched(
    args: &UnloadArgs,
    unloader: Unloader,
    stop: &mut signals::Stop,
) -> Result<(UnloadReport, Exit), Failure> {
    let progress = unloader.progress();
    let (mut screen, began) = (TableScreen::new(args.quiet), Instant::now());
    let mut signalled = None;
    let unload = unloader.unload(args.destination());
    tokio::pin!(unload);
    let outcome = loop {
        tokio::select! {
            outcome = &mut unload => break outcome,
            () = screen.watch(|| Seen { now: progress.snapshot(), began }) => {}
            exit = stop.requested() => {
                let has_begun = progress.snapshot().began;
                if signalled.is_some() || !has_begun {
                    screen.clear();
                    let when = if has_begun { "twice" } else { "before anything was written" };
                    return Err(Failure::new(exit, format!("interrupted {when}")));
                }
                signalled = Some(exit);
                progress.stop();
            }
        }
    };
    screen.clear();
    let report = outcome.map_err(failure)?;
    let exit = match (&report.ending, signalled) {
        (UnloadEnding::Interrupted, Some(exit)) => exit,
        (ending, _) => exit_of(ending),
    };
    Ok((report, exit))
}

fn exit_of(ending: &UnloadEnding) -> Exit {
    match ending {
        UnloadEnding::Complete | UnloadEnding::ReaderLeft => Exit::Success,
        UnloadEnding::Interrupted => Exit::Interrupted,
        UnloadEnding::NotText(_) => Exit::TooManyErrors,
        UnloadEnding::WriteFailed(error) => exit_of_destination(error),
        // Whatever else may end it has to do with the cluster.
        _ => Exit::Cluster,
    }
}

fn exit_of_destination(error: &DestinationError) -> Exit {
    match error {
        DestinationError::Exists { .. } | DestinationError::Unfinished { .. } => Exit::Usage,
        _ => Exit::Source,
    }
}

fn failure(error: UnloadError) -> Failure {
    let exit = match &error {
        UnloadError::Destination(error) => exit_of_destination(error),
        UnloadError::Text(_) => Exit::TooManyErrors,
        UnloadError::Thread(_) => Exit::Source,
        _ => Exit::Cluster,
    };
    Failure::from_error(exit, &error)
}

/// The report to standard output, unless the rows are there; what went wrong to standard error.
fn tell(args: &UnloadArgs, report: &UnloadReport) {
    let text = if args.json { report.to_json() } else { report.to_string() };
    if args.to_stdout() {
        say(text)
    } else {
        out(text)
    }
    match &report.ending {
        UnloadEnding::Complete => tell_way_back(args, report),
        UnloadEnding::Interrupted => say("interrupted"),
        UnloadEnding::ReaderLeft => say("whoever read this has gone away; stopped"),
        UnloadEnding::ScanFailed(error) => {
            say(format_args!("error: the table cannot be read further: {}", chain(error)));
        }
        UnloadEnding::NotText(error) => say(format_args!("error: {}", chain(error))),
        UnloadEnding::WriteFailed(error) => say(format_args!("error: {}", chain(error))),
        _ => {}
    }
    if !report.is_complete() && !args.to_stdout() {
        say("not all rows are written: files have .partial behind their names, and are of no use");
    }
}

/// The command that loads it again.
fn tell_way_back(args: &UnloadArgs, report: &UnloadReport) {
    if !report.loadable {
        let why = if args.format() == RowFormat::Csv && !args.no_header {
            "counters cannot be loaded"
        } else {
            "loads read CSV with a header"
        };
        return say(format_args!("there is no loading it back: {why}"));
    }
    let mut words = vec!["chorus".to_owned(), "load".to_owned()];
    let word = |text: &OsStr| quoted(text).to_string_lossy().into_owned();
    match &report.files[..] {
        [] => words.push("FILE".to_owned()),
        [file] => words.push(word(file.as_os_str())),
        [file, ..] => {
            let stem = format!("{}.{}-", args.table.keyspace, args.table.table);
            let directory = file.with_file_name(stem);
            words.push(format!("{}*", word(directory.as_os_str())));
        }
    }
    words.extend(["--to".to_owned(), word(OsStr::new(&report.table))]);
    // With a sign in front it would be taken for an option.
    match args.null.starts_with('-') {
        true => words.push(word(OsStr::new(&format!("--null={}", args.null)))),
        false => words.extend(["--null".to_owned(), word(OsStr::new(&args.null))]),
    }
    match args.delimiter() {
        b',' => {}
        b'\t' => words.extend(["--delimiter".to_owned(), "'\\t'".to_owned()]),
        other => words.extend(["--delimiter".to_owned(), word(OsStr::new(&char::from(other).to_string()))]),
    }
    for host in &args.connection.host {
        words.extend(["--host".to_owned(), word(OsStr::new(host))]);
    }
    say(format_args!("to load it back: {}", words.join(" ")));
}
