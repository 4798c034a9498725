//! The embedded CQL node.

pub mod catalog;
#[allow(dead_code)] // the executor comes next
mod cql;
#[allow(dead_code)]
mod execute;
#[allow(dead_code)]
mod store;
#[allow(dead_code)]
mod value;

pub use cql::{CqlError, CqlErrorKind};
pub use execute::{
    Database, DatabaseOptions, ExecContext, ExecResult, NoSystemTables, Outcome, Plan, PreparedPlan, RowSet,
    SchemaChange, SchemaChangeKind, SchemaTarget, SystemKeyspace, SystemTables,
};
