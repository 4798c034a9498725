//! Derive macros of Chorus.
