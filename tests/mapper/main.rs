//! The object mapper, against the embedded cluster.
//!
//! `definitions` is what derived models say of their tables; the others are what happens with them.

mod definitions;
