//! Several statements in one request.

use std::sync::Arc;

use chorus_protocol::IntoRow;
use chorus_protocol::request::BatchKind;

use super::options::{StatementOptions, statement_setters};
use super::{BoundStatement, PreparedStatement, Statement};
use crate::error::Error;

/// How the statements of a batch belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BatchType {
    /// All are applied in the end, or none: the batch is written to a log on two more hosts first.
    #[default]
    Logged,
    /// Each may fail alone. Cheap when all are in one partition, which is then written in one piece.
    Unlogged,
    /// Counter updates.
    Counter,
}

impl BatchType {
    /// As the protocol has it.
    pub(crate) fn wire(self) -> BatchKind {
        match self {
            BatchType::Logged => BatchKind::Logged,
            BatchType::Unlogged => BatchKind::Unlogged,
            BatchType::Counter => BatchKind::Counter,
        }
    }
}

/// Several INSERT, UPDATE and DELETE statements in one request.
///
/// Options are those of the batch: consistency, timeout, timestamp and the rest of its members' own are not sent, except for custom
/// payloads, which are sent together; of several values of a key the batch's own wins, then that of the last member. The batch
/// goes to a replica of the first member whose partition is known. A batch is no means of loading data faster, unless all
/// its members belong to one partition; for that there is [`Session::bulk`](crate::Session::bulk). The first logged batch of
/// a session that spans partitions is warned about in the log.
///
/// **Order.** There is none: all members are written with one timestamp. Of two that write the same cell a deletion wins, and of
/// two values the greater one; whoever needs an order says `USING TIMESTAMP` in the texts, or sends requests one after the other.
///
/// Members are text without values, and prepared statements with theirs; a text with values is prepared by
/// [`Session::bind`](crate::Session::bind) when it is needed.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
/// use chorus::Batch;
///
/// let insert = session.prepare("INSERT INTO shop.items (cart, item) VALUES (?, ?)").await?;
/// let mut batch = Batch::unlogged();
/// for item in 0..3_i32 {
///     batch.bind(&insert, (7_i64, item))?;
/// }
/// batch.push("DELETE FROM shop.empty_carts WHERE cart = 7");
/// session.batch(&batch).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) kind: BatchType,
    pub(crate) members: Vec<BatchMember>,
    pub(crate) keyspace: Option<Arc<str>>,
    pub(crate) options: StatementOptions,
}

/// One statement of a batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BatchMember {
    /// CQL text without bind markers.
    Text(Statement),
    /// A prepared statement with its values.
    Bound(BoundStatement),
}

impl Batch {
    /// An empty batch of the given type.
    pub fn new(kind: BatchType) -> Self {
        Self { kind, members: Vec::new(), keyspace: None, options: StatementOptions::default() }
    }

    /// An empty batch that is applied as a whole in the end.
    pub fn logged() -> Self {
        Self::new(BatchType::Logged)
    }

    /// An empty batch whose members may fail one by one.
    pub fn unlogged() -> Self {
        Self::new(BatchType::Unlogged)
    }

    /// An empty batch of counter updates.
    pub fn counter() -> Self {
        Self::new(BatchType::Counter)
    }

    statement_setters!(unchanged);

    /// Resolves unqualified table names of members that are text in this keyspace instead of the session's; prepared members
    /// keep theirs. Needs protocol v5; on a lower version the batch fails with
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported). Defaults to the session's keyspace.
    #[must_use]
    pub fn keyspace(mut self, name: impl Into<Arc<str>>) -> Self {
        self.keyspace = Some(name.into());
        self
    }

    /// Adds a statement: a text without bind markers, or a bound statement.
    pub fn push(&mut self, member: impl Into<BatchMember>) -> &mut Self {
        self.members.push(member.into());
        self
    }

    /// Adds a prepared statement with values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Values`](crate::ErrorKind::Values) when a value does not fit its bind marker, or their number differs.
    /// The batch is then as it was.
    pub fn bind(&mut self, statement: &PreparedStatement, values: impl IntoRow) -> Result<&mut Self, Error> {
        let bound = statement.bind(values)?;
        Ok(self.push(bound))
    }

    /// How the members belong together.
    pub fn kind(&self) -> BatchType {
        self.kind
    }

    /// The members, in order.
    pub fn members(&self) -> &[BatchMember] {
        &self.members
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a member is marked as conditional by the server; see [`PreparedStatement::is_lwt`].
    pub fn is_lwt(&self) -> bool {
        self.members.iter().any(|member| match member {
            BatchMember::Bound(bound) => bound.prepared().is_lwt(),
            BatchMember::Text(_) => false,
        })
    }

    /// Removes all members; options stay.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// The text of the first member.
    pub(crate) fn first_text(&self) -> Option<Arc<str>> {
        Some(match self.members.first()? {
            BatchMember::Text(statement) => Arc::clone(&statement.text),
            BatchMember::Bound(bound) => Arc::clone(&bound.prepared.shared.preparation.cql),
        })
    }

    fn unchanged(self) -> Self {
        self
    }
}

impl<M: Into<BatchMember>> Extend<M> for Batch {
    fn extend<I: IntoIterator<Item = M>>(&mut self, members: I) {
        self.members.extend(members.into_iter().map(Into::into));
    }
}

impl From<BoundStatement> for BatchMember {
    fn from(statement: BoundStatement) -> Self {
        BatchMember::Bound(statement)
    }
}

impl From<Statement> for BatchMember {
    fn from(statement: Statement) -> Self {
        BatchMember::Text(statement)
    }
}

impl From<&str> for BatchMember {
    fn from(text: &str) -> Self {
        BatchMember::Text(text.into())
    }
}

impl From<String> for BatchMember {
    fn from(text: String) -> Self {
        BatchMember::Text(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleared_batch_keeps_its_options() {
        let mut batch = Batch::counter().idempotent(true);
        batch
            .push("UPDATE a SET n = n + 1 WHERE k = 1")
            .push(Statement::new("UPDATE a SET n = n + 1 WHERE k = 2"));
        assert_eq!(batch.len(), 2);
        batch.clear();
        assert!(batch.is_empty() && batch.options.idempotent);
        assert_eq!(batch.kind(), BatchType::Counter);
    }
}
