//! The session: a table of contents. Each verb is in a file of its own under [`request`](crate::request) and beside it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use chorus_actors::{
    AgreementScope, ClusterEvents, Engine, ExecutionPolicies, MetricsSnapshot, ShutdownReport,
};
use chorus_protocol::{IntoRow, ProtocolVersion, Uuid};
use chorus_topology::{ClusterState, Host, SchemaScope};

use crate::SessionBuilder;
use crate::concurrent::{Concurrent, StatementSource, ValueSource};
use crate::config::{ExecutionProfile, SessionConfig};
use crate::error::Error;
use crate::ingest::BulkInsert;
use crate::request::{self, AnyStatement, Defaults, Execute};
use crate::result::{PagingState, QueryResult};
use crate::statement::{Batch, PreparedStatement, Statement, StatementCache};
use crate::stream::Pages;

/// A connection to a cluster: the handle everything is done with.
///
/// Cheap to clone; clones share connections, prepared statements and keyspace. Usable from any task of any tokio runtime,
/// and from none at all. One session for a program is the rule. The engine behind it ends when the last clone is dropped, or
/// with the runtime it lives on (see [`Placement`](crate::Placement)).
///
/// **When bytes are sent.** A request is encoded when its method is called and handed to the engine when its future is first
/// polled. **Dropping** a future cancels: a request that was not written yet is never sent; one that was may still take
/// effect on the server. **Order**: requests in flight at the same time may be carried out in any order, also those of one
/// task; await one before sending another that depends on it.
#[derive(Clone)]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) defaults: Arc<Defaults>,
    pub(crate) statements: StatementCache,
    /// The keyspace in use, as it is spelled in the schema.
    pub(crate) keyspace: ArcSwap<Option<Arc<str>>>,
    pub(crate) schema_agreement_timeout: Duration,
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
        let defaults = Defaults {
            session: NUMBER.fetch_add(1, Ordering::Relaxed),
            profile: config.profile,
            views: engine.views().clone(),
            policies,
            timestamps: config.timestamps,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                defaults: Arc::new(defaults),
                statements: StatementCache::new(),
                keyspace: ArcSwap::from_pointee(keyspace.map(Arc::from)),
                schema_agreement_timeout,
            }),
        })
    }
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
    /// A server that forgets the statement is told it again when that is noticed, behind the caller's back.
    ///
    /// # Errors
    ///
    /// The server's answer when the text is wrong; otherwise as for requests.
    pub async fn prepare(&self, statement: impl Into<Statement>) -> Result<PreparedStatement, Error> {
        request::prepare(self, statement.into()).await
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

    /// What is known of the cluster now: hosts, ring and schema. An immutable snapshot.
    pub fn state(&self) -> Arc<ClusterState> {
        self.inner.engine.state()
    }

    /// The version of the protocol that the session's connections speak.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.inner.engine.shape().version
    }

    /// Connects to the hosts that the load balancing policy of a profile wants beyond those the session has already, and returns
    /// when each of them has been tried. Not needed: requests with the profile do it too, and are served by the session's hosts
    /// until then. For profiles without a policy of their own there is nothing to do.
    pub async fn connect_profile(&self, profile: &ExecutionProfile) {
        if let Some(policy) = &profile.load_balancing {
            self.inner.engine.connect_for(policy).await;
        }
    }

    /// Counters and latencies of everything the session has done so far, gathered from every actor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the engine has ended.
    pub async fn metrics(&self) -> Result<MetricsSnapshot, Error> {
        Ok(self.inner.engine.metrics().await?)
    }

    /// Waits until all hosts know the same schema, for at most
    /// [`schema_agreement_timeout`](SessionBuilder::schema_agreement_timeout). Returns whether they do.
    ///
    /// # Errors
    ///
    /// When no host can be asked.
    pub async fn await_schema_agreement(&self) -> Result<bool, Error> {
        request::await_schema_agreement(self).await
    }

    /// Waits until the hosts in scope have the same schema, for at most `limit`. Each of them is asked for its own, over its
    /// own connection; [`await_schema_agreement`](Self::await_schema_agreement) asks one host about all, which is quicker.
    /// Returns the version they agree on; `None` when they do not in time, when one could not be asked, and when no host is
    /// in scope.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a limit of zero;
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the session has ended.
    pub async fn await_schema_agreement_among(
        &self,
        scope: AgreementScope,
        limit: Duration,
    ) -> Result<Option<Uuid>, Error> {
        request::await_agreement_among(self, scope, limit).await
    }

    /// Reads the whole schema again, once all hosts agree on it. Changes are learned without this, a moment after they
    /// happened.
    ///
    /// # Errors
    ///
    /// When no host can be asked; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when the hosts do not agree within
    /// [`schema_agreement_timeout`](SessionBuilder::schema_agreement_timeout). A timeout of zero does not wait for that.
    pub async fn refresh_schema(&self) -> Result<(), Error> {
        self.refresh_schema_of(SchemaScope::All).await
    }

    /// Reads a part of the schema again, once all hosts agree on it: a keyspace, a table, the types of a keyspace. What is
    /// gone is forgotten. Also where the schema is not [read otherwise](SessionBuilder::fetch_schema).
    ///
    /// # Errors
    ///
    /// Those of [`refresh_schema`](Self::refresh_schema).
    pub async fn refresh_schema_of(&self, part: SchemaScope) -> Result<(), Error> {
        request::refresh_schema(self, part).await
    }

    /// Reads the list of hosts again now. Changes are learned without this, a moment after they happened.
    ///
    /// # Errors
    ///
    /// When no host can be asked.
    pub async fn refresh_topology(&self) -> Result<(), Error> {
        Ok(self.inner.engine.refresh_topology().await?)
    }

    /// News of the cluster from now on: hosts that come, go, move, are up or down, changes of the schema, the control
    /// connection. The state has what an event tells when it is told. Any number of listeners may listen; one that does not
    /// keep up is told how much it missed. Dropping the stream ends listening.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) {
    /// use chorus::ClusterEvent;
    ///
    /// let mut events = session.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         ClusterEvent::HostDown(host) => println!("{} is down", host.address),
    ///         ClusterEvent::Schema(difference) => println!("{difference}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> ClusterEvents {
        self.inner.engine.events()
    }

    /// The host that tells the session what happens to the cluster; `None` while another is looked for.
    pub fn control_host(&self) -> Option<Arc<Host>> {
        self.inner.engine.control_host()
    }

    /// Turns reading the schema on or off, as [`fetch_schema`](SessionBuilder::fetch_schema) does for the beginning. Turning
    /// it on reads the whole schema now, without waiting for it; turning it off keeps what is known.
    pub fn set_fetch_schema(&self, fetch: bool) {
        self.inner.engine.set_fetch_schema(fetch);
    }

    /// Turns reading the tokens of hosts on or off, as [`fetch_tokens`](SessionBuilder::fetch_tokens) does for the
    /// beginning. Takes effect when the list of hosts has been read again, which is begun now.
    pub fn set_fetch_tokens(&self, fetch: bool) {
        self.inner.engine.set_fetch_tokens(fetch);
    }

    /// Ends the session for all its clones. Requests under way may finish within `limit`; new ones fail with
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed). When this returns, no connection and no thread of the
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
