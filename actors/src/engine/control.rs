//! What a session asks of the control plane.

use std::{sync::Arc, time::Duration};

use chorus_topology::{LoadBalancingPolicy, TableId, TabletHint};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Engine;
use crate::{
    cluster::{AdmitPolicies, AgreeOnSchema, ChangeKeyspace, LearnTablets, Refresh, UseKeyspaceError},
    control::{ControlError, SchemaPart, Scope},
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

    /// Reads the schema again. Returns when [`state`](Self::state) has it.
    ///
    /// # Errors
    ///
    /// When there is no control connection, or it was lost meanwhile.
    pub async fn refresh_schema(&self) -> Result<(), ControlError> {
        self.refresh(Scope { topology: false, schema: SchemaPart::All }).await
    }

    /// Reads one keyspace and everything in it again, by its name as the schema spells it; one that is gone is forgotten.
    /// Returns when [`state`](Self::state) has it.
    ///
    /// # Errors
    ///
    /// When there is no control connection, or it was lost meanwhile.
    pub async fn refresh_keyspace(&self, keyspace: &str) -> Result<(), ControlError> {
        self.refresh(Scope { topology: false, schema: SchemaPart::keyspace(keyspace) }).await
    }

    /// Reads the members of the cluster again. Returns when [`state`](Self::state) has them.
    ///
    /// # Errors
    ///
    /// When there is no control connection, or it was lost meanwhile.
    pub async fn refresh_topology(&self) -> Result<(), ControlError> {
        self.refresh(Scope { topology: true, schema: SchemaPart::Nothing }).await
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

    /// Connects to the hosts that a load balancing policy wants, and returns when each of them has been tried. Requests that
    /// obey the policy do the same without waiting.
    pub async fn connect_for(&self, policy: &Arc<dyn LoadBalancingPolicy>) {
        self.views().of(policy);
        let (tried, all_tried) = oneshot::channel();
        self.shared.cluster.do_send(AdmitPolicies { tried: Some(tried) });
        // Dropped when there was nothing to try, or nobody is left to try it.
        let _ = all_tried.await;
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
}
