//! Other ways to nodes than their addresses (sockets of this machine, and routes), and who is let in.

#[cfg(unix)]
use std::path::PathBuf;

use std::sync::atomic::Ordering;

use chorus_protocol::Event;
use chorus_protocol::response::ClientRoutesChange;
use uuid::Uuid;

use super::EmbeddedCluster;
use crate::server::Credentials;
use crate::system::ClientRoute;

impl EmbeddedCluster {
    /// Where a node serves clients of this machine, if it does.
    #[cfg(unix)]
    pub fn unix_socket(&self, node: usize) -> Option<PathBuf> {
        let folder = self.newcomers.unix_sockets.as_ref()?;
        Some(folder.join(format!("node-{node}.sock")))
    }

    /// Lets in only clients that authenticate with this user and password from now on. Those who are connected stay, as they do
    /// in Cassandra.
    pub fn set_authentication(&self, user: impl Into<String>, password: impl Into<String>) {
        self.shared.set_credentials(Credentials::new(user.into(), password.into()));
    }

    /// How many times somebody was not let in for who he said he was, since the cluster was started.
    pub fn refused_logins(&self) -> u64 {
        self.shared.refused_logins.load(Ordering::Relaxed)
    }

    /// A node's identity.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn host_id(&self, node: usize) -> Uuid {
        self.node(node).member().host_id
    }

    /// Tells clients another route to a node by a connection, or with `None` that there is none any more. Clients that
    /// registered for it are told. Only clusters with [shards](crate::EmbeddedClusterBuilder::shards) have such a table, as
    /// only ScyllaDB does.
    ///
    /// # Panics
    ///
    /// When there is no node of that number.
    pub fn set_client_route(&self, connection: &str, node: usize, route: impl Into<Option<ClientRoute>>) {
        let host = self.host_id(node);
        self.shared.routes.set(connection, host, route.into());
        self.shared.broadcast(Event::ClientRoutesChange(ClientRoutesChange {
            change: "UPDATE_NODES".to_owned(),
            connection_ids: vec![connection.to_owned()],
            host_ids: vec![host.to_string()],
        }));
    }
}
