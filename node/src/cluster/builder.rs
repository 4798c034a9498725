//! What a cluster shall look like.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chorus_protocol::ProtocolVersion;

use super::addresses::bind;
use super::membership::{Membership, Roster, Seat};
use super::shards::Shards;
use super::{EmbeddedCluster, Newcomers};
use crate::catalog::Dialect;
use crate::cql::CqlError;
use crate::execute::{Database, DatabaseOptions};
use crate::server::{Credentials, Limits, Settings, Shared, Versions};
use crate::system::{ClientRoutes, ClusterTables, Release, Traces};

/// Describes a cluster and starts it.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before start"]
pub struct EmbeddedClusterBuilder {
    name: String,
    listen: SocketAddr,
    nodes: usize,
    datacenters: Vec<(String, usize)>,
    racks: usize,
    tokens: usize,
    seed: u64,
    threads: Option<usize>,
    credentials: Option<Credentials>,
    limits: Limits,
    memory_limit: Option<u64>,
    shards: Option<Shards>,
    newest_protocol: Option<ProtocolVersion>,
    release: Release,
    offers: Vec<(String, Vec<String>)>,
    #[cfg(unix)]
    unix_sockets: Option<std::path::PathBuf>,
    #[cfg(feature = "tls")]
    tls: Option<crate::NodeTls>,
}

/// Why a cluster or a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The socket in the file system cannot be listened on.
    #[error("cannot listen on the socket {}", .path.display())]
    Socket {
        /// Its path.
        path: std::path::PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The network could reach the node, and anybody could use it.
    #[error("refusing to listen on {0}, which is not a loopback address, without authentication")]
    Public(SocketAddr),
    /// Several nodes were to listen on all addresses: clients could not be told how to reach each.
    #[error("several nodes need an address that clients can tell them apart by, {0} is none")]
    Wildcard(SocketAddr),
    /// A node was to join a datacenter that the cluster has not got.
    #[error("the cluster has no datacenter {0}")]
    UnknownDatacenter(String),
    /// Nodes of a cluster without shards cannot get any.
    #[error("the nodes of the cluster have no shards")]
    NoShards,
    /// The node has left the cluster for good.
    #[error("the node at {0} was removed from the cluster")]
    Removed(SocketAddr),
    /// ScyllaDB, which nodes with shards are, was to pose as another server.
    #[error("nodes with shards are of no release of Cassandra")]
    ReleaseWithShards,
    /// There were to be no nodes.
    #[error("a cluster needs at least one node")]
    NoNodes,
    /// The threads of the cluster cannot be started.
    #[error("cannot start the cluster's threads")]
    Threads(#[source] io::Error),
    /// The system tables cannot be made.
    #[error("cannot make the system tables")]
    SystemTables(#[source] CqlError),
}

impl EmbeddedClusterBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: "embedded".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            nodes: 1,
            datacenters: Vec::new(),
            racks: 1,
            tokens: 16,
            seed: 0,
            threads: None,
            credentials: None,
            limits: Limits::default(),
            memory_limit: None,
            shards: None,
            newest_protocol: None,
            release: Release::default(),
            offers: Vec::new(),
            #[cfg(unix)]
            unix_sockets: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The cluster's name. Defaults to `embedded`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Where the first node listens. Port 0 is a free one. Defaults to 127.0.0.1:0.
    ///
    /// Further nodes listen on the same port of the loopback addresses that follow (127.0.0.2 and so on); where there are
    /// none, on the first one's address and ports of their own. An address that is not loopback needs
    /// [`authentication`](Self::authentication).
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// How many nodes there are in the datacenter `datacenter1`. Defaults to 1. Without effect once
    /// [`datacenter`](Self::datacenter) was called.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Adds a datacenter of that many nodes, numbered behind those of the datacenters before it.
    pub fn datacenter(mut self, name: impl Into<String>, nodes: usize) -> Self {
        self.datacenters.push((name.into(), nodes));
        self
    }

    /// Spreads the nodes of each datacenter over that many racks, `rack1` and so on. Defaults to 1.
    pub fn racks(mut self, racks: usize) -> Self {
        self.racks = racks.max(1);
        self
    }

    /// How many tokens each node owns. Defaults to 16.
    pub fn tokens(mut self, tokens: usize) -> Self {
        self.tokens = tokens.max(1);
        self
    }

    /// What host ids, tokens and the chances of fault rules are drawn from. Defaults to 0: every cluster of the same shape
    /// is the same.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Divides each node into shards, which makes the cluster look like ScyllaDB: see [`Shards`]. A number is as many
    /// shards, everything else by default. Defaults to none.
    ///
    /// Nodes then offer the protocol extensions of ScyllaDB (shards and the shard-aware port, tablets, rate limit errors, the
    /// mark of conditional statements, result metadata ids), understand the CQL it adds
    /// ([`Dialect::Scylla`](crate::catalog::Dialect::Scylla)), and speak the protocol up to version 4.
    ///
    /// The shard-aware port is 10,000 above the ordinary one where that was given, else a free one.
    pub fn shards(mut self, shards: impl Into<Shards>) -> Self {
        self.shards = Some(shards.into());
        self
    }

    /// Which server the nodes pose as. Defaults to [`Release::Cassandra50`]. Nodes with shards pose as ScyllaDB, and have no other
    /// release: [`start`](Self::start) refuses them.
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// The newest version of the protocol that nodes speak. Defaults to that of the [release](Self::release), and with shards
    /// to 4. Version 6 is in beta: it is spoken with clients that say in every frame that they know.
    pub fn newest_protocol(mut self, version: ProtocolVersion) -> Self {
        self.newest_protocol = Some(version);
        self
    }

    /// Adds an entry to what nodes say they can do (SUPPORTED), such as `PRODUCT_TYPE`. It changes nothing else.
    pub fn offers(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.offers.push((key.into(), vec![value.into()]));
        self
    }

    /// How many threads serve the nodes. Defaults to the machine's cores, at most 4.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Lets in only clients that authenticate with this user and password. Defaults to letting in everybody.
    pub fn authentication(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::new(user.into(), password.into()));
        self
    }

    /// Serves clients of this machine on sockets in `folder`, too: `node-0.sock`, `node-1.sock` and so on, see
    /// [`EmbeddedCluster::unix_socket`]. Only the user who runs the cluster may open them, and they are never secured by TLS;
    /// a password is asked for as it is elsewhere. They go when their nodes stop. Defaults to none.
    #[cfg(unix)]
    pub fn unix_sockets(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.unix_sockets = Some(folder.into());
        self
    }

    /// Speaks TLS, and nothing else, on every node. [`EmbeddedCluster::set_tls`] gives single nodes certificates of their own.
    /// Defaults to plain connections.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::NodeTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What clients may use up. Defaults to [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Bytes of data at which writes are refused as overloaded. Defaults to no limit.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Starts the cluster on threads of its own. Clients can connect when this returns.
    ///
    /// Works with and without an async runtime around it, and does not use it.
    pub fn start(self) -> Result<EmbeddedCluster, StartError> {
        let datacenters = match self.datacenters.is_empty() {
            true => vec![("datacenter1".to_owned(), self.nodes)],
            false => self.datacenters,
        };
        let places: Vec<(String, String)> = datacenters
            .iter()
            .flat_map(|(datacenter, nodes)| {
                (0..*nodes).map(|node| (datacenter.clone(), format!("rack{}", node % self.racks + 1)))
            })
            .collect();
        if places.is_empty() {
            return Err(StartError::NoNodes);
        }
        if self.shards.is_some() && self.release != Release::default() {
            return Err(StartError::ReleaseWithShards);
        }
        if !self.listen.ip().is_loopback() && self.credentials.is_none() {
            return Err(StartError::Public(self.listen));
        }
        if self.listen.ip().is_unspecified() && places.len() > 1 {
            return Err(StartError::Wildcard(self.listen));
        }
        let (listeners, addresses): (Vec<_>, Vec<_>) = bind(self.listen, places.len())?.into_iter().unzip();
        let seats = places
            .into_iter()
            .zip(addresses)
            .map(|((datacenter, rack), address)| Seat {
                address,
                datacenter,
                rack,
                shards: self.shards.clone(),
            })
            .collect();
        let membership = Membership::new(self.name, seats, self.tokens, self.seed);
        let roster = Arc::new(Roster::new(membership));
        let traces = Arc::new(Traces::default());
        let (dialect, newest) = match self.shards {
            Some(_) => (Dialect::Scylla, ProtocolVersion::V4),
            None => (Dialect::Cassandra, self.release.newest_protocol()),
        };
        let versions = Versions::up_to(self.newest_protocol.unwrap_or(newest));
        let options = DatabaseOptions {
            datacenters: datacenters.into_iter().map(|(name, _)| name).collect(),
            memory_limit: self.memory_limit,
            dialect,
        };
        let routes = Arc::new(ClientRoutes::default());
        let tables = ClusterTables {
            roster: Arc::clone(&roster),
            traces: Arc::clone(&traces),
            routes: Arc::clone(&routes),
            versions,
            dialect,
            release: self.release,
        };
        let database =
            Database::with_system_tables(options, Arc::new(tables)).map_err(StartError::SystemTables)?;
        let settings = Settings {
            limits: self.limits,
            credentials: self.credentials,
            versions,
            release: self.release,
            offers: self.offers,
            seed: self.seed,
        };
        let shared = Shared::new(roster, Arc::new(database), traces, routes, settings);
        let newcomers = Newcomers {
            tokens: self.tokens,
            seed: self.seed,
            shards: self.shards,
            #[cfg(unix)]
            unix_sockets: self.unix_sockets,
            named_ports: self.listen.port() != 0,
            #[cfg(feature = "tls")]
            tls: self.tls,
        };
        let threads = self
            .threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)));
        EmbeddedCluster::launch(shared, listeners, threads, newcomers)
    }
}
