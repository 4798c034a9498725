//! What a session asks of the control plane.

use std::{sync::Arc, time::Duration};

use chorus_topology::{Host, HostIndex, LoadBalancingPolicy, SchemaScope, TableId, TabletHint};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Engine;
use crate::{
    cluster::{
        AdmitPolicies, AgreeAmong, AgreeOnSchema, AgreementScope, ChangeKeyspace, ClusterEvents,
        LearnTablets, Pause, PrepareElsewhere, Refresh, UseKeyspaceError,
    },
    control::{ControlError, Scope},
    request::Preparation,
};

impl Engine {
    /// Uses a keyspace on every connection, present and future. Returns when all connections have changed; requests
    /// sent before that may still run in the old one.
    ///
    /// # Errors
    ///
    /// When the server refuses the keyspace, in which case nothing has changed, or when some connections could not change
    /// and are being replaced.
    pub async fn use_keyspace(&self, keyspace: &str) -> Result<(), UseKeyspaceError> {
        let (answer, changed) = oneshot::channel();
        self.shared.cluster.do_send(ChangeKeyspace { keyspace: Arc::from(keyspace), answer });
        changed.await.unwrap_or(Err(UseKeyspaceError::ShutDown))
    }

    /// Reads a part of the schema again, whether or not the schema is read otherwise. Returns when [`state`](Self::state)
    /// has it; what is gone is forgotten.
    ///
    /// # Errors
    ///
    /// When there is no control connection, or it was lost meanwhile.
    pub async fn refresh_schema(&self, part: SchemaScope) -> Result<(), ControlError> {
        self.refresh(Scope::schema(part)).await
    }

    /// Reads the members of the cluster again. Returns when [`state`](Self::state) has them.
    ///
    /// # Errors
    ///
    /// When there is no control connection, or it was lost meanwhile.
    pub async fn refresh_topology(&self) -> Result<(), ControlError> {
        self.refresh(Scope::topology()).await
    }

    async fn refresh(&self, scope: Scope) -> Result<(), ControlError> {
        let (answer, refreshed) = oneshot::channel();
        self.shared.cluster.do_send(Refresh { scope, answer });
        refreshed.await.unwrap_or(Err(ControlError::ShutDown))
    }

    /// Takes note of a tablet that an answer's custom payload described; requests for its rows then go to its replicas.
    ///
    /// It may be forgotten when many come at once: servers tell it again with the next request that went elsewhere.
    pub fn learn_tablet(&self, table: TableId, hint: TabletHint) {
        self.shared.cluster.offer(LearnTablets(vec![(table, hint)]));
    }

    /// Takes note of a statement, for as long as somebody holds it: it is told to hosts that come up from now on.
    pub fn remember(&self, statement: &Arc<Preparation>) {
        self.shared.published.statements.add(statement);
    }

    /// Has the hosts that are up prepare a statement that `host` has prepared, unless the configuration says otherwise. Returns
    /// when each of them has, or could not within `limit`; failures are logged only, since a host that does not know a statement
    /// says so when it is used.
    pub async fn prepare_elsewhere(&self, statement: &Arc<Preparation>, host: HostIndex, limit: Duration) {
        if !self.shared.published.prepare_on_all {
            return;
        }
        let (answer, done) = oneshot::channel();
        let statement = Arc::clone(statement);
        self.shared.cluster.do_send(PrepareElsewhere { statement, host, limit, answer });
        // Dropped when there is no other host.
        let _ = done.await;
    }

    /// Connects to the hosts that a load balancing policy wants, and returns when each of them has been tried. Requests that
    /// obey the policy do the same without waiting.
    pub async fn connect_for(&self, policy: &Arc<dyn LoadBalancingPolicy>) {
        self.views().of(policy);
        let (tried, all_tried) = oneshot::channel();
        self.shared.cluster.do_send(AdmitPolicies { tried: Some(tried) });
        // Dropped when there was nothing to try, or nobody is left to try it.
        let _ = all_tried.await;
    }

    /// The same, for at most `limit`. False when it was not enough.
    pub async fn connect_within(&self, policy: &Arc<dyn LoadBalancingPolicy>, limit: Duration) -> bool {
        let (tried, timer) = (std::pin::pin!(self.connect_for(policy)), std::pin::pin!(self.pause(limit)));
        matches!(futures::future::select(tried, timer).await, futures::future::Either::Left(_))
    }

    /// Waits on the engine's clock, for callers that have none. Returns at once when the engine has ended.
    pub async fn pause(&self, length: Duration) {
        let (over, is_over) = oneshot::channel();
        self.shared.cluster.do_send(Pause { length, over });
        let _ = is_over.await;
    }

    /// Waits until all hosts that are up have the same schema, for at most `limit`. Returns its version, or `None` when
    /// they did not agree in time.
    ///
    /// # Errors
    ///
    /// When there is no control connection to find out with.
    pub async fn await_schema_agreement(&self, limit: Duration) -> Result<Option<Uuid>, ControlError> {
        let (answer, agreed) = oneshot::channel();
        self.shared.cluster.do_send(AgreeOnSchema { limit, answer });
        agreed.await.unwrap_or(Err(ControlError::ShutDown))
    }

    /// Waits until the hosts in scope, each asked for its own, have the same schema, for at most `limit`. Returns its
    /// version, or `None` when they did not agree in time, when one could not be asked, and when there are none.
    ///
    /// # Errors
    ///
    /// When the session was shut down.
    pub async fn await_schema_agreement_among(
        &self,
        scope: AgreementScope,
        limit: Duration,
    ) -> Result<Option<Uuid>, ControlError> {
        let (answer, agreed) = oneshot::channel();
        self.shared.cluster.do_send(AgreeAmong { scope, limit, answer });
        agreed.await.unwrap_or(Err(ControlError::ShutDown))
    }

    /// What happens to the cluster from now on.
    pub fn events(&self) -> ClusterEvents {
        self.shared.published.feed.listen()
    }

    /// The host that the control connection is to; `None` while another is looked for.
    pub fn control_host(&self) -> Option<Arc<Host>> {
        let address = self.shared.published.control.load_full()?;
        self.state().host_at(*address).cloned()
    }

    /// Whether the schema is read when a control connection is made and when it changes. Turning it on reads all of it now;
    /// turning it off keeps what is known.
    pub fn set_fetch_schema(&self, on: bool) {
        if !self.shared.published.fetch.set_schema(on) && on {
            self.refresh_unheard(Scope::schema(SchemaScope::All));
        }
    }

    /// Whether it is.
    pub fn fetches_schema(&self) -> bool {
        self.shared.published.fetch.schema()
    }

    /// Whether the tokens of hosts are taken over; without them requests are not sent to the replicas of their partition.
    /// Takes effect when the members have been read again, which is begun now.
    pub fn set_fetch_tokens(&self, on: bool) {
        if self.shared.published.fetch.set_tokens(on) != on {
            self.refresh_unheard(Scope::topology());
        }
    }

    /// Has something read without waiting for it. Without a control connection the next one reads everything anyway.
    fn refresh_unheard(&self, scope: Scope) {
        let (answer, _) = oneshot::channel();
        self.shared.cluster.do_send(Refresh { scope, answer });
    }
}
