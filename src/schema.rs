//! What the cluster's schema consists of, and what it looks like as CQL.
//!
//! A session's [`state`](crate::Session::state) has every [`Keyspace`] with all it holds. It is kept up to date by the events
//! of the cluster; [`refresh_schema_of`](crate::Session::refresh_schema_of) reads a part now, and
//! [`events`](crate::Session::events) tells what changed.
//!
//! ```no_run
//! # async fn example(session: chorus::Session) {
//! let state = session.state();
//! if let Some(shop) = state.keyspace("shop") {
//!     for table in shop.tables.values() {
//!         println!("{} has {} columns", table.name, table.columns.len());
//!     }
//!     // The keyspace and everything in it, as a script that makes it again.
//!     println!("{}", shop.describe());
//! }
//! # }
//! ```

pub use chorus_protocol::UdtType;
pub use chorus_protocol::identifier::{RESERVED_KEYWORDS, UNRESERVED_KEYWORDS, is_reserved, keywords, quote};
pub use chorus_topology::metadata::{
    Aggregate, Column, ColumnKind, ColumnMask, CompactStorage, DifferenceKind, EdgeEnd, EdgeLabel, Function,
    FunctionSignature, Index, IndexKind, Keyspace, MaterializedView, SchemaDifference, SchemaObject,
    SchemaPrinter, Severity, Table, TableOptions, Trigger, UserType, Warning,
};
pub use chorus_topology::{ReplicationFactor, ReplicationStrategy, SchemaScope};
