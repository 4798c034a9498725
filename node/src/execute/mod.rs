//! x
mod outcome;
mod system_tables;
