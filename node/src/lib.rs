//! The embedded CQL node.

mod catalog;
mod cql;
mod execute;
mod store;
mod value;
