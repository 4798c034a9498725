//! Several writes in one request.

use std::fmt;

use futures::future::BoxFuture;

use super::operation::{Operation, Write, applied};
use super::written::Written;
use super::{Insert, Mapper, MapperError, Model, WriteTime};
use crate::statement::{StatementOptions, request_setters};
use crate::{Batch as Statements, BatchType};

/// Writes that are sent as one request, made by [`Mapper::batch`]: inserts, updates, deletions and savings of rows, of any models of mappers of
/// one session. Sent when it is awaited; dropped before that, nothing is sent. Without members nothing is sent either.
///
/// Logged unless told otherwise: all of it takes effect in the end, or none does. A batch is no means of writing faster, unless all its members
/// belong to one partition; for that there is [`Mapper::insert_all`].
///
/// **Order.** There is none: all members are written with one time. Of two that write the same cell a deletion wins, and of two values the
/// greater one; whoever needs an order gives its members [timestamps](Insert::timestamp), or sends them one after the other.
///
/// Options are those of the batch; of its members, times to live, timestamps and conditions count, and nothing else. Conditions make the
/// whole batch a lightweight transaction, which must be of one partition.
///
/// ```no_run
/// # use chorus::mapper::{Column, Mapper, MapperError, Model};
/// # async fn example<User: Model<PrimaryKey = (i64,)>>(mapper: Mapper, user: User, name: Column<User, String>) -> Result<(), MapperError> {
/// mapper
///     .batch()
///     .insert(&user)
///     .push(mapper.update::<User>((8,)).set(name, "Io"))
///     .push(mapper.delete::<User>((9,)))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When awaited: those of its members, the first of them; [`MapperError::NotApplied`] when a condition of a member does not hold, and then no
/// member was written; [`MapperError::Statement`] for members of another session; the errors of requests.
#[must_use = "nothing is sent before it is awaited"]
pub struct Batch<'v> {
    mapper: &'v Mapper,
    kind: BatchType,
    members: Result<Vec<Operation<'v>>, MapperError>,
    callbacks: Vec<Box<dyn FnOnce() + Send + 'v>>,
    timestamp: Option<WriteTime>,
    idempotent: Option<bool>,
    options: StatementOptions,
}

impl Mapper {
    /// Several writes in one request.
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            mapper: self,
            kind: BatchType::Logged,
            members: Ok(Vec::new()),
            callbacks: Vec::new(),
            timestamp: None,
            idempotent: None,
            options: StatementOptions::default(),
        }
    }
}

impl<'v> Batch<'v> {
    /// Its members may fail one by one; cheap when all are in one partition.
    pub fn unlogged(mut self) -> Self {
        self.kind = BatchType::Unlogged;
        self
    }

    /// Its members change counters.
    pub fn counter(mut self) -> Self {
        self.kind = BatchType::Counter;
        self
    }

    /// Adds a write, with its time to live, timestamp and conditions. Nothing is added for an update without assignments, and for a row of
    /// which nothing has changed.
    pub fn push(mut self, write: impl Write<'v>) -> Self {
        if let Ok(members) = &mut self.members {
            let session = write.mapper().session.id();
            match write.into_operation() {
                Ok(Some(operation)) if session != self.mapper.session.id() => {
                    self.members = Err(MapperError::Statement {
                        table: operation.table.into_owned(),
                        reason: "a batch goes to one session, and this write is another's".into(),
                    });
                }
                Ok(operation) => members.extend(operation),
                Err(error) => self.members = Err(error),
            }
        }
        self
    }

    /// Adds the [insertion](Mapper::insert) of a row.
    pub fn insert<M: Model>(self, model: &'v M) -> Self {
        let insert: Insert<'v, M> = self.mapper.insert(model);
        self.push(insert)
    }

    /// Adds the [deletion](Mapper::remove) of a row.
    pub fn remove<M: Model>(self, model: &M) -> Self {
        let delete = self.mapper.remove(model);
        self.push(delete)
    }

    /// Calls this once the batch has been written, or had nothing to write; not when it fails. Called several times, in their order.
    pub fn after(mut self, callback: impl FnOnce() + Send + 'v) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The time the batch counts as of, for members that have none of their own. Defaults to one of the session's generator.
    pub fn timestamp(mut self, time: impl Into<WriteTime>) -> Self {
        self.timestamp = Some(time.into());
        self
    }

    /// Whether doing this twice does no harm; see [`Insert::idempotent`]. Defaults to whether it is so for all members.
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    request_setters!(unchanged);

    /// How many members there are so far.
    pub fn len(&self) -> usize {
        self.members.as_ref().map_or(0, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn unchanged(self) -> Self {
        self
    }

    async fn send(self) -> Result<Written, MapperError> {
        let mut members = self.members?;
        let written = if members.is_empty() {
            Written::NOTHING
        } else {
            let mut batch = Statements::new(self.kind);
            batch.options = self.options;
            batch.options.timestamp = self.timestamp.map(|WriteTime(microseconds)| microseconds);
            batch.options.idempotent =
                self.idempotent.unwrap_or_else(|| members.iter().all(|member| member.idempotent));
            for member in &mut members {
                batch.push(member.bind(self.mapper).await?);
            }
            let result = self.mapper.session.batch(&batch).await?;
            Written::sent(applied(result, &members[0].table)?)
        };
        for then in members.into_iter().filter_map(|member| member.then).chain(self.callbacks) {
            then();
        }
        Ok(written)
    }
}

/// Sends it.
impl<'v> IntoFuture for Batch<'v> {
    type Output = Result<Written, MapperError>;
    type IntoFuture = BoxFuture<'v, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("kind", &self.kind)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}
