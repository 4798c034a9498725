//! What an engine is told before it starts: [`EngineConfig`], its defaults, and the contradictions it refuses.
//!
//! The library's builders fill this in; nothing here does I/O. [`EngineConfig::validate`] runs before the first socket
//! is opened, so a contradiction is an error of `connect`, never a panic and never a surprise at run time.

mod contact_names;
mod contact_point;
mod directory;
mod error;
mod options;
mod report;
mod resolver;
mod system_names;
mod tcp;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::ProtocolVersion;
use chorus_topology::rows::LocalRow;
use chorus_topology::{
    AddressTranslator, ClientRoutes, ConvictionPolicy, DefaultRetry, Endpoint, EndpointFactory,
    ExponentialReconnection, Host, LastConnection, LoadBalancingPolicy, ReconnectionPolicy, RetryBudget,
    RetryPolicy, RouteEndpoint, SpeculativePolicy, TokenAware,
};
use uuid::Uuid;

use crate::auth::AuthProvider;
use crate::connection::handshake::CompressionChoice;
use crate::reactor::Placement;

use contact_names::ContactNames;
pub use contact_point::ContactPoint;
pub(crate) use contact_point::look_up;
pub(crate) use directory::Directory;
pub use error::ConfigError;
pub use options::{
    ApplicationInfo, ControlConnectionFallback, EventWindows, Heartbeat, Limits, PoolSize, ShardAwareness,
};
pub(crate) use report::report;
pub use resolver::{Resolver, SystemResolver};
pub use system_names::SystemNames;
pub use tcp::TcpOptions;

/// The most reactor threads one engine may have.
const MAX_THREADS: usize = 256;
/// The longest spin: beyond it a sleep costs less than it delays.
const MAX_SPIN: Duration = Duration::from_millis(1);

/// Everything the engine wants to know before it starts.
///
/// Fields are public: take [`EngineConfig::new`] and change what differs. Times are durations, sizes are bytes.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where to ask about the cluster first; at least one. Names stand for all their addresses. No default.
    pub contact_points: Vec<ContactPoint>,
    /// Finds the addresses behind names of contact points. Defaults to the operating system's resolver.
    pub resolver: Arc<dyn Resolver>,
    /// Port of contact points without one, and of hosts whose system row has none. Defaults to 9042.
    pub port: u16,
    /// Who we are to the server. Defaults to nobody: a server that asks is refused with a clear error.
    pub auth: Option<Arc<dyn AuthProvider>>,
    /// Secures every connection. Defaults to none: bytes travel in the clear.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<dyn crate::tls::TlsSettings>>,
    /// Keyspace every connection uses, as it is spelled in the schema (never folded). Defaults to none.
    pub keyspace: Option<String>,
    /// Compression of frames. Defaults to off: it costs more client CPU than it saves on most networks.
    pub compression: CompressionChoice,
    /// The one protocol version to speak. Defaults to negotiating from v5 down to v3.
    pub protocol_version: Option<ProtocolVersion>,
    /// CQL version asked for. Defaults to the first one the server lists.
    pub cql_version: Option<String>,
    /// Sends `NO_COMPACT` at startup (v3 and v4 only). Defaults to false.
    pub no_compact: bool,
    /// Limit for one connection from the first packet to READY, TLS, authentication and `USE` included. Defaults to 5 s.
    pub connect_timeout: Duration,
    /// Limit for one request when the statement says nothing; `None` waits for ever. Defaults to 10 s.
    pub request_timeout: Option<Duration>,
    /// Limit for one query of the control connection. Defaults to 2 s.
    pub control_timeout: Duration,
    /// Server-side limit that ScyllaDB is given with each metadata query; zero sends none. Defaults to
    /// [`EngineConfig::control_timeout`] when `None`.
    pub metadata_request_timeout: Option<Duration>,
    /// Probing of silent connections. Defaults to every 30 s, answered within 30 s.
    pub heartbeat: Heartbeat,
    /// How long a schema change waits for all hosts to agree; zero does not wait and counts as agreed. Defaults to 10 s.
    pub schema_agreement_timeout: Duration,
    /// Pause between two looks at the schema versions. Defaults to 200 ms.
    pub schema_agreement_interval: Duration,
    /// How long events are gathered before they are acted upon. Defaults to schema 2 s, topology 10 s, status 2 s.
    pub event_windows: EventWindows,
    /// Whether requests may be sent on the control connection. Defaults to [`ControlConnectionFallback::Disabled`].
    pub control_connection_fallback: ControlConnectionFallback,
    /// Whether the schema is read; without it there is no token-aware routing. Defaults to true.
    pub fetch_schema: bool,
    /// Whether the tokens of hosts are read; without them there is no token-aware routing. Defaults to true.
    pub fetch_tokens: bool,
    /// Page size of schema reads, in rows. Defaults to 1000.
    pub schema_page_size: i32,
    /// Whether a statement that one host has prepared is prepared on all others that are up. Defaults to true.
    pub prepare_on_all_hosts: bool,
    /// Whether a host that comes up is told the statements of the session before requests are sent to it. Defaults to true.
    pub reprepare_on_up: bool,
    /// Connections to a host. Defaults to one a shard, or one where there are no shards.
    pub pool_size: PoolSize,
    /// Whether a version of the protocol that is still in beta is tried first. Defaults to false.
    pub allow_beta_protocol: bool,
    /// How far ScyllaDB's shards are taken into account. Defaults to [`ShardAwareness::Full`].
    pub shard_awareness: ShardAwareness,
    /// Whether ScyllaDB is asked for the versions of tablets, an experiment of its that may change. Defaults to false.
    pub tablet_versions: bool,
    /// Whether hosts of other datacenters get connections. Defaults to true.
    pub connect_to_remote_hosts: bool,
    /// Whether `connect` waits until every host was tried. Defaults to false: it returns when the first host is up,
    /// having given the others a moment.
    pub wait_for_all_hosts: bool,
    /// Where requests go. Defaults to token-aware over round robin in the first contact point's datacenter.
    pub load_balancing: Arc<dyn LoadBalancingPolicy>,
    /// What happens after a failure. Defaults to [`DefaultRetry`].
    pub retry: Arc<dyn RetryPolicy>,
    /// When an idempotent request that is late is sent to a second host. Defaults to never.
    pub speculative: Option<Arc<dyn SpeculativePolicy>>,
    /// How many retries and speculative attempts each reactor may make as a share of its traffic. Defaults to 100, and one
    /// more for every ten requests.
    pub retry_budget: RetryBudget,
    /// When a lost host is tried again. Defaults to exponential, 1 s to 600 s, jitter 85 to 115 %.
    pub reconnection: Arc<dyn ReconnectionPolicy>,
    /// When a failed connection is held against its host. Defaults to [`LastConnection`]: when no other is left.
    pub conviction: Arc<dyn ConvictionPolicy>,
    /// Translates the addresses the cluster tells about its hosts; contact points are never translated. Defaults to none.
    pub address_translator: Option<Arc<dyn AddressTranslator>>,
    /// Decides how each host is reached. Defaults to none: by the address it tells.
    pub endpoints: Option<Arc<dyn EndpointFactory>>,
    /// Reaches hosts by the routes of `system.client_routes`. Defaults to none.
    pub client_routes: Option<Arc<ClientRoutes>>,
    /// Where the actors run. Defaults to [`Placement::Auto`].
    pub placement: Placement,
    /// How long a dedicated reactor, and a lone caller, look again before they sleep; at most 1 ms. Spares a lone request two
    /// thread wake-ups, and burns a core while requests trickle. Defaults to none.
    pub spin: Option<Duration>,
    /// Bounds that keep memory and the servers safe.
    pub limits: Limits,
    /// What the server is told about the application. Defaults to nothing.
    pub application: ApplicationInfo,
    /// Options of TCP sockets.
    pub tcp: TcpOptions,
    /// Identity of the program's use of this cluster in `system_views.clients`; every connection tells it, and all sessions
    /// opened from the same configuration have it in common. Defaults to a random one.
    pub session_id: Uuid,
    /// Whether the control connection tells the server the settings that matter to it. Defaults to true.
    pub report_config: bool,
}

impl EngineConfig {
    /// A configuration with all the defaults for the given contact points.
    pub fn new<P: Into<ContactPoint>>(contact_points: impl IntoIterator<Item = P>) -> Self {
        Self {
            contact_points: contact_points.into_iter().map(Into::into).collect(),
            resolver: Arc::new(SystemResolver),
            port: 9042,
            auth: None,
            #[cfg(feature = "tls")]
            tls: None,
            keyspace: None,
            compression: CompressionChoice::Off,
            protocol_version: None,
            cql_version: None,
            no_compact: false,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Some(Duration::from_secs(10)),
            control_timeout: Duration::from_secs(2),
            metadata_request_timeout: None,
            heartbeat: Heartbeat::default(),
            schema_agreement_timeout: Duration::from_secs(10),
            schema_agreement_interval: Duration::from_millis(200),
            event_windows: EventWindows::default(),
            control_connection_fallback: ControlConnectionFallback::default(),
            fetch_schema: true,
            fetch_tokens: true,
            schema_page_size: 1000,
            prepare_on_all_hosts: true,
            reprepare_on_up: true,
            pool_size: PoolSize::default(),
            allow_beta_protocol: false,
            shard_awareness: ShardAwareness::default(),
            tablet_versions: false,
            connect_to_remote_hosts: true,
            wait_for_all_hosts: false,
            load_balancing: Arc::new(TokenAware::default()),
            retry: Arc::new(DefaultRetry::default()),
            speculative: None,
            retry_budget: RetryBudget::default(),
            reconnection: Arc::new(ExponentialReconnection::default()),
            conviction: Arc::new(LastConnection),
            address_translator: None,
            endpoints: None,
            client_routes: None,
            placement: Placement::default(),
            spin: None,
            limits: Limits::default(),
            application: ApplicationInfo::default(),
            tcp: TcpOptions::default(),
            session_id: Uuid::new_v4(),
            report_config: true,
        }
    }

    /// Where to ask first: the contact points; without any, the addresses that were given for the connections of routes.
    pub(crate) fn contacts(&self) -> Vec<ContactPoint> {
        if !self.contact_points.is_empty() {
            return self.contact_points.clone();
        }
        let proxies = self.client_routes.iter().flat_map(|routes| &routes.proxies);
        // One that is no address is refused by name.
        proxies.filter_map(|proxy| proxy.address.as_deref()?.parse().ok()).collect()
    }

    /// Whether hosts are reached otherwise than by the addresses they tell.
    pub(crate) fn chooses_endpoints(&self) -> bool {
        self.endpoints.is_some() || self.client_routes.is_some()
    }

    /// Where the host that told is: the address it was reached at; where that is none of its own, the one it tells.
    pub(crate) fn address_of_teller(
        &self,
        reached: &Endpoint,
        local: &LocalRow,
        known: &HashMap<SocketAddr, SocketAddr>,
    ) -> SocketAddr {
        match reached.address() {
            Some(address) if !self.chooses_endpoints() => address,
            _ => match local.told_address(self.port) {
                Some(told) => self.translate(told, known),
                None => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port),
            },
        }
    }

    /// How a member is reached. `reached` is the way to `teller`, the host that told.
    pub(crate) fn endpoint_of(&self, host: &Host, teller: Option<Uuid>, reached: &Endpoint) -> Endpoint {
        if let Some(factory) = &self.endpoints {
            return factory.endpoint(host);
        }
        match &self.client_routes {
            Some(routes) => Endpoint::Route(RouteEndpoint {
                host: host.id,
                told: host.address,
                keeps_source_port: routes.advanced_shard_awareness,
                port: None,
            }),
            None if teller == Some(host.id) => reached.clone(),
            None => host.endpoint.clone(),
        }
    }

    /// Whether connections are secured.
    pub(crate) fn is_secured(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// The server-side limit for metadata queries, when one is to be sent to ScyllaDB.
    pub fn metadata_limit(&self) -> Option<Duration> {
        let limit = self.metadata_request_timeout.unwrap_or(self.control_timeout);
        (!limit.is_zero()).then_some(limit)
    }

    /// The translator, if it must not be asked on a reactor.
    pub(crate) fn blocking_translator(&self) -> Option<&Arc<dyn AddressTranslator>> {
        self.address_translator.as_ref().filter(|translator| translator.may_block())
    }

    /// Where to connect to for an address that the cluster told; `known` are the answers of a translator that may block.
    pub(crate) fn translate(&self, told: SocketAddr, known: &HashMap<SocketAddr, SocketAddr>) -> SocketAddr {
        match &self.address_translator {
            None => told,
            Some(translator) if translator.may_block() => known.get(&told).copied().unwrap_or(told),
            Some(translator) => translator.translate(told),
        }
    }

    /// Whether a connection may be opened in this way as things are configured.
    pub(crate) fn check_endpoint(endpoint: &Endpoint, secured: bool) -> Result<(), ConfigError> {
        let endpoint_text = || endpoint.to_string();
        match endpoint {
            Endpoint::Unix(_) if cfg!(not(unix)) => {
                Err(ConfigError::NoUnixSockets { endpoint: endpoint_text() })
            }
            Endpoint::Unix(_) if secured => Err(ConfigError::TlsOverUnixSocket { endpoint: endpoint_text() }),
            Endpoint::Sni(_) if !secured => Err(ConfigError::SniWithoutTls { endpoint: endpoint_text() }),
            _ => Ok(()),
        }
    }

    fn validate_endpoints(&self) -> Result<(), ConfigError> {
        for point in &self.contact_points {
            if let ContactPoint::Endpoint(endpoint) = point {
                Self::check_endpoint(endpoint, self.is_secured())?;
            }
        }
        let Some(routes) = &self.client_routes else { return Ok(()) };
        if self.endpoints.is_some() {
            return Err(ConfigError::RoutesAndFactory);
        }
        if routes.proxies.is_empty() {
            return Err(ConfigError::NoRouteConnection);
        }
        for proxy in &routes.proxies {
            let bad = |reason| {
                let connection_id = proxy.connection_id.clone();
                Err(ConfigError::BadRouteConnection { connection_id, reason })
            };
            if proxy.connection_id.is_empty() {
                return bad("the id is empty");
            }
            match proxy.address.as_deref().map(str::parse) {
                None | Some(Ok(ContactPoint::Ip(_) | ContactPoint::Name { port: None, .. })) => {}
                Some(Ok(_)) => return bad("the address has a port, which routes have already"),
                Some(Err(_)) => return bad("the address is neither a host name nor an IP address"),
            }
        }
        Ok(())
    }

    /// Checks everything that can be known to be wrong without asking a server.
    ///
    /// # Errors
    /// The first contradiction found, naming the setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.contacts().is_empty() {
            return Err(ConfigError::NoContactPoints);
        }
        if self.port == 0 {
            return Err(ConfigError::Zero { setting: "port" });
        }
        for (setting, time) in [
            ("connect_timeout", Some(self.connect_timeout)),
            ("request_timeout", self.request_timeout),
            ("control_timeout", Some(self.control_timeout)),
            ("heartbeat.timeout", Some(self.heartbeat.timeout)),
            ("schema_agreement_interval", Some(self.schema_agreement_interval)),
            ("tcp_keepalive", self.tcp.keepalive),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(ConfigError::Zero { setting });
            }
        }
        if self.schema_page_size <= 0 {
            return Err(ConfigError::Zero { setting: "schema_page_size" });
        }
        if self.keyspace.as_deref().is_some_and(str::is_empty) {
            return Err(ConfigError::EmptyKeyspace);
        }
        if let Placement::Dedicated { threads } = self.placement
            && !(1..=MAX_THREADS).contains(&threads)
        {
            return Err(ConfigError::OutOfRange {
                setting: "placement threads",
                value: threads as u64,
                least: 1,
                most: MAX_THREADS as u64,
            });
        }
        if let Some(spin) = self.spin {
            if !(Duration::from_micros(1)..=MAX_SPIN).contains(&spin) {
                return Err(ConfigError::OutOfRange {
                    setting: "spin in microseconds",
                    value: spin.as_micros().min(u128::from(u64::MAX)) as u64,
                    least: 1,
                    most: MAX_SPIN.as_micros() as u64,
                });
            }
            if !matches!(self.placement, Placement::Dedicated { .. }) {
                return Err(ConfigError::SpinWithoutThread);
            }
        }
        self.tcp.validate()?;
        self.validate_endpoints()?;
        self.pool_size.validate()?;
        self.limits.validate()?;
        if let Some(version) = self.protocol_version.filter(|version| version.is_beta())
            && !self.allow_beta_protocol
        {
            return Err(ConfigError::BetaNotAllowed { version });
        }
        if let (Some(version), CompressionChoice::Only(compression)) =
            (self.protocol_version, self.compression)
            && version.uses_segments()
            && compression == chorus_protocol::Compression::Snappy
        {
            return Err(ConfigError::SnappyWithSegments);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EngineConfig {
        EngineConfig::new(["127.0.0.1".parse::<std::net::IpAddr>().unwrap()])
    }

    #[test]
    fn the_defaults_are_valid_for_any_contact_point() {
        assert_eq!(config().validate(), Ok(()));
    }

    #[test]
    fn no_contact_point_is_refused() {
        let empty = EngineConfig::new(Vec::<ContactPoint>::new());
        assert_eq!(empty.validate(), Err(ConfigError::NoContactPoints));
    }

    #[test]
    fn a_timeout_of_zero_is_refused_by_name() {
        let mut config = config();
        config.control_timeout = Duration::ZERO;
        assert_eq!(config.validate(), Err(ConfigError::Zero { setting: "control_timeout" }));
    }

    #[test]
    fn a_beta_version_is_spoken_only_with_leave() {
        let mut config = config();
        config.protocol_version = Some(ProtocolVersion::V6);
        assert_eq!(config.validate(), Err(ConfigError::BetaNotAllowed { version: ProtocolVersion::V6 }));
        config.allow_beta_protocol = true;
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn snappy_cannot_be_asked_for_together_with_v5() {
        let mut config = config();
        config.protocol_version = Some(ProtocolVersion::V5);
        config.compression = CompressionChoice::Only(chorus_protocol::Compression::Snappy);
        assert_eq!(config.validate(), Err(ConfigError::SnappyWithSegments));
    }

    #[test]
    fn dedicated_placement_wants_between_one_and_the_maximum_of_threads() {
        let mut config = config();
        config.placement = Placement::Dedicated { threads: 0 };
        assert!(matches!(config.validate(), Err(ConfigError::OutOfRange { value: 0, .. })));
        config.placement = Placement::Dedicated { threads: 2 };
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn a_spin_wants_a_thread_of_its_own_and_a_bound() {
        let mut config = config();
        config.spin = Some(Duration::from_micros(50));
        assert_eq!(config.validate(), Err(ConfigError::SpinWithoutThread));
        config.placement = Placement::Dedicated { threads: 1 };
        assert_eq!(config.validate(), Ok(()));
        for spin in [Duration::ZERO, Duration::from_micros(1001), Duration::MAX] {
            config.spin = Some(spin);
            assert!(matches!(config.validate(), Err(ConfigError::OutOfRange { most: 1000, .. })), "{spin:?}");
        }
    }

    #[test]
    fn scylla_is_given_the_control_timeout_unless_told_otherwise() {
        let mut config = config();
        assert_eq!(config.metadata_limit(), Some(Duration::from_secs(2)));
        config.metadata_request_timeout = Some(Duration::ZERO);
        assert_eq!(config.metadata_limit(), None);
    }
}
