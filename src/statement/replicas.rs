//! Where the rows of a statement are.

use std::sync::Arc;

use chorus_protocol::IntoRow;
use chorus_protocol::token::{RoutingKeyError, routing_key};
use chorus_topology::{ClusterState, Host};

use super::{BoundStatement, PreparedStatement};
use crate::error::{Error, UsageProblem};

/// Where the rows are.
impl PreparedStatement {
    /// The routing key of these values: the partition key in the form that is hashed. `None` when the statement does not bind
    /// the whole partition key, or a part of it is null.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind); [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a part of a composite key that is
    /// longer than 65535 bytes.
    pub fn routing_key(&self, values: impl IntoRow) -> Result<Option<Vec<u8>>, Error> {
        self.bind(values)?.routing_key()
    }

    /// The hosts that hold the partition of these values, the first replica first: where the tablet of the table is known,
    /// its hosts, otherwise those of the ring. Empty when the statement does not say which partition it is about, and where
    /// nobody can tell: without tokens or schema, for keyspaces without replicas.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
    /// let select = session.prepare("SELECT total FROM shop.orders WHERE id = ?").await?;
    /// for host in select.replicas(&session.state(), (7_i64,))? {
    ///     println!("{} in {}", host.address, host.datacenter);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`routing_key`](Self::routing_key).
    pub fn replicas(&self, state: &ClusterState, values: impl IntoRow) -> Result<Vec<Arc<Host>>, Error> {
        self.bind(values)?.replicas(state)
    }
}

/// Where the rows are.
impl BoundStatement {
    /// The routing key of the values; see [`PreparedStatement::routing_key`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a part of a composite key that is longer than 65535 bytes.
    pub fn routing_key(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut key = Vec::new();
        match routing_key(&self.values, self.prepared.partition_key_indexes(), &mut key) {
            Ok(true) => Ok(Some(key)),
            Err(RoutingKeyError::ComponentTooLong(length)) => Err(UsageProblem::KeyTooLong(length).into()),
            Ok(false) | Err(_) => Ok(None),
        }
    }

    /// The hosts that hold the partition of the values; see [`PreparedStatement::replicas`].
    ///
    /// # Errors
    ///
    /// Those of [`routing_key`](Self::routing_key).
    pub fn replicas(&self, state: &ClusterState) -> Result<Vec<Arc<Host>>, Error> {
        match (self.prepared.table(), self.routing_key()?) {
            (Some((keyspace, table)), Some(key)) => Ok(state.replicas(keyspace, table, &key)),
            _ => Ok(Vec::new()),
        }
    }
}
