//! What is wrong with a configuration.

use thiserror::Error;

/// A setting, or two settings together, that cannot work. Found before any socket is opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nobody to ask about the cluster.
    #[error("no contact point was given")]
    NoContactPoints,
    /// A contact point that is neither an address nor a host name.
    #[error("{text:?} is neither an address nor a host name with an optional port from 1 to 65535")]
    BadContactPoint {
        /// The text as it was given.
        text: String,
    },
    /// A setting that must be greater than zero.
    #[error("{setting} must be greater than zero")]
    Zero {
        /// Name of the setting.
        setting: &'static str,
    },
    /// A number outside of what makes sense.
    #[error("{setting} is {value}, it must be from {least} to {most}")]
    OutOfRange {
        /// Name of the setting.
        setting: &'static str,
        /// The value that was given.
        value: u64,
        /// The least value accepted.
        least: u64,
        /// The greatest value accepted.
        most: u64,
    },
    /// The default keyspace is an empty name.
    #[error("the keyspace name is empty")]
    EmptyKeyspace,
    /// A spin without a dedicated placement: a reactor that shares the caller's threads must not hold them.
    #[error(
        "spin needs a dedicated placement: elsewhere a lone request crosses no thread, and there is nothing to gain"
    )]
    SpinWithoutThread,
    /// Protocol v5 compresses segments, and segments know LZ4 only.
    #[error("snappy compression does not exist in protocol v5; use LZ4 or a lower version")]
    SnappyWithSegments,
}
