//! The control plane against the embedded cluster: connecting, hosts that come and go, what is known of the cluster.

mod availability;
mod connect;
mod contacts;
mod embedded;
mod large;
mod metadata;
mod pools;
mod real;
mod rows;
mod scripted;
mod shards;
mod support;
