//! Whole tables, read by token ranges.
//!
//! ```no_run
//! # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
//! let mut scan = session.scan("shop", "orders").columns(["id", "total"]).open().await?;
//! while let Some(page) = scan.next_page().await? {
//!     for row in page.rows::<(i64, i32)>()? {
//!         let (id, total) = row?;
//!         println!("order {id}: {total}");
//!     }
//! }
//! println!("{}", session.scan("shop", "orders").count().await?);
//! # Ok(())
//! # }
//! ```
//!
//! A query without a partition key is read by one host, which asks all others in turn. A scan cuts the tokens into *pieces* where
//! hosts (or tablets) begin, and asks for the pages of many of them at once, each of a host that has it. What is asked again and
//! again by one piece is `SELECT … WHERE token(key) > ? AND token(key) <= ?`, prepared once.
//!
//! **What is promised.** A row that is there from the beginning of a scan to its end is in exactly one of its pages, whatever
//! happens to hosts meanwhile. A row that is written, changed or deleted meanwhile is there as it was at some moment of the scan, or
//! not at all: there is no snapshot. A scan that ends without an error has read every piece to its end, and
//! [`TableScan::is_complete`] says so.
//!
//! **What is tried again.** A page that fails in a way that may pass (no answer in time, servers that are overloaded, unavailable
//! or gone, lost connections) is asked for again from the same place, of another replica first, with pauses that grow to two
//! seconds, until its piece has not got on for the [patience](Scan::patience). After a timeout pages become half as large, and a
//! piece of which nothing has come yet is cut into halves; parts that are too slow again are cut into more. Everything else ends the
//! scan with an error that names the table and the tokens.
//!
//! **Memory** is bounded by about two pages a piece under way, of which there are at most
//! [`concurrency`](Scan::concurrency).
//!
//! | file | what |
//! |---|---|
//! | `range.rs`, `plan.rs` | which pieces there are (pure) |
//! | `piece.rs`, `verdict.rs`, `hosts.rs` | what follows from a page or a failure, and whom to ask (pure) |
//! | `text.rs`, `statements.rs` | what is asked |
//! | `table_scan.rs` | a scan under way, in the task of its caller |
//! | `count.rs`, `partitions.rs`, `report.rs` | what is made of it |

mod count;
mod failure;
mod hosts;
mod page;
mod partitions;
mod piece;
mod plan;
mod progress;
mod range;
mod report;
mod statements;
mod table_scan;
mod text;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::Consistency;
use chorus_topology::metadata::Table;
use chorus_topology::{ClusterState, ReplicationStrategy, SchemaScope};

use self::plan::Layout;
use self::statements::Statements;
use self::table_scan::Source;
use self::text::Parts;
use crate::Session;
use crate::config::ExecutionProfile;
use crate::error::{Error, UsageProblem};
use crate::statement::{StatementOptions, Timeout};

pub use chorus_protocol::token::{AnyToken, Partitioner};
pub(crate) use failure::ScanFailure;
pub use page::ScanPage;
pub use progress::ScanProgress;
pub use range::ScanRange;
pub use report::{CountEnding, CountReport, PartitionCount, PartitionReport, RangeCount};
pub use table_scan::TableScan;

/// How many pieces there are for each that may be under way, so that all end at about the same time.
const PIECES_EACH: usize = 8;

/// A table to be read; made by [`Session::scan`]. Nothing is sent before [`open`](Self::open), [`count`](Self::count) or
/// [`top_partitions`](Self::top_partitions).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before open(), count() or top_partitions()"]
pub struct Scan {
    session: Session,
    keyspace: String,
    table: String,
    columns: Option<Vec<String>>,
    selectors: Vec<String>,
    filters: Vec<String>,
    allow_filtering: bool,
    ranges: Vec<ScanRange>,
    page_size: Option<u32>,
    concurrency: usize,
    patience: Duration,
    options: StatementOptions,
    progress: ScanProgress,
}

impl Session {
    /// Reads a whole table, or a materialized view, by token ranges: as fast as many hosts can, and to the end even when some of them
    /// fail. Names are as they are in the schema, unquoted. See [`scan`](crate::scan).
    pub fn scan(&self, keyspace: impl Into<String>, table: impl Into<String>) -> Scan {
        Scan {
            session: self.clone(),
            keyspace: keyspace.into(),
            table: table.into(),
            columns: None,
            selectors: Vec::new(),
            filters: Vec::new(),
            allow_filtering: false,
            ranges: vec![ScanRange::ALL],
            page_size: None,
            concurrency: 16,
            patience: Duration::from_secs(60),
            options: StatementOptions::default(),
            progress: ScanProgress::default(),
        }
    }
}

/// What is read.
impl Scan {
    /// The columns, by their names in the schema, unquoted. Defaults to all, in the table's order.
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Adds something else to be selected behind the columns, as it stands in CQL: `writetime(total)`, `ttl(total)`.
    pub fn selector(mut self, cql: impl Into<String>) -> Self {
        self.selectors.push(cql.into());
        self
    }

    /// Adds a relation that rows must fulfil, as it stands in CQL: `total > 100`. It has no bind markers, and does not restrict the
    /// partition key, which the scan itself does. Most need [`allow_filtering`](Self::allow_filtering).
    pub fn filter(mut self, relation: impl Into<String>) -> Self {
        self.filters.push(relation.into());
        self
    }

    /// Lets servers read rows that they then leave out. Defaults to false.
    pub fn allow_filtering(mut self, allow: bool) -> Self {
        self.allow_filtering = allow;
        self
    }

    /// Only the rows whose tokens are in these ranges: what another scan had left, or this program's share of the work. They may
    /// overlap; a row comes once. Defaults to all tokens.
    pub fn ranges(mut self, ranges: impl IntoIterator<Item = ScanRange>) -> Self {
        self.ranges = ranges.into_iter().collect();
        self
    }
}

/// How it is read.
impl Scan {
    /// The most rows of a page; at least 1. Defaults to the profile's size, which defaults to 5000. Of a count it is how much servers
    /// look at in one go.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = Some(rows.max(1));
        self
    }

    /// How many replicas must answer. Defaults to the profile's level, which defaults to `LOCAL_ONE`.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.options.consistency = Some(consistency);
        self
    }

    /// The time one page may take, or the count of one piece; `None` means for ever. Defaults to the profile's timeout, which
    /// defaults to 10 seconds.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.options.timeout = Some(timeout.into());
        self
    }

    /// Uses this profile for whatever is not set here; its speculation is left out. Defaults to the session's profile.
    pub fn profile(mut self, profile: &ExecutionProfile) -> Self {
        self.options.profile = Some(Arc::new(profile.clone()));
        self
    }

    /// The most requests in flight, each for a piece of its own; at least 1. Defaults to 16.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// How long a piece may go without getting on, from its first failure, before the scan fails. Defaults to one minute.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A view of the scan, for other tasks, and the way to stop it.
    #[must_use]
    pub fn progress(&self) -> ScanProgress {
        self.progress.clone()
    }

    /// Prepares the statement and returns the scan, of which nothing was read yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a table or column that is not there, for a table that every host has its own
    /// rows of, and for filters with bind markers; what the server says of the statement; and as for requests.
    pub async fn open(self) -> Result<TableScan, Error> {
        let table = self.known_table().await?;
        let selected = self.selected(&table)?;
        self.begin(&table, selected, false).await
    }
}

impl Scan {
    /// Begins reading `selected`, as it stands in CQL; `counts` when that is one number a piece.
    async fn begin(self, table: &Table, selected: String, counts: bool) -> Result<TableScan, Error> {
        let session = self.session;
        session.check_process()?;
        let parts = Parts::new(table, selected, &self.filters, self.allow_filtering);
        let state = session.state();
        let number = state.route.table_id(&self.keyspace, &self.table);
        let layout = Layout::of(&state, number);
        let ranges = layout.ranges(&self.ranges, self.concurrency.saturating_mul(PIECES_EACH));
        let options = statements::repeatable(self.options);
        let page_size = self.page_size.unwrap_or_else(|| statements::page_rows(&session, &options));
        let statements = Statements::prepare(&session, &parts, &options, &ranges).await?;
        let columns = statements.columns();
        let source = Source {
            session,
            keyspace: self.keyspace,
            table: number,
            table_text: parts.table,
            layout,
            statements,
            columns,
            counts,
            page_size,
            concurrency: self.concurrency,
            patience: self.patience,
            progress: self.progress,
        };
        Ok(TableScan::new(source, ranges))
    }

    /// The table in the schema, which is read again for one that is not known: it may be new.
    async fn known_table(&self) -> Result<Table, Error> {
        let state = self.session.state();
        if let Some(table) = self.table_in(&state)? {
            return Ok(table);
        }
        self.session.refresh_schema_of(SchemaScope::Keyspace(self.keyspace.as_str().into())).await?;
        let unknown = || UsageProblem::UnknownTable {
            keyspace: self.keyspace.as_str().into(),
            table: self.table.as_str().into(),
        };
        self.table_in(&self.session.state())?.ok_or_else(|| unknown().into())
    }

    fn table_in(&self, state: &ClusterState) -> Result<Option<Table>, Error> {
        let Some(keyspace) = state.keyspace(&self.keyspace) else { return Ok(None) };
        let Some(table) = keyspace.table(&self.table) else { return Ok(None) };
        if keyspace.is_virtual || table.is_virtual || keyspace.replication == ReplicationStrategy::Local {
            let (keyspace, table) = (self.keyspace.as_str().into(), self.table.as_str().into());
            return Err(UsageProblem::LocalTable { keyspace, table }.into());
        }
        Ok(Some(table.clone()))
    }

    /// What is selected, as it stands in CQL.
    fn selected(&self, table: &Table) -> Result<String, Error> {
        let Some(columns) = &self.columns else {
            return Ok(text::selected(table.columns.iter().map(|column| &*column.name), &self.selectors));
        };
        if let Some(unknown) = columns.iter().find(|name| table.column(name).is_none()) {
            return Err(UsageProblem::UnknownColumn {
                keyspace: self.keyspace.as_str().into(),
                table: self.table.as_str().into(),
                column: unknown.as_str().into(),
            }
            .into());
        }
        if columns.is_empty() && self.selectors.is_empty() {
            return Err(UsageProblem::NothingSelected.into());
        }
        Ok(text::selected(columns.iter().map(String::as_str), &self.selectors))
    }
}
