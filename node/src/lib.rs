//! The embedded CQL node.
#![allow(dead_code, unused_imports)] // what the executor will use

pub mod catalog;
mod cql;
mod execute;
mod store;
mod value;

pub use cql::{CqlError, CqlErrorKind};
pub use execute::{
    BatchMember, Database, DatabaseOptions, ExecContext, ExecResult, NoSystemTables, Outcome, Plan,
    PreparedPlan, RowSet, SystemKeyspace, SystemTables,
};
