//! The schema as CQL that makes it again.
//!
//! The words and their order are those of Apache Cassandra's own DESCRIBE, so that the two can be compared. What differs:
//! options that the server told as null are left out instead of written with their default, and a function body that contains
//! `$$` is quoted, where DESCRIBE writes what no server can read.
//!
//! What CQL cannot make again (virtual tables, super columns, objects of which a part could not be read) is written as a
//! comment. Whatever a server tells, a comment ends where it should.

mod function;
mod keyspace;
mod options;
mod printer;
mod table;
#[cfg(test)]
mod tests;

use chorus_protocol::identifier;

pub use printer::SchemaPrinter;

/// `keyspace.name`, each quoted where necessary.
fn qualified(keyspace: &str, name: &str) -> String {
    format!("{}.{}", identifier::quote(keyspace), identifier::quote(name))
}

/// Names in a list, each quoted where necessary.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().map(identifier::quote).collect();
    names.join(", ")
}

/// The type without the `frozen` around it all, which arguments of functions must not have. What is frozen inside must stay.
fn thawed(typ: &str) -> &str {
    typ.strip_prefix("frozen<").and_then(|rest| rest.strip_suffix('>')).unwrap_or(typ)
}

/// Text as a comment, whatever it contains.
fn comment(text: &str) -> String {
    format!("/*\n{}\n*/", text.replace("*/", "* /"))
}
