//! The CQL native protocol in bytes.
