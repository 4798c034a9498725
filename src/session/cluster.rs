//! What a session knows of its cluster, and how it learns.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{AgreementScope, ClusterEvents};
use chorus_protocol::Uuid;
use chorus_topology::metadata::UserType;
use chorus_topology::{ClusterState, Host, SchemaScope};

use crate::error::{Error, UsageProblem};
use crate::{Session, request};

/// The cluster.
impl Session {
    /// What is known of the cluster now: hosts, ring and schema. An immutable snapshot.
    pub fn state(&self) -> Arc<ClusterState> {
        self.inner.engine.state()
    }

    /// A user-defined type by keyspace and name, both unquoted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the keyspace or the type is not known.
    pub fn user_type(&self, keyspace: &str, name: &str) -> Result<Arc<UserType>, Error> {
        let state = self.state();
        Ok(Arc::clone(state.user_type(keyspace, name).map_err(UsageProblem::from)?))
    }

    /// Waits until all hosts that are up know the same schema, each asked for its own, for at most
    /// [`schema_agreement_timeout`](crate::SessionBuilder::schema_agreement_timeout). Returns whether they do; false when none
    /// could be asked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionClosed`](crate::ErrorKind::SessionClosed) when the session has ended.
    pub async fn await_schema_agreement(&self) -> Result<bool, Error> {
        request::await_schema_agreement(self).await
    }

    /// Waits until the hosts in scope have the same schema, for at most `limit`. Each of them is asked for its own, over its
    /// own connection. Returns the version they agree on; `None` when they do not in time, when one could not be asked, and
    /// when no host is in scope.
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
    /// [`schema_agreement_timeout`](crate::SessionBuilder::schema_agreement_timeout). A timeout of zero does not wait for that.
    pub async fn refresh_schema(&self) -> Result<(), Error> {
        self.refresh_schema_of(SchemaScope::All).await
    }

    /// Reads a part of the schema again, once all hosts agree on it: a keyspace, a table, the types of a keyspace. What is
    /// gone is forgotten. Also where the schema is not [read otherwise](crate::SessionBuilder::fetch_schema).
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
        self.check_process()?;
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

    /// Turns reading the schema on or off, as [`fetch_schema`](crate::SessionBuilder::fetch_schema) does for the beginning. Turning
    /// it on reads the whole schema now, without waiting for it; turning it off keeps what is known.
    pub fn set_fetch_schema(&self, fetch: bool) {
        self.inner.engine.set_fetch_schema(fetch);
    }

    /// Turns reading the tokens of hosts on or off, as [`fetch_tokens`](crate::SessionBuilder::fetch_tokens) does for the
    /// beginning. Takes effect when the list of hosts has been read again, which is begun now.
    pub fn set_fetch_tokens(&self, fetch: bool) {
        self.inner.engine.set_fetch_tokens(fetch);
    }
}
