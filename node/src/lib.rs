//! An in-memory CQL node: the real protocol over real TCP, for tests and first steps.
//!
//! [`EmbeddedCluster`] starts any number of nodes in this process, in milliseconds. They look like Apache Cassandra 5.0 to
//! clients of any language, share one [`Database`] in memory, and forget everything when they are dropped. Nodes can be
//! stopped and started again, and [`FaultRules`] make requests go wrong on purpose.
//!
//! ```
//! use chorus_node::EmbeddedCluster;
//!
//! let cluster = EmbeddedCluster::builder().nodes(3).start()?;
//! println!("connect any driver to {}", cluster.addresses()[0]);
//! cluster.stop_node(2);
//! # Ok::<(), chorus_node::StartError>(())
//! ```
//!
//! What the node does not support it refuses by name. It is no database to keep data in: nothing is durable, and all nodes
//! of a cluster have the same data whatever the replication factor.

#![forbid(unsafe_code)]

pub mod catalog;
mod cluster;
mod cql;
mod execute;
mod server;
mod store;
mod system;
mod value;

#[cfg(feature = "tls")]
pub use cluster::SniProxy;
pub use cluster::{
    EmbeddedCluster, EmbeddedClusterBuilder, RoutingCounts, RoutingReport, ShardPort, Shards, StartError,
    Tablet, TabletError,
};
pub use cql::{CqlError, CqlErrorKind};
pub use execute::{
    BatchMember, Database, DatabaseOptions, ExecContext, ExecResult, NoSystemTables, Outcome, Plan,
    PreparedPlan, RowSet, SystemKeyspace, SystemTables,
};
pub use server::{Fault, FaultRules, Limits, Requests, RuleId, Watch};
#[cfg(feature = "tls")]
pub use server::{NodeTls, NodeTlsError};
pub use system::{ClientRoute, RELEASE_VERSION, Release};
