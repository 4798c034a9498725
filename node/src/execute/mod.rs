//! Statements to plans, and plans to answers.
//!
//! [`Database::prepare`] checks a statement against the schema once and makes a [`Plan`]; [`Database::execute`] runs a plan
//! with values as often as needed, without looking at text or names again. A plan belongs to the schema it was made for:
//! after a change of its table it answers [`CqlErrorKind::Stale`](crate::CqlErrorKind::Stale) and has to be prepared again.

mod database;
mod expression;
mod markers;
mod outcome;
mod plan;
mod provided;
mod reader;
mod restriction;
mod schema;
mod select;
mod system_tables;
mod table;
mod write;

pub use database::{Database, DatabaseOptions};
pub use outcome::{ExecContext, ExecResult, Outcome, RowSet};
pub use plan::{BatchMember, Plan, PreparedPlan};
pub use system_tables::{NoSystemTables, SystemKeyspace, SystemTables};

#[cfg(test)]
mod tests;
