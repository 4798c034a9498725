//! `chorus load`, `chorus unload`, `chorus count` and `chorus top` from the outside: the binary, real files, an embedded node, and what scripts and people see.

mod bad_rows;
mod bad_sources;
mod bad_targets;
mod count;
mod faults;
mod good_files;
mod harness;
mod interruptions;
mod not_resumed;
mod resume;
#[cfg(target_os = "linux")]
mod terminal;
mod top;
mod unload;
