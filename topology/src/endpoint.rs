//! How a connection to a host is opened: by address, through a socket of this machine, through a proxy that goes by names,
//! or by a route that is looked up each time.
//!
//! Pure: an endpoint says where, and the engine goes there. A host's [`address`](crate::Host::address) is what the cluster
//! calls it by; its endpoint is the way there, and is the address unless an [`EndpointFactory`] says otherwise.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use crate::host::Host;

/// A way to a host. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// TCP to this address.
    Address(SocketAddr),
    /// A socket in the file system of this machine. Nothing leaves the machine, so it is not secured by TLS.
    Unix(Arc<Path>),
    /// TLS to a proxy, which is told by name (SNI) to whom the connection is to go.
    Sni(Arc<SniEndpoint>),
    /// Wherever the host's route leads when the connection is opened.
    Route(RouteEndpoint),
}

impl Endpoint {
    /// A socket in the file system.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self::Unix(path.as_ref().into())
    }

    /// The host that goes by `server_name` behind a proxy.
    pub fn sni(proxy: impl Into<Arc<str>>, port: u16, server_name: impl Into<Arc<str>>) -> Self {
        Self::Sni(Arc::new(SniEndpoint {
            proxy: proxy.into(),
            port,
            server_name: server_name.into(),
            turn: AtomicUsize::new(0),
        }))
    }

    /// The address, when that is all it takes to get there.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            _ => None,
        }
    }

    /// The way to the shard-aware port of the same host, if there can be one: proxies lead to one port only.
    #[must_use]
    pub fn with_shard_port(&self, port: u16) -> Option<Self> {
        match self {
            Self::Address(address) => Some(Self::Address(SocketAddr::new(address.ip(), port))),
            Self::Route(route) => route.with_shard_port(port).map(Self::Route),
            Self::Unix(_) | Self::Sni(_) => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// As in logs and errors: `10.0.0.1:9042`, `unix:/run/db.sock`, `proxy:29042:name`, `10.0.0.1:9042 by route`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Sni(endpoint) => endpoint.fmt(f),
            Self::Route(route) => write!(f, "{} by route", route.told),
        }
    }
}

/// A host behind a proxy that goes by server names. Two are equal when proxy, port and name are.
#[derive(Debug)]
pub struct SniEndpoint {
    proxy: Arc<str>,
    port: u16,
    server_name: Arc<str>,
    /// Whose turn it is among the proxy's addresses.
    turn: AtomicUsize,
}

impl SniEndpoint {
    /// The proxy's host name or IP address. A name is looked up each time a connection is opened.
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// The proxy's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name by which the proxy knows the host.
    pub fn server_name(&self) -> &Arc<str> {
        &self.server_name
    }

    /// The proxy's addresses in the order in which this connection tries them: sorted, each of them first in its turn.
    pub fn order(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        addresses.sort_unstable();
        addresses.dedup();
        if !addresses.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
            addresses.rotate_left(turn);
        }
        addresses
    }
}

impl PartialEq for SniEndpoint {
    fn eq(&self, other: &Self) -> bool {
        (&self.proxy, self.port, &self.server_name) == (&other.proxy, other.port, &other.server_name)
    }
}

impl Eq for SniEndpoint {}

impl Hash for SniEndpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.proxy, self.port, &self.server_name).hash(state);
    }
}

impl fmt::Display for SniEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.proxy, self.port, self.server_name)
    }
}

/// A host that is reached by its route; by the address it tells while it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteEndpoint {
    /// The host.
    pub host: Uuid,
    /// The address it tells.
    pub told: SocketAddr,
    /// Whether routes keep the source port, so that the shard-aware port is of use.
    pub keeps_source_port: bool,
    /// The port to go to instead of the route's.
    pub port: Option<u16>,
}

impl RouteEndpoint {
    fn with_shard_port(self, port: u16) -> Option<Self> {
        self.keeps_source_port.then_some(Self { port: Some(port), ..self })
    }
}

/// Decides how each host is reached.
///
/// Asked about every member whenever the members are read, the host that tells included, so the same host must get an equal
/// endpoint each time: another one means that the host moved. Called on a reactor: it must not block.
pub trait EndpointFactory: fmt::Debug + Send + Sync {
    /// The way to `host`, which has identity, address (already translated), datacenter, rack and version. Its
    /// [`endpoint`](Host::endpoint) is the way it would be reached without this.
    fn endpoint(&self, host: &Host) -> Endpoint;
}

/// A factory shared with others is a factory.
impl<T: EndpointFactory + ?Sized> EndpointFactory for Arc<T> {
    fn endpoint(&self, host: &Host) -> Endpoint {
        (**self).endpoint(host)
    }
}

/// Reaches every host through one proxy, which knows each by its host id (with a domain behind it, if there is one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SniProxy {
    name: Arc<str>,
    port: u16,
    domain: Option<Arc<str>>,
}

impl SniProxy {
    /// A proxy at a host name (or an IP address) and a port.
    pub fn new(name: impl Into<Arc<str>>, port: u16) -> Self {
        Self { name: name.into(), port, domain: None }
    }

    /// Hosts go by `<host id>.<domain>`. Defaults to the host id alone.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<Arc<str>>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// The way to the host of this identity, to begin with.
    pub fn host(&self, id: Uuid) -> Endpoint {
        let name = match &self.domain {
            Some(domain) => format!("{id}.{domain}"),
            None => id.to_string(),
        };
        Endpoint::sni(Arc::clone(&self.name), self.port, name)
    }
}

impl EndpointFactory for SniProxy {
    fn endpoint(&self, host: &Host) -> Endpoint {
        self.host(host.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 9042))
    }

    fn sni(endpoint: &Endpoint) -> &SniEndpoint {
        let Endpoint::Sni(endpoint) = endpoint else { panic!("{endpoint}") };
        endpoint
    }

    #[test]
    fn endpoints_are_equal_when_they_lead_to_the_same_place_and_show_it() {
        let one = Endpoint::sni("proxy", 29042, "a");
        assert_eq!(one, Endpoint::sni("proxy", 29042, "a"));
        for other in [
            Endpoint::sni("other", 29042, "a"),
            Endpoint::sni("proxy", 1, "a"),
            Endpoint::sni("proxy", 29042, "b"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one.to_string(), "proxy:29042:a");
        assert_eq!(Endpoint::unix("/run/db.sock"), Endpoint::unix("/run/db.sock"));
        assert_ne!(Endpoint::unix("/run/db.sock"), Endpoint::unix("/run/other.sock"));
        assert_eq!(Endpoint::unix("/run/db.sock").to_string(), "unix:/run/db.sock");
        assert_eq!(Endpoint::from(at(1)).to_string(), "10.0.0.1:9042");
    }

    #[test]
    fn the_addresses_of_a_proxy_take_turns_in_their_order() {
        let endpoint = Endpoint::sni("proxy", 9042, "a");
        let found = || vec![at(3), at(1), at(2), at(1)];
        let first: Vec<SocketAddr> = (0..4).map(|_| sni(&endpoint).order(found())[0]).collect();
        assert_eq!(first, [at(1), at(2), at(3), at(1)]);
        // The others follow, should it not answer.
        assert_eq!(sni(&endpoint).order(found()), [at(2), at(3), at(1)]);
        assert_eq!(sni(&endpoint).order(Vec::new()), []);
    }

    #[test]
    fn hosts_behind_a_proxy_go_by_their_identity() {
        let id = Uuid::from_u128(7);
        let proxy = SniProxy::new("proxy", 29042);
        assert_eq!(sni(&proxy.host(id)).server_name().as_ref(), id.to_string());
        let host = Host::new(id, at(1));
        assert_eq!(proxy.endpoint(&host), proxy.host(id));
        let proxy = proxy.domain("db.example");
        assert_eq!(sni(&proxy.endpoint(&host)).server_name().as_ref(), format!("{id}.db.example"));
    }

    #[test]
    fn only_ways_that_keep_the_source_port_lead_to_the_shard_aware_port() {
        let route = |keeps_source_port| {
            Endpoint::Route(RouteEndpoint { host: Uuid::nil(), told: at(1), keeps_source_port, port: None })
        };
        assert_eq!(
            Endpoint::from(at(1)).with_shard_port(19042),
            Some(SocketAddr::from(([10, 0, 0, 1], 19042)).into())
        );
        assert_eq!(route(false).with_shard_port(19042), None);
        let Some(Endpoint::Route(through)) = route(true).with_shard_port(19042) else { panic!("a route") };
        assert_eq!(through.port, Some(19042));
        assert_eq!(Endpoint::unix("/x").with_shard_port(19042), None);
        assert_eq!(Endpoint::sni("p", 1, "a").with_shard_port(19042), None);
    }
}
