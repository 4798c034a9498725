//! Exit codes, and the failures that lead to them.

use std::fmt;
use std::process::ExitCode;

use chorus::bulk::{Ending, LoadError, LoadReport, ResumeError, SchemaError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All rows written, or nothing went wrong.
    Success,
    /// Some rows rejected.
    Rejected,
    /// Wrong usage.
    Usage,
    /// Too many rows rejected, or the rejects file cannot be written; a value that cannot be unloaded.
    TooManyErrors,
    /// Cannot connect, authenticate, or fit the table; or the cluster went away.
    Cluster,
    /// The source cannot be read, or has changed since the checkpoint; an unload cannot write.
    Source,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Rejected => 1,
            Self::Usage => 2,
            Self::TooManyErrors => 3,
            Self::Cluster => 4,
            Self::Source => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    pub(crate) fn of_report(report: &LoadReport) -> Self {
        match &report.ending {
            Ending::Complete if report.rejected == 0 => Self::Success,
            Ending::Complete => Self::Rejected,
            // What it rejected was told when it ended.
            Ending::NothingToResume => Self::Success,
            Ending::Interrupted => Self::Interrupted,
            Ending::TooManyRejects | Ending::RejectsFailed(_) => Self::TooManyErrors,
            Ending::SourceFailed(_) => Self::Source,
            // Whatever else may end a load has to do with the cluster.
            _ => Self::Cluster,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A failure with its message for people and its code for scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// An error and everything behind it, on one line.
    pub(crate) fn from_error(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::new(exit, chain(error))
    }
}

impl From<&ResumeError> for Failure {
    fn from(error: &ResumeError) -> Self {
        let exit = match error {
            ResumeError::NoCheckpoint { .. }
            | ResumeError::Taken { .. }
            | ResumeError::Busy { .. }
            | ResumeError::Differs { .. }
            | ResumeError::TableGone { .. }
            | ResumeError::NotAFile { .. } => Exit::Usage,
            // Whatever else is not what it was when the checkpoint was written.
            _ => Exit::Source,
        };
        Self::from_error(exit, error)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = match &error {
            LoadError::Source(_) | LoadError::Thread(_) => Exit::Source,
            LoadError::Resume(error) => return error.into(),
            _ => Exit::Cluster,
        };
        let mut failure = Self::from_error(exit, &error);
        if let LoadError::Schema(error) = &error
            && let Some(advice) = advice(error)
        {
            failure.message.push_str("; ");
            failure.message.push_str(advice);
        }
        failure
    }
}

/// The option that would help.
fn advice(error: &SchemaError) -> Option<&'static str> {
    let other_delimiter = |names: &[String]| matches!(names, [only] if only.contains([';', '\t', '|']));
    match error {
        SchemaError::NoSuchColumn { column, .. } if other_delimiter(std::slice::from_ref(column)) => {
            Some("is --delimiter right?")
        }
        SchemaError::KeyMissing { fields, .. } if other_delimiter(fields) => Some("is --delimiter right?"),
        SchemaError::NoSuchColumn { .. } => Some("--map can rename it or leave it out"),
        SchemaError::NoSuchKeyspace { .. } | SchemaError::NoSuchTable { .. } => {
            Some("give --key COLUMNS for that")
        }
        _ => None,
    }
}

/// `error: cause: cause`, leaving out what the level above has said already.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read x")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_once() {
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(chain(&error), "cannot read x: disk on fire");
    }

    #[test]
    fn codes_are_the_documented_ones() {
        let codes =
            [Exit::Success, Exit::Rejected, Exit::Usage, Exit::TooManyErrors, Exit::Cluster, Exit::Source];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 3, 4, 5]);
        assert_eq!((Exit::Interrupted.code(), Exit::Terminated.code()), (130, 143));
    }
}
