//! A real Apache Cassandra, from the jars its project publishes.
//!
//! * [`java`]: the one Java it runs on.
//! * [`jars`]: the class path, fetched with Maven by coordinates.
//! * [`node`]: one process: configuration, start, readiness, stop, kill, start again.
//! * [`cluster`]: several of them on addresses nobody else uses.
//! * [`hands_on`]: `cargo xtask cassandra`.

pub(crate) mod cluster;
pub(crate) mod hands_on;
mod jars;
mod java;
mod node;

pub(crate) use cluster::{Cluster, Layout, STORAGE_PORT, Tls, temporary_name};
pub(crate) use node::Node;
