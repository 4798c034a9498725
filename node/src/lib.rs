//! The embedded CQL node.
