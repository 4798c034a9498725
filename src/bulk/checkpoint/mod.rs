//! Loads that can be resumed: what was acknowledged is written down while a load runs.
//!
//! A row counts as done when the server acknowledged it, or when it is in the rejects file and that is synced. Rows have
//! no entry of their own: what is *left* is written down, as spans of the decompressed source (see [`span`]): the rows
//! without an outcome, which are few, and everything behind the place that was read to. Whatever else there is, is done.
//! So a checkpoint is exact with rows that are acknowledged out of order, with quoted line ends and compressed inputs,
//! as small as the window of rows under way, and costs a row nothing.
//!
//! [`state`] is what is said, [`store`] puts it on disk, [`keeper`] decides when, [`writer`] is the thread that waits for the
//! disk. [`RunDirectory`] is what users name. The loader asks `load/resume.rs` whether it may go on from what it finds.

mod asked;
mod directory;
mod error;
mod keeper;
mod span;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use asked::Asked;
pub use directory::RunDirectory;
pub use error::ResumeError;
pub(crate) use keeper::Keeper;
pub(crate) use span::Span;
pub(crate) use state::{InputState, State, Totals, VERSION, WrittenWith};
pub(crate) use store::{Lock, Store, sync_folder};
