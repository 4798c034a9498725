//! A statement the server has parsed.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use chorus_actors::{Engine, Preparation, RequestKind};
use chorus_protocol::response::KnownColumns;
use chorus_protocol::{ColumnSpec, CustomPayload, FrameShape, IntoRow};
use chorus_topology::{Route, TableId};

use super::BoundStatement;
use super::cache::Remembered;
use super::options::{StatementOptions, page_size_setter, statement_setters};
use super::template::Template;
use crate::encryption::EncryptedMarkers;
use crate::error::Error;
use crate::observe::{Outline, skip_blank};
use crate::request::Defaults;

/// A statement the server has parsed: its bind markers, their types and its partition key are known.
///
/// Made by [`Session::prepare`](crate::Session::prepare). Cloning is cheap, and setters change only the clone they are
/// called on:
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
/// use chorus::Consistency;
///
/// let insert = session.prepare("INSERT INTO shop.orders (id, total) VALUES (?, ?)").await?.idempotent(true);
/// let careful = insert.clone().consistency(Consistency::All);
/// session.execute(&insert, (1_i64, 250_i32)).await?;
/// session.execute(&careful, (2_i64, 999_i32)).await?;
/// # Ok(())
/// # }
/// ```
///
/// A statement belongs to the session that prepared it: its defaults and timestamps are those of that session. Another
/// session of the same cluster carries it out too, with a look-up by name for each request.
#[derive(Clone)]
pub struct PreparedStatement {
    pub(crate) shared: Arc<Prepared>,
    pub(crate) options: StatementOptions,
    /// Everything of a request that does not change from one execution to the next; or why the statement cannot be sent with
    /// its options.
    pub(crate) template: Result<Arc<Template>, Error>,
}

impl PreparedStatement {
    pub(crate) fn new(shared: Arc<Prepared>, options: StatementOptions) -> Result<Self, Error> {
        let template = Ok(Arc::new(Template::new(&shared, &options)?));
        Ok(Self { shared, options, template })
    }

    /// The template; or why the options cannot be sent, or the statement not any more.
    #[inline]
    pub(crate) fn template(&self) -> Result<&Template, Error> {
        self.shared.check_current()?;
        self.template.as_deref().map_err(Clone::clone)
    }

    statement_setters!(reshaped);
    page_size_setter!(reshaped);

    /// The CQL text.
    pub fn text(&self) -> &str {
        &self.shared.preparation.cql
    }

    /// Whether a server has said that the text means something else by now, because its table was made anew with other types or
    /// its name stands for another table. It cannot be executed any more then; preparing the text again gives the one that can.
    pub fn is_outdated(&self) -> bool {
        self.shared.preparation.is_outdated()
    }

    /// The server's id of the statement.
    pub fn id(&self) -> &Bytes {
        &self.shared.preparation.id
    }

    /// The bind markers: name, type and table of each, in order. Encrypted columns have the types of their plain values.
    pub fn bind_columns(&self) -> &[ColumnSpec] {
        &self.shared.bind
    }

    /// The columns of the result as they were when last heard of; empty when the statement returns no rows.
    pub fn result_columns(&self) -> Arc<[ColumnSpec]> {
        let columns = Arc::clone(self.shared.result.load().columns());
        self.shared.defaults.encryption.plain_columns(columns)
    }

    /// Which bind markers make up the partition key, in the order of the key. Empty when the key is not bound completely;
    /// the statement then cannot be sent straight to a replica.
    pub fn partition_key_indexes(&self) -> &[u16] {
        &self.shared.key_markers
    }

    /// Whether the server marked the statement as conditional (a lightweight transaction). Only ScyllaDB marks them.
    pub fn is_lwt(&self) -> bool {
        self.shared.lwt
    }

    /// What a query handler on the server sent along when the statement was prepared.
    pub fn prepared_payload(&self) -> Option<&CustomPayload> {
        Some(&self.shared.described.payload).filter(|payload| !payload.is_empty())
    }

    /// The keyspace and table of the first bind marker.
    pub fn table(&self) -> Option<(&str, &str)> {
        self.shared.bind.first().map(|column| (&*column.keyspace, &*column.table))
    }

    /// Encodes values for a later execution, as a member of a batch or of mixed concurrent work.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Values`](crate::ErrorKind::Values) when a value does not fit its bind marker, or their number differs.
    pub fn bind(&self, values: impl IntoRow) -> Result<BoundStatement, Error> {
        self.bind_ref(&values)
    }

    pub(crate) fn bind_ref(&self, values: &impl IntoRow) -> Result<BoundStatement, Error> {
        BoundStatement::new(self.clone(), values)
    }

    /// After a setter.
    fn reshaped(mut self) -> Self {
        self.template = Template::new(&self.shared, &self.options).map(Arc::new);
        self
    }
}

impl fmt::Debug for PreparedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedStatement")
            .field("text", &self.text())
            .field("bind_columns", &self.shared.bind.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The parts of a prepared statement that all its clones share.
pub(crate) struct Prepared {
    /// Id and text; the engine has it too, for servers that forget.
    pub(crate) preparation: Arc<Preparation>,
    /// What values are bound as; of encrypted columns the types of the plain values.
    pub(crate) bind: Arc<[ColumnSpec]>,
    /// Where some of them are encrypted.
    pub(crate) encrypted: Option<EncryptedMarkers>,
    /// The bind markers of the partition key, in the order of the key; empty when some are missing.
    pub(crate) key_markers: Box<[u16]>,
    /// Whether there are columns in its result. Conditional statements describe theirs in each answer.
    pub(crate) returns_rows: bool,
    /// How rows are decoded that come without description. Replaced when a server says that they changed.
    pub(crate) result: ArcSwap<ResultMetadata>,
    pub(crate) lwt: bool,
    pub(crate) kind: RequestKind,
    /// What the session's connections negotiated when the statement was prepared.
    pub(crate) shape: FrameShape,
    /// Kept for the other sessions of the cluster, and for what is rarely asked for.
    described: Arc<Described>,
    pub(crate) defaults: Arc<Defaults>,
    table: TableCell,
    /// For spans and logs, made when one of them asks first.
    outline: OnceLock<Arc<Outline>>,
    /// Set while a server sends a new metadata id without columns, so that it is logged once.
    pub(crate) warned_of_metadata: AtomicBool,
}

/// What servers told about a statement: the same for all sessions of a cluster.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) preparation: Arc<Preparation>,
    pub(crate) bind: Arc<[ColumnSpec]>,
    pub(crate) key_markers: Box<[u16]>,
    /// As it was then; each session keeps up with it on its own.
    pub(crate) result: ResultMetadata,
    pub(crate) lwt: bool,
    /// What the connections of the session that asked had negotiated.
    pub(crate) shape: FrameShape,
    /// What came along with the answer.
    pub(crate) payload: CustomPayload,
}

/// The columns of a result and the id the server gave them. Replaced as a pair, so that rows are always decoded by the
/// columns whose id went with the request.
#[derive(Debug, Clone)]
pub(crate) struct ResultMetadata {
    /// Empty when the server gave none.
    pub(crate) id: Bytes,
    pub(crate) known: KnownColumns,
}

impl ResultMetadata {
    pub(crate) fn new(id: Bytes, columns: Arc<[ColumnSpec]>) -> Self {
        Self { id, known: KnownColumns::new(columns) }
    }

    pub(crate) fn columns(&self) -> &Arc<[ColumnSpec]> {
        self.known.columns()
    }
}

impl Remembered for Described {
    fn is_outdated(&self) -> bool {
        self.preparation.is_outdated()
    }
}

impl Remembered for Prepared {
    fn is_outdated(&self) -> bool {
        self.preparation.is_outdated()
    }
}

impl Prepared {
    /// A session's statement of what servers told, and which of its markers are encrypted.
    pub(crate) fn new(
        described: Arc<Described>,
        defaults: Arc<Defaults>,
        encrypted: Option<EncryptedMarkers>,
    ) -> Self {
        Self {
            preparation: Arc::clone(&described.preparation),
            bind: Arc::clone(encrypted.as_ref().map_or(&described.bind, EncryptedMarkers::plain)),
            encrypted,
            key_markers: described.key_markers.clone(),
            returns_rows: !described.result.columns().is_empty(),
            result: ArcSwap::from_pointee(described.result.clone()),
            lwt: described.lwt,
            kind: kind_of(&described.preparation.cql),
            shape: described.shape,
            defaults,
            table: TableCell::default(),
            outline: OnceLock::new(),
            warned_of_metadata: AtomicBool::new(false),
            described,
        }
    }

    /// The engine's number of the statement's table, kept once it is known. Only for the session that prepared it.
    #[inline]
    pub(crate) fn table(&self, engine: &Engine) -> Option<TableId> {
        self.table.get_or_find(|| self.find_table(&engine.peek_route()))
    }

    /// # Errors
    ///
    /// What the server said, when the statement is outdated.
    #[inline]
    pub(crate) fn check_current(&self) -> Result<(), Error> {
        match self.preparation.is_outdated() {
            false => Ok(()),
            true => self.preparation.outdated().map_or(Ok(()), |error| Err(error.into())),
        }
    }

    /// The statement without its values.
    pub(crate) fn outline(&self) -> &Arc<Outline> {
        self.outline.get_or_init(|| Arc::new(Outline::of(&self.preparation.cql)))
    }

    /// The number of the statement's table in any engine's terms.
    pub(crate) fn find_table(&self, route: &Route) -> Option<TableId> {
        let column = self.bind.first()?;
        route.table_id(&column.keyspace, &column.table)
    }
}

/// A table id that may become known later.
#[derive(Debug)]
struct TableCell(AtomicU32);

impl TableCell {
    const UNKNOWN: u32 = u32::MAX;

    #[inline(always)]
    fn get_or_find(&self, find: impl FnOnce() -> Option<TableId>) -> Option<TableId> {
        match self.0.load(Ordering::Relaxed) {
            Self::UNKNOWN => self.find(find),
            id => Some(TableId(id)),
        }
    }

    #[cold]
    fn find(&self, find: impl FnOnce() -> Option<TableId>) -> Option<TableId> {
        let found = find()?;
        self.0.store(found.0, Ordering::Relaxed);
        Some(found)
    }
}

impl Default for TableCell {
    fn default() -> Self {
        Self(AtomicU32::new(Self::UNKNOWN))
    }
}

/// What a statement does, from its first word.
pub(crate) fn kind_of(text: &str) -> RequestKind {
    let word = first_word(text);
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    if is("SELECT") {
        RequestKind::Read
    } else if is("INSERT") || is("UPDATE") || is("DELETE") {
        RequestKind::Write
    } else if is("BEGIN") {
        RequestKind::Batch
    } else {
        RequestKind::Other
    }
}

/// The first word of CQL, after blanks and comments.
fn first_word(text: &str) -> &str {
    let (rest, _) = skip_blank(text);
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    &rest[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_is_read_from_the_first_word_behind_comments() {
        assert_eq!(kind_of("SELECT 1"), RequestKind::Read);
        assert_eq!(kind_of("  insert into t"), RequestKind::Write);
        assert_eq!(kind_of("-- note\n/* more\n */ Update t"), RequestKind::Write);
        assert_eq!(kind_of("// note\ndelete from t"), RequestKind::Write);
        assert_eq!(kind_of("BEGIN BATCH"), RequestKind::Batch);
        assert_eq!(kind_of("CREATE TABLE t"), RequestKind::Other);
        for text in ["", "--", "/* never closed", "/*/", "("] {
            assert_eq!(kind_of(text), RequestKind::Other, "{text:?}");
        }
    }

    #[test]
    fn table_is_looked_up_until_it_is_known() {
        let cell = TableCell::default();
        assert_eq!(cell.get_or_find(|| None), None);
        assert_eq!(cell.get_or_find(|| Some(TableId(7))), Some(TableId(7)));
        assert_eq!(cell.get_or_find(|| unreachable!("it is known")), Some(TableId(7)));
    }
}
