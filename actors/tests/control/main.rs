//! The control plane against the embedded cluster: connecting, hosts that come and go, what is known of the cluster.

mod rows;
mod scripted;
mod shards;
mod support;
