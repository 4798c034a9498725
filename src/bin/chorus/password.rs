//! Where the password comes from: a file, the environment, or a question.

use std::io::{BufRead, BufReader};
use std::path::Path;

use secrecy::SecretString;

use crate::exit::{Exit, Failure};

const VARIABLE: &str = "CHORUS_PASSWORD";

/// The password of `user`. Blocks while it is asked for, so call it before anything runs.
pub(crate) fn of(user: &str, file: Option<&Path>) -> Result<SecretString, Failure> {
    if let Some(path) = file {
        return read(path);
    }
    if let Ok(password) = std::env::var(VARIABLE) {
        return Ok(password.into());
    }
    match rpassword::prompt_password(format!("Password of {user}: ")) {
        Ok(password) => Ok(password.into()),
        Err(_) => Err(Failure::new(
            Exit::Usage,
            format!("no password for {user}: give --password-file, set {VARIABLE}, or run it in a terminal"),
        )),
    }
}

fn read(path: &Path) -> Result<SecretString, Failure> {
    let failure = |what: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("cannot read the password file {}: {what}", path.display()))
    };
    let file = std::fs::File::open(path).map_err(|error| failure(&error))?;
    let mut line = String::new();
    BufReader::new(file).read_line(&mut line).map_err(|error| failure(&error))?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        Err(failure(&"its first line is empty"))
    } else {
        Ok(password.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_first_line_of_the_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " pass word \r\nsecond\n").unwrap();
        assert_eq!(of("me", Some(&path)).unwrap().expose_secret(), " pass word ");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(of("me", Some(&path)).unwrap_err().exit, Exit::Usage);
        assert_eq!(of("me", Some(Path::new("/none/such"))).unwrap_err().exit, Exit::Usage);
    }
}
