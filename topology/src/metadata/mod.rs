//! What the cluster told about itself: members and schema, as users see them.
//!
//! [`ClusterState`] is an immutable snapshot. The cluster actor makes each one from rows of system tables with
//! [`ClusterState::build`] or [`ClusterState::with_schema`], and from the one before; whatever in those rows cannot be
//! used becomes a [`Warning`] and leaves the rest intact.

mod cql;
mod function;
mod graph;
mod index;
mod keyspace;
mod mask;
mod members;
mod options;
mod ring;
mod schema;
mod state;
mod table;
mod user_types;
mod warning;

pub use cql::SchemaPrinter;
pub use function::{Aggregate, Function, FunctionSignature};
pub use graph::{EdgeEnd, EdgeLabel};
pub use index::{Index, IndexKind, Trigger};
pub use keyspace::Keyspace;
pub use mask::ColumnMask;
pub use members::{AddressMap, Discovery, EndpointMap};
pub use options::TableOptions;
pub use ring::TokenRange;
pub use schema::{DifferenceKind, Schema, SchemaDifference, SchemaObject, differences};
pub use state::ClusterState;
pub use table::{Column, ColumnKind, CompactStorage, MaterializedView, Table};
pub use user_types::{UnknownType, UserType};
pub use warning::{Severity, Warning};

pub use crate::rows::SchemaScope;
