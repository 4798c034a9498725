//! A real Apache Cassandra, from the jars its project publishes.
//!
//! * [`java`]: the one Java it runs on.
//! * [`jars`]: the class path, fetched with Maven by coordinates.
//! * [`node`]: one process: configuration, start, readiness, stop, kill, start again.
//! * [`cluster`]: several of them on addresses nobody else uses.
//! * [`acquainted`]: when they know each other; [`cql`]: asking them.
//! * [`hands_on`]: `cargo xtask cassandra`.

mod acquainted;
pub(crate) mod cluster;
mod cql;
pub(crate) mod hands_on;
mod jars;
mod java;
mod node;

pub(crate) use acquainted::up_line;
pub(crate) use cluster::{Cluster, Layout, Tls, temporary_name};
pub(crate) use node::{Installation, Node};
