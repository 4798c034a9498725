//! The session: a table of contents. Each verb is in a file of its own under [`request`](crate::request) and beside it.

mod cluster;
mod profiles;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use chorus_actors::{Engine, ExecutionPolicies, MetricsSnapshot, ShutdownReport};
use chorus_protocol::{Consistency, IntoRow, ProtocolVersion, Uuid};
use chorus_topology::metadata::Schema;

use crate::SessionBuilder;
use crate::concurrent::{Concurrent, StatementSource, ValueSource};
use crate::config::{ExecutionProfile, Profiles, SessionConfig};
use crate::error::{Error, UsageProblem};
use crate::ingest::BulkInsert;
use crate::observe::{Observers, SpanOf};
use crate::request::{self, AnyStatement, Defaults, Execute, SpanningBatches};
use crate::result::{PagingState, QueryResult};
use crate::statement::{
    Batch, BoundStatement, Described, Prepared, PreparedStatement, Statement, StatementCache,
};
use crate::stream::Pages;
use crate::trace::{self, Trace, TraceOptions};

/// A connection to a cluster: the handle everything is done with.
///
/// Cheap to clone; clones share connections, prepared statements and keyspace. Usable from any task of any tokio runtime,
/// and from none at all. One session for a program is the rule. The engine behind it ends when the last clone is dropped, or
/// with the runtime it lives on (see [`Placement`](crate::Placement)).
///
/// **When bytes are sent.** A request is encoded when its method is called and handed to the engine when its future is first
/// polled. **Dropping** a future cancels: a request that was not written yet is never sent; one that was may still take
/// effect on the server. **Order**: requests in flight at the same time may be carried out in any order, also those of one
/// task; await one before sending another that depends on it. **Processes**: a session is threads and sockets, which a fork does
/// not copy; open it after the fork, one in each process (`examples/workers.rs`). A process that uses a session it inherited gets
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage), instead of waiting for ever; [`execute`](Self::execute) checks that in debug builds only.
#[derive(Clone)]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) defaults: Arc<Defaults>,
    pub(crate) statements: StatementCache<Prepared>,
    /// The schema that the statements known were last compared with.
    pub(crate) schema_seen: ArcSwap<Schema>,
    /// What servers told the sessions of the cluster.
    pub(crate) described: Arc<StatementCache<Described>>,
    /// The keyspace in use, as it is spelled in the schema.
    pub(crate) keyspace: ArcSwap<Option<Arc<str>>>,
    pub(crate) schema_agreement_timeout: Duration,
    /// `None` waits for traces for ever.
    pub(crate) trace_limit: Option<Duration>,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) observers: Observers,
    pub(crate) spanning_batches: SpanningBatches,
    id: Uuid,
}

impl Session {
    /// A builder with every default, and no contact point.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::new()
    }

    pub(crate) async fn open(config: SessionConfig) -> Result<Self, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let policies = ExecutionPolicies {
            load_balancing: Arc::clone(&config.engine.load_balancing),
            view: chorus_topology::ViewId::SESSION,
            retry: Arc::clone(&config.engine.retry),
            speculative: config.engine.speculative.clone(),
        };
        let keyspace = config.engine.keyspace.clone();
        let schema_agreement_timeout = config.engine.schema_agreement_timeout;
        let engine = Engine::connect(config.engine).await?;
        warn_of_chance(&engine, &config.profile);
        let defaults = Defaults {
            session: NUMBER.fetch_add(1, Ordering::Relaxed),
            profile: config.profile,
            consistency: match engine.agreement().is_astra {
                true => Consistency::LocalQuorum,
                false => ExecutionProfile::DEFAULT_CONSISTENCY,
            },
            views: engine.views().clone(),
            policies,
            timestamps: config.timestamps,
            encryption: config.encryption,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                defaults: Arc::new(defaults),
                statements: StatementCache::new(),
                schema_seen: ArcSwap::default(),
                described: config.described,
                keyspace: ArcSwap::from_pointee(keyspace.map(Arc::from)),
                schema_agreement_timeout,
                trace_limit: config.trace_limit,
                profiles: config.profiles,
                observers: Observers::new(config.observation),
                spanning_batches: SpanningBatches::default(),
                id: Uuid::new_v4(),
            }),
        })
    }
}

impl Session {
    /// Refuses what belongs to the process this one was forked off from.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        let (opened, here) = (self.inner.engine.process(), std::process::id());
        if opened == here { Ok(()) } else { Err(UsageProblem::Forked { opened, here }.into()) }
    }
}

/// Says which datacenter is taken for the local one where that is a matter of chance.
fn warn_of_chance(engine: &Engine, profile: &ExecutionProfile) {
    let state = engine.state();
    if !is_chance(profile, state.route.datacenters().len()) {
        return;
    }
    let contact = engine.control_host();
    tracing::warn!(
        contact = ?contact.as_ref().map(|host| host.address),
        local = ?contact.as_ref().map(|host| &host.datacenter),
        datacenters = ?state.route.datacenters(),
        policy = ?engine.policies().load_balancing,
        "contact points were given, but no load balancing policy: the datacenter of the one that answered first is taken for \
         the local one"
    );
}

/// Whether the program left it to the order of its contact points which of several datacenters is near.
fn is_chance(profile: &ExecutionProfile, datacenters: usize) -> bool {
    profile.load_balancing.is_none() && datacenters > 1
}

/// Requests.
impl Session {
    /// Sends CQL text and returns the first page of its result, which is the whole result unless
    /// [`is_last_page`](QueryResult::is_last_page) says otherwise.
    ///
    /// Values go to `?` or `:name` markers; text with values is prepared first, because only the server knows their types,
    /// and the session remembers the last few hundred such texts. A schema change returns once all hosts know it; `USE`
    /// switches the keyspace of the whole session.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind): the server's answer, time, connections, or values that do not fit.
    pub async fn query(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
    ) -> Result<QueryResult, Error> {
        request::query(self, statement.into(), values, None).await
    }

    /// Sends CQL text and returns the page that begins at `page`, or the first page for `None`.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query).
    pub async fn query_page(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        request::query(self, statement.into(), values, page).await
    }

    /// Sends CQL text and returns its result page by page; see [`Pages`]. The next page is fetched while the current one is
    /// read.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query).
    pub async fn query_iter(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
    ) -> Result<Pages, Error> {
        request::query_iter(self, statement.into(), values).await
    }

    /// Has the server parse a statement once for many executions. Preparing a text again returns the statement there is,
    /// also when both are prepared at the same time.
    ///
    /// One host prepares it, then all others do (see [`prepare_on_all_hosts`](SessionBuilder::prepare_on_all_hosts)). A server
    /// that forgets the statement is told it again when that is noticed, behind the caller's back. A
    /// [keyspace](Statement::keyspace) and a [custom payload](Statement::custom_payload) of the statement go with the PREPARE;
    /// its other options are those of its executions.
    ///
    /// # Errors
    ///
    /// The server's answer when the text is wrong; otherwise as for requests.
    pub async fn prepare(&self, statement: impl Into<Statement>) -> Result<PreparedStatement, Error> {
        request::prepare(self, statement.into()).await
    }

    /// A text with its values, for a [batch](Batch) or for [concurrent](Self::execute_concurrent) work of mixed statements. The
    /// text is prepared behind the scenes, as by [`query`](Self::query).
    ///
    /// # Errors
    ///
    /// The server's answer when the text is wrong; [`ErrorKind::Values`](crate::ErrorKind::Values) when a value does not fit
    /// its bind marker, or their number differs.
    pub async fn bind(
        &self,
        statement: impl Into<Statement>,
        values: impl IntoRow,
    ) -> Result<BoundStatement, Error> {
        request::bind(self, statement.into(), values).await
    }

    /// Executes a prepared statement and returns the first page of its result, which is the whole result unless
    /// [`is_last_page`](QueryResult::is_last_page) says otherwise.
    ///
    /// Values are encoded before this method returns, so the future does not borrow them. The request goes straight to a
    /// replica of its partition, on ScyllaDB to the right shard.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind): the server's answer, time, connections, or values that do not fit.
    #[inline]
    pub fn execute(&self, statement: &PreparedStatement, values: impl IntoRow) -> Execute<'_> {
        request::execute(self, statement, &values)
    }

    /// Executes a prepared statement and returns the page that begins at `page`, or the first page for `None`.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn execute_page(
        &self,
        statement: &PreparedStatement,
        values: impl IntoRow,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        request::execute_page(self, statement, values, page).await
    }

    /// Executes a prepared statement and returns its result page by page; see [`Pages`]. The next page is fetched while the
    /// current one is read.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn execute_iter(
        &self,
        statement: &PreparedStatement,
        values: impl IntoRow,
    ) -> Result<Pages, Error> {
        request::execute_iter(self, statement, values).await
    }

    /// Carries out a statement of any kind (a text without values, a bound statement, a batch) and returns the first page of its
    /// result.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn run(&self, statement: impl Into<AnyStatement>) -> Result<QueryResult, Error> {
        self.run_page(statement, None).await
    }

    /// Carries out a statement of any kind and returns the page that begins at `page`, or the first page for `None`.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn run_page(
        &self,
        statement: impl Into<AnyStatement>,
        page: Option<PagingState>,
    ) -> Result<QueryResult, Error> {
        request::send(self, &statement.into(), page.as_ref(), SpanOf::Request)?.finish(self).await
    }

    /// Carries out a statement of any kind and returns its result page by page; see [`Pages`].
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn run_iter(&self, statement: impl Into<AnyStatement>) -> Result<Pages, Error> {
        Pages::open(self.clone(), statement.into()).await
    }

    /// What servers did for a request that was [traced](Statement::tracing), by the
    /// [id](QueryResult::tracing_id) its result has. They write it down some time after the answer: this waits, for as long as
    /// [`trace_timeout`](SessionBuilder::trace_timeout) says, until it is complete.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
    /// use chorus::Statement;
    ///
    /// let result = session.query(Statement::new("SELECT * FROM shop.orders").tracing(true), ()).await?;
    /// println!("{}", result.trace(&session).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when it is not complete in time, or there is no such trace; the errors of
    /// reading it otherwise.
    pub async fn trace(&self, id: Uuid) -> Result<Trace, Error> {
        trace::fetch(self, id, TraceOptions::new()).await
    }

    /// The same, waiting and reading as the options say.
    ///
    /// # Errors
    ///
    /// Those of [`trace`](Self::trace).
    pub async fn trace_with(&self, id: Uuid, options: TraceOptions) -> Result<Trace, Error> {
        trace::fetch(self, id, options).await
    }

    /// Sends several statements as one.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute); [`ErrorKind::Usage`](crate::ErrorKind::Usage) for more than 65535 members.
    pub async fn batch(&self, batch: &Batch) -> Result<QueryResult, Error> {
        request::batch(self, batch).await
    }
}

/// Many requests.
impl Session {
    /// Carries out many statements with at most 100 (or as set) in flight. `statements` is consumed lazily; nothing is sent
    /// before one of the ends of [`Concurrent`] is called.
    pub fn execute_concurrent<I>(&self, statements: I) -> Concurrent<StatementSource<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: Into<AnyStatement>,
    {
        Concurrent::new(self.clone(), StatementSource::new(statements.into_iter()))
    }

    /// Executes one statement for each row of values, with at most 100 (or as set) in flight. `rows` is consumed lazily;
    /// nothing is sent before one of the ends of [`Concurrent`] is called.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
    /// let insert = session.prepare("INSERT INTO shop.squares (n, square) VALUES (?, ?)").await?;
    /// let rows = (0..10_000_i32).map(|n| (n, i64::from(n) * i64::from(n)));
    /// session.execute_concurrent_with_args(&insert, rows).concurrency(512).run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn execute_concurrent_with_args<I>(
        &self,
        statement: &PreparedStatement,
        rows: I,
    ) -> Concurrent<ValueSource<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: IntoRow,
    {
        Concurrent::new(self.clone(), ValueSource::new(statement.clone(), rows.into_iter()))
    }

    /// Writes many rows with one statement as fast as the servers take them, for loads whose results nobody looks at; see
    /// [`BulkInsert`].
    pub fn bulk(&self, statement: &PreparedStatement) -> BulkInsert {
        BulkInsert::new(self.clone(), statement.clone())
    }
}

/// The session itself.
impl Session {
    /// Switches the keyspace of unqualified names, on every connection, and returns when all have switched. The name is
    /// taken as it is spelled in the schema: `Shop` is not `shop`.
    ///
    /// Requests in flight meanwhile are carried out in either keyspace. Statements keep the keyspace they were prepared in.
    ///
    /// # Errors
    ///
    /// The server's answer when there is no such keyspace; the session then stays where it was.
    pub async fn use_keyspace(&self, name: impl Into<String>) -> Result<(), Error> {
        request::use_keyspace(self, name.into()).await
    }

    /// The keyspace of unqualified names, if there is one.
    pub fn keyspace(&self) -> Option<Arc<str>> {
        self.inner.keyspace.load().as_ref().clone()
    }

    /// The version of the protocol that the session's connections speak.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.inner.engine.shape().version
    }

    /// An identity of this session: random, and known to nobody but the program. Servers are told that of the
    /// [cluster](crate::Cluster::id), which all its sessions have in common.
    pub fn id(&self) -> Uuid {
        self.inner.id
    }

    /// Counters and latencies of everything the session has done so far, gathered from every actor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended.
    pub async fn metrics(&self) -> Result<MetricsSnapshot, Error> {
        self.check_process()?;
        Ok(self.inner.engine.metrics().await?)
    }

    /// Ends the session for all its clones. Requests under way may finish within `limit`, then connections are closed, for which
    /// at least 100 ms are left; new requests fail with [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed). When this returns, no connection and no thread of the
    /// session is left. Calling it again reports nothing left to do.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.inner.engine.shutdown(limit).await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("keyspace", &self.keyspace()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chorus_topology::RoundRobin;

    use super::*;

    #[test]
    fn a_datacenter_that_was_chosen_by_chance_is_warned_about() {
        let chosen = ExecutionProfile::new().load_balancing(Arc::new(RoundRobin::new()));
        assert!(is_chance(&ExecutionProfile::new(), 2));
        assert!(!is_chance(&ExecutionProfile::new(), 1), "there is nothing to choose");
        assert!(!is_chance(&chosen, 2));
    }
}
