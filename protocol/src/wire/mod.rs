//! The notations of the protocol: `[short]`, `[string]`, `[bytes]` and their kin, read and written.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::*;
