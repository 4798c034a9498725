//! What can be wrong with bytes and with values.
//!
//! Four leaf errors: [`FrameError`] breaks a connection (frame boundaries are lost), [`DecodeError`] concerns
//! one message, [`EncodeError`] one request that cannot be represented, [`ValueError`] one value or one row.

mod value;

pub use value::{ValueError, ValueErrorReason};

use crate::version::ProtocolVersion;

/// The framing of a byte stream is broken; nothing after this point can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A header announced a negative body length.
    #[error("frame announces a negative body length ({0})")]
    NegativeLength(i32),
    /// A header announced more than this end accepts.
    #[error("frame announces a body of {length} bytes, at most {max} are accepted")]
    TooLarge {
        /// Announced body length in bytes.
        length: u32,
        /// The limit in bytes.
        max: u32,
    },
    /// A segment header does not match its CRC24.
    #[error("segment header checksum is {found:#08x}, {computed:#08x} was computed")]
    HeaderChecksum {
        /// As transmitted.
        found: u32,
        /// Over the bytes that arrived.
        computed: u32,
    },
    /// A segment payload does not match its CRC32.
    #[error("segment payload checksum is {found:#010x}, {computed:#010x} was computed")]
    PayloadChecksum {
        /// As transmitted.
        found: u32,
        /// Over the bytes that arrived.
        computed: u32,
    },
    /// A self-contained segment ends inside an envelope.
    #[error("a self-contained segment ends inside an envelope")]
    PartialEnvelope,
    /// Compressed bytes do not expand to what was announced.
    #[error("compressed segment is invalid")]
    Compression(#[from] CompressionError),
}

/// A compressed body or segment cannot be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The announced size is beyond the limit.
    #[error("compressed data announces {length} bytes, at most {max} are accepted")]
    TooLarge {
        /// Announced size in bytes.
        length: u64,
        /// The limit in bytes.
        max: usize,
    },
    /// The data is no valid block of the algorithm, or not of the announced size.
    #[error("compressed data is corrupt")]
    Corrupt,
    /// The body is too large to be compressed at all.
    #[error("a body of {0} bytes is too large to compress")]
    CannotCompress(usize),
}

/// A message cannot be understood. The frame's boundaries are intact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message ends inside a field.
    #[error("{what} needs {needed} more bytes, {left} are left")]
    Truncated {
        /// The field.
        what: &'static str,
        /// Bytes the field needs.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A text field is not UTF-8.
    #[error("{what} is not valid UTF-8")]
    InvalidUtf8 {
        /// The field.
        what: &'static str,
    },
    /// A length or count that the field cannot have.
    #[error("{what} has the impossible length or count {length}")]
    InvalidLength {
        /// The field.
        what: &'static str,
        /// As announced.
        length: i64,
    },
    /// A number that should select one of a few things selects none.
    #[error("{code:#x} is not a known {what}")]
    UnknownCode {
        /// The field.
        what: &'static str,
        /// As received.
        code: i64,
    },
    /// A word that should select one of a few things selects none.
    #[error("{name:?} is not a known {what}")]
    UnknownName {
        /// The field.
        what: &'static str,
        /// As received.
        name: String,
    },
    /// A type nests deeper than [`MAX_TYPE_DEPTH`](crate::types::MAX_TYPE_DEPTH).
    #[error("type nests deeper than {max} levels")]
    TypeTooDeep {
        /// The limit.
        max: usize,
    },
    /// A type description cannot be parsed.
    #[error("type description is malformed at byte {offset}")]
    MalformedType {
        /// Where in the description.
        offset: usize,
    },
    /// A bound value has a length below -2, or is unset in a version that has no unset.
    #[error("value has the impossible length {0}")]
    InvalidValueLength(i32),
    /// A compressed body cannot be expanded.
    #[error("compressed body is invalid")]
    Compression(#[from] CompressionError),
}

/// A request or response cannot be represented in the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A field is longer than its length prefix can say.
    #[error("{what} has {length} bytes, at most {max} can be sent")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// There are more elements than the count can say.
    #[error("{count} {what} given, at most {max} can be sent")]
    TooMany {
        /// The elements.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// The protocol version has no place for this.
    #[error("{feature} cannot be sent with protocol {version}")]
    Unsupported {
        /// What was asked for.
        feature: &'static str,
        /// The version of the connection.
        version: ProtocolVersion,
    },
    /// A timestamp below zero, which the protocol forbids.
    #[error("timestamp {0} is negative")]
    NegativeTimestamp(i64),
    /// A value cannot be represented.
    #[error("value cannot be encoded")]
    Value(#[from] ValueError),
}
