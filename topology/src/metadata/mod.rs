//! What the cluster told about itself: members and schema, as users see them.
//!
//! [`ClusterState`] is an immutable snapshot. The cluster actor makes each one from rows of system tables with
//! [`ClusterState::build`] or [`ClusterState::with_schema`], and from the one before; whatever in those rows cannot be
//! used becomes a [`Warning`] and leaves the rest intact.

mod function;
mod keyspace;
mod members;
mod schema;
mod state;
mod table;
mod user_types;
mod warning;

pub use function::{Aggregate, Function, FunctionSignature};
pub use keyspace::Keyspace;
pub use members::{AddressMap, Discovery};
pub use schema::{Schema, SchemaScope};
pub use state::ClusterState;
pub use table::{Column, ColumnKind, Index, IndexKind, MaterializedView, Table};
pub use warning::{Severity, Warning};
