//! CQL text to statements.
//!
//! [`parse`] is total: whatever the text, it ends with a statement or with an error, without a panic, in time and memory
//! proportional to the text, and with bounded recursion. It knows CQL's grammar and nothing of any schema.
//!
//! What Apache Cassandra's grammar has and the node has not (materialized views, functions, roles, arithmetic…) is
//! recognised and refused by name.

pub(crate) mod ast;
mod error;
mod keyword;
mod lexer;
mod parser;

pub use error::{CqlError, CqlErrorKind};
pub(crate) use keyword::quote;
pub(crate) use parser::parse;
