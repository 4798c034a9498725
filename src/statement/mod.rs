//! What can be sent: text, prepared statements with values, batches; and their options.
//!
//! A statement is plain data. Nothing here talks to anybody; the verbs in [`request`](crate::request) do.

mod batch;
mod bound;
mod cache;
mod options;
mod prepared;
mod replicas;
mod template;
mod text;

pub use batch::{Batch, BatchMember, BatchType};
pub use bound::BoundStatement;
pub(crate) use cache::{StatementCache, StatementKey};
pub(crate) use options::{PROXY_EXECUTE, StatementOptions, page_size_setter, request_setters};
pub use options::{PageSize, Timeout};
pub use prepared::PreparedStatement;
pub(crate) use prepared::{Described, Prepared, ResultMetadata, kind_of};
pub(crate) use template::{Route, Template, Written, token_of};
pub use text::Statement;
