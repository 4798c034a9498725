//! A cluster member as the driver sees it, and the small numbers that stand for members, keyspaces and tables.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Token, shard_of};
use uuid::Uuid;

use crate::endpoint::Endpoint;
use crate::server_version::ServerVersion;

/// The number of a host: dense, given at first sight of a host id and never given to another one, so it may index arrays
/// for the life of a session. A host that left keeps its number and finds it again when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIndex(pub u32);

/// The number of a keyspace name; the same rules as for [`HostIndex`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyspaceId(pub u32);

/// The number of a table (or materialized view) name within its keyspace's name; the same rules as for [`HostIndex`].
/// Statements resolve it once, when they are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

impl HostIndex {
    /// As an array index.
    #[inline]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// The number of a host, wherever one is asked for.
impl From<&Host> for HostIndex {
    fn from(host: &Host) -> Self {
        host.index
    }
}

impl From<&Arc<Host>> for HostIndex {
    fn from(host: &Arc<Host>) -> Self {
        host.index
    }
}

impl TableId {
    /// As an array index.
    #[inline]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// How a host divides its tokens between its processor cores. Known after the first connection to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sharding {
    /// How many shards the host has; at least 1.
    pub nr_shards: u16,
    /// How many of the token's most significant bits the host ignores.
    pub ignore_msb: u8,
}

impl Sharding {
    /// The shard that owns `token` on such a host.
    #[inline]
    pub fn shard_of(self, token: Token) -> u16 {
        // The result is below nr_shards, so the narrowing is exact; 0 shards gives shard 0.
        shard_of(token, self.nr_shards, self.ignore_msb) as u16
    }
}

/// A cluster member: what `system.local` or `system.peers` said about it. Immutable; a change makes a new value with the
/// same [`index`](Host::index).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// Its number in every array of this session.
    pub index: HostIndex,
    /// Its identity; addresses may change, this does not.
    pub id: Uuid,
    /// What the cluster calls it by: the address it tells, as the driver would reach it.
    pub address: SocketAddr,
    /// How the driver connects to it; its address, unless somebody said otherwise.
    pub endpoint: Endpoint,
    /// Its datacenter; empty when the server did not tell, which policies treat as local.
    pub datacenter: Arc<str>,
    /// Its rack; empty when the server did not tell.
    pub rack: Arc<str>,
    /// The server's version text, such as `5.0.4`.
    pub release_version: Option<Arc<str>>,
    /// What it says that other hosts reach it by, as the other addresses without meaning for the driver, which connects by its
    /// [`endpoint`](Host::endpoint). Which of them a server tells differs by product and version, and whether it is the control
    /// connection's.
    pub broadcast_address: Option<IpAddr>,
    /// The port of `broadcast_address`.
    pub broadcast_port: Option<u16>,
    /// What it listens on for other hosts.
    pub listen_address: Option<IpAddr>,
    /// The port of `listen_address`.
    pub listen_port: Option<u16>,
    /// What it says that clients reach it by.
    pub broadcast_rpc_address: Option<IpAddr>,
    /// The port of `broadcast_rpc_address`.
    pub broadcast_rpc_port: Option<u16>,
    /// The version of a DataStax Enterprise server.
    pub dse_version: Option<Arc<str>>,
    /// What a DataStax Enterprise server does beside storing rows, such as `Search`; empty for every other one.
    pub dse_workloads: Arc<[Arc<str>]>,
    /// The schema version it last reported.
    pub schema_version: Option<Uuid>,
    /// Its shards; `None` when it has none (Apache Cassandra) or no connection was made yet.
    pub sharding: Option<Sharding>,
    /// The ring tokens it owns; empty when the partitioner is unknown or it owns none.
    pub tokens: Arc<[AnyToken]>,
}

impl Host {
    /// A host with no location, version, shards or tokens yet. Its number is 0 until it becomes a member, see
    /// [`RouteBuilder::members`](crate::RouteBuilder::members).
    pub fn new(id: Uuid, address: SocketAddr) -> Host {
        Host {
            index: HostIndex(0),
            id,
            address,
            endpoint: Endpoint::Address(address),
            datacenter: Arc::from(""),
            rack: Arc::from(""),
            release_version: None,
            broadcast_address: None,
            broadcast_port: None,
            listen_address: None,
            listen_port: None,
            broadcast_rpc_address: None,
            broadcast_rpc_port: None,
            dse_version: None,
            dse_workloads: Arc::from([]),
            schema_version: None,
            sharding: None,
            tokens: Arc::from([]),
        }
    }

    /// Takes over the addresses it did not tell this time and did before.
    pub(crate) fn remember_addresses(&mut self, known: &Host) {
        self.broadcast_address = self.broadcast_address.or(known.broadcast_address);
        self.broadcast_port = self.broadcast_port.or(known.broadcast_port);
        self.listen_address = self.listen_address.or(known.listen_address);
        self.listen_port = self.listen_port.or(known.listen_port);
        self.broadcast_rpc_address = self.broadcast_rpc_address.or(known.broadcast_rpc_address);
        self.broadcast_rpc_port = self.broadcast_rpc_port.or(known.broadcast_rpc_port);
    }

    /// [`release_version`](Host::release_version) taken apart; `None` when it is not told, or is no version.
    pub fn server_version(&self) -> Option<ServerVersion> {
        self.release_version.as_deref()?.parse().ok()
    }

    /// The same host under another number.
    #[must_use]
    pub fn numbered(mut self, index: HostIndex) -> Host {
        self.index = index;
        self
    }

    /// The same host reached in another way.
    #[must_use]
    pub fn reached_by(mut self, endpoint: Endpoint) -> Host {
        self.endpoint = endpoint;
        self
    }

    /// The same host in `datacenter` and `rack`.
    #[must_use]
    pub fn located(mut self, datacenter: &str, rack: &str) -> Host {
        self.datacenter = Arc::from(datacenter);
        self.rack = Arc::from(rack);
        self
    }

    /// The same host owning `tokens`.
    #[must_use]
    pub fn owning(mut self, tokens: impl IntoIterator<Item = AnyToken>) -> Host {
        self.tokens = tokens.into_iter().collect();
        self
    }

    /// The same host with its shards as a connection reported them.
    #[must_use]
    pub fn sharded(mut self, sharding: Option<Sharding>) -> Host {
        self.sharding = sharding;
        self
    }
}

/// Leaves the tokens out: there may be hundreds of them.
impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("index", &self.index.0)
            .field("id", &self.id)
            .field("address", &self.address)
            .field("endpoint", &format_args!("{}", self.endpoint))
            .field("datacenter", &self.datacenter)
            .field("rack", &self.rack)
            .field("release_version", &self.release_version)
            .field("sharding", &self.sharding)
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// How near a host is, as a load balancing policy sees it; nearer is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distance {
    /// In the preferred rack of the preferred datacenter.
    LocalRack,
    /// In the preferred datacenter.
    Local,
    /// In another datacenter; used when nothing nearer is left.
    Remote,
    /// Never contacted.
    Ignored,
}
