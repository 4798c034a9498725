//! What is wrong with a bundle, or with the service it names.

use std::time::Duration;

/// Why a secure connect bundle cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleProblem {
    /// The file cannot be read.
    #[error("cannot read the bundle: {reason}")]
    Unreadable {
        /// What the system says.
        reason: Box<str>,
    },
    /// A file, or something in it, is larger than any bundle.
    #[error("{part} has more than {limit} bytes, which no bundle has")]
    TooLarge {
        /// The bundle, or the part of it.
        part: Box<str>,
        /// The most that is accepted.
        limit: u64,
    },
    /// It is no zip, or a damaged one.
    #[error("the bundle is not a usable zip: {reason}")]
    NotZip {
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// Something in it would be unpacked elsewhere by those who unpack.
    #[error("the bundle has an unsafe path in it: {path:?}")]
    UnsafePath {
        /// The path.
        path: Box<str>,
    },
    /// A part is not there.
    #[error("the bundle has no {part}")]
    Missing {
        /// The part.
        part: &'static str,
    },
    /// A part cannot be understood, or lacks something.
    #[error("{part} cannot be used: {reason}")]
    Damaged {
        /// The part, or the service's answer.
        part: &'static str,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The service that says where the hosts are cannot be reached, or not be trusted.
    #[error("the service that knows the hosts cannot be asked: {reason}")]
    Service {
        /// What happened.
        reason: Box<str>,
    },
    /// The service did not answer in time.
    #[error("the service that knows the hosts did not answer within {limit:?}")]
    Timeout {
        /// The time it had.
        limit: Duration,
    },
    /// The service refused.
    #[error("the service that knows the hosts answered with {code}, perhaps the database is asleep or gone")]
    Status {
        /// The status of HTTP.
        code: u16,
    },
}

impl BundleProblem {
    /// Whether it is the service's fault, so that asking again may help.
    pub(crate) fn is_of_service(&self) -> bool {
        matches!(self, Self::Service { .. } | Self::Timeout { .. } | Self::Status { .. })
            || matches!(self, Self::Damaged { part, .. } if *part == super::metadata::ANSWER)
    }
}
