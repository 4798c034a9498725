//! What the driver knows about its cluster.
