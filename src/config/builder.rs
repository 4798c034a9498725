//! Everything one can choose before connecting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chorus_actors::config::{ApplicationInfo, ContactPoint, EngineConfig, Resolver};
use chorus_actors::{CompressionChoice, Placement};
use chorus_protocol::{Compression, Consistency, ProtocolVersion, SerialConsistency};
use chorus_topology::{AddressTranslator, LoadBalancingPolicy, RetryBudget, RetryPolicy, SpeculativePolicy};

use super::{ExecutionProfile, IntoContactPoint, Profiles, SessionConfig, Speculation};
use crate::encryption::Encryption;
use crate::error::{ConfigProblem, Error};
use crate::observe::Observation;
use crate::statement::{PageSize, StatementCache, Timeout};
use crate::timestamp::{MonotonicTimestampGenerator, TimestampGenerator};
use crate::trace::TraceOptions;
use crate::{Cluster, Session};

/// Configures and opens a [`Session`].
///
/// Setters never fail: what cannot work is reported by [`connect`](Self::connect), before any socket is opened.
///
/// ```no_run
/// # async fn example() -> Result<(), chorus::Error> {
/// use chorus::{Consistency, Session};
///
/// let session = Session::builder()
///     .contact_point("db.example:9042")
///     .credentials("shop", std::env::var("SHOP_PASSWORD").unwrap_or_default())
///     .keyspace("shop")
///     .consistency(Consistency::LocalQuorum)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until connect() is called"]
pub struct SessionBuilder {
    pub(super) engine: EngineConfig,
    profile: ExecutionProfile,
    profiles: BTreeMap<Arc<str>, ExecutionProfile>,
    pub(super) timestamps: Option<Arc<dyn TimestampGenerator>>,
    pub(super) observation: Observation,
    pub(super) encryption: Encryption,
    pub(super) trace_limit: Option<Duration>,
    /// TLS takes only certificates for the addresses of servers.
    #[cfg(feature = "tls")]
    insists_on_addresses: bool,
    /// Where to connect and how was determined by a secure connect bundle.
    from_bundle: bool,
    /// The first thing a setter was given that cannot work.
    problem: Option<ConfigProblem>,
}

impl SessionBuilder {
    /// A builder with every default, and no contact point.
    pub fn new() -> Self {
        Self {
            engine: EngineConfig::new(Vec::<ContactPoint>::new()),
            profile: ExecutionProfile::default(),
            profiles: BTreeMap::new(),
            timestamps: Some(Arc::new(MonotonicTimestampGenerator::new())),
            observation: Observation::default(),
            encryption: Encryption::default(),
            trace_limit: Some(TraceOptions::DEFAULT_LIMIT),
            #[cfg(feature = "tls")]
            insists_on_addresses: false,
            from_bundle: false,
            problem: None,
        }
    }

    /// Connects, and returns once the cluster is known and the first host can be used.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for settings that contradict each other,
    /// [`ErrorKind::Authentication`](crate::ErrorKind::Authentication) when the server refuses the credentials,
    /// [`ErrorKind::Tls`](crate::ErrorKind::Tls) when no server can be connected to securely,
    /// [`ErrorKind::NoHostAvailable`](crate::ErrorKind::NoHostAvailable) when nobody answers as CQL servers do; its
    /// [`attempts`](Error::attempts) say what happened at each address.
    pub async fn connect(self) -> Result<Session, Error> {
        Session::open(self.finish()?).await
    }

    /// Checks the settings and keeps them, for several sessions that share a timestamp generator.
    ///
    /// # Errors
    ///
    /// As the part of [`connect`](Self::connect) that needs no network.
    pub fn build(self) -> Result<Cluster, Error> {
        self.finish().map(Cluster::new)
    }

    pub(crate) fn finish(self) -> Result<SessionConfig, Error> {
        if let Some(problem) = self.problem {
            return Err(problem.into());
        }
        let mut engine = self.engine;
        // Setters of the builder set the profile, so whatever is in it was said last.
        if let Some(policy) = &self.profile.load_balancing {
            engine.load_balancing = Arc::clone(policy);
        }
        if let Some(policy) = &self.profile.retry {
            engine.retry = Arc::clone(policy);
        }
        if let Some(Speculation(policy)) = &self.profile.speculation {
            engine.speculative.clone_from(policy);
        }
        if let Some(timeout) = self.profile.timeout {
            engine.request_timeout = timeout.duration().filter(|timeout| !timeout.is_zero());
        }
        engine.validate().map_err(ConfigProblem::from)?;
        #[cfg(feature = "tls")]
        if engine.client_routes.is_some() && self.insists_on_addresses {
            return Err(ConfigProblem::RoutesWithHostnames.into());
        }
        Ok(SessionConfig {
            engine,
            profile: self.profile,
            profiles: Arc::new(Profiles::new(self.profiles)),
            described: Arc::new(StatementCache::new()),
            timestamps: self.timestamps,
            observation: self.observation,
            encryption: self.encryption,
            trace_limit: self.trace_limit,
        })
    }
}

/// Where to connect, and as whom.
impl SessionBuilder {
    /// Adds an address or a name to start from; one that answers is enough, the rest of the cluster is learned from it. A
    /// name stands for all its addresses. Defaults to none, and at least one is required.
    pub fn contact_point(mut self, point: impl IntoContactPoint) -> Self {
        self.refuse_besides_bundle("contact_point");
        match point.into_contact_point() {
            Ok(point) => self.engine.contact_points.push(point),
            Err(error) => self.report(error.into()),
        }
        self
    }

    /// Adds several contact points. Defaults to none.
    pub fn contact_points<P: IntoContactPoint>(self, points: impl IntoIterator<Item = P>) -> Self {
        points.into_iter().fold(self, Self::contact_point)
    }

    /// Finds the addresses behind names of contact points: when the session is opened, and again whenever no known host can
    /// be reached. Defaults to the resolver of the operating system.
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.engine.resolver = Arc::new(resolver);
        self
    }

    /// The port of contact points without one, and of hosts whose row in `system.peers` has none. Defaults to 9042.
    pub fn port(mut self, port: u16) -> Self {
        self.engine.port = port;
        self
    }

    /// Secures every connection. Servers usually have a port of their own for it. Defaults to none: bytes travel in the clear,
    /// and a password that would leave this machine so is warned about in the log, once.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: super::TlsConfig) -> Self {
        self.refuse_besides_bundle("tls");
        self.insists_on_addresses = tls.insists_on_addresses();
        self.engine.tls = Some(tls.settings());
        self
    }

    /// The keyspace of unqualified table names, spelled exactly as in the schema: `Shop` is not `shop`. Defaults to none.
    pub fn keyspace(mut self, name: impl Into<String>) -> Self {
        self.engine.keyspace = Some(name.into());
        self
    }

    /// Compresses frames with this algorithm; a server that does not offer it is refused. `None` turns compression off.
    /// Defaults to off: on a fast network compression costs more than it saves.
    pub fn compression(mut self, compression: Option<Compression>) -> Self {
        self.engine.compression = compression.map_or(CompressionChoice::Off, CompressionChoice::Only);
        self
    }

    /// Compresses frames with the best algorithm the server offers, LZ4 before Snappy, and not at all when it offers none.
    /// Defaults to off.
    pub fn compress_if_possible(mut self) -> Self {
        self.engine.compression = CompressionChoice::Best;
        self
    }

    /// Tries the version of the protocol that is still in beta, v6, before the released ones, and tells the server in every frame
    /// that it may: for trying what a coming version has. Where the server refuses it, v5 is spoken. Defaults to false.
    pub fn allow_beta_protocol(mut self, allow: bool) -> Self {
        self.engine.allow_beta_protocol = allow;
        self
    }

    /// Speaks this version of the protocol and no other. [`V6`](ProtocolVersion::V6) needs
    /// [`allow_beta_protocol`](Self::allow_beta_protocol). Defaults to the highest that both sides know, from v5 down to v3.
    pub fn protocol_version(mut self, version: ProtocolVersion) -> Self {
        self.engine.protocol_version = Some(version);
        self
    }

    /// The CQL version to ask for. Defaults to the first the server lists.
    pub fn cql_version(mut self, version: impl Into<String>) -> Self {
        self.engine.cql_version = Some(version.into());
        self
    }

    /// Lets servers of the 3.x line show compact tables as they are stored (`NO_COMPACT`). Defaults to false.
    pub fn no_compact(mut self, no_compact: bool) -> Self {
        self.engine.no_compact = no_compact;
        self
    }

    /// What the server's list of clients says about this program. Defaults to nothing but the driver's name.
    pub fn application(mut self, application: ApplicationInfo) -> Self {
        self.engine.application = application;
        self
    }

    /// Translates addresses the cluster tells about its hosts, for networks where those are not reachable. Contact points
    /// are taken as they are, and the host that tells is the one the driver talks to. Defaults to no translation.
    pub fn address_translator(mut self, translator: impl AddressTranslator + 'static) -> Self {
        self.engine.address_translator = Some(Arc::new(translator));
        self
    }
}

/// How requests are carried out. Statements and profiles may differ.
impl SessionBuilder {
    /// Replaces the default profile as a whole, whatever the setters below did before. Defaults to an empty profile.
    pub fn profile(mut self, profile: ExecutionProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Adds a profile that statements find by name with [`Session::profile`]. `default` is the name of the session's own.
    /// Defaults to none.
    pub fn add_profile(mut self, name: impl Into<Arc<str>>, profile: ExecutionProfile) -> Self {
        let name = name.into();
        if &*name == ExecutionProfile::DEFAULT_NAME || self.profiles.contains_key(&name) {
            self.report(ConfigProblem::ProfileExists((&*name).into()));
        } else {
            self.profiles.insert(name, profile);
        }
        self
    }

    /// How many replicas must answer a request. Defaults to `LOCAL_ONE`; with DataStax Astra, which takes no writes at that level,
    /// to `LOCAL_QUORUM`.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.profile = self.profile.consistency(consistency);
        self
    }

    /// The level of the Paxos phase of conditional statements. Defaults to the server's choice (`SERIAL`).
    pub fn serial_consistency(mut self, consistency: SerialConsistency) -> Self {
        self.profile = self.profile.serial_consistency(consistency);
        self
    }

    /// The time a request may take, retries included; `None` waits for ever. Defaults to 10 seconds.
    pub fn request_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.profile = self.profile.timeout(timeout);
        self
    }

    /// The number of rows of a page; zero fetches whole results. Defaults to 5000.
    pub fn page_size(mut self, rows: impl Into<PageSize>) -> Self {
        self.profile = self.profile.page_size(rows);
        self
    }

    /// Chooses the hosts of each request, and which hosts get connections at all. Defaults to token-aware over round robin
    /// within the datacenter of the first contact point.
    pub fn load_balancing(mut self, policy: Arc<dyn LoadBalancingPolicy>) -> Self {
        self.profile = self.profile.load_balancing(policy);
        self
    }

    /// Decides what happens when a request fails. Defaults to [`DefaultRetry`](crate::policy::DefaultRetry).
    pub fn retry_policy(mut self, policy: Arc<dyn RetryPolicy>) -> Self {
        self.profile = self.profile.retry_policy(policy);
        self
    }

    /// Sends idempotent requests to a second host when the first is late; see
    /// [`SpeculativePolicy`](crate::policy::SpeculativePolicy). Defaults to off.
    pub fn speculation(mut self, policy: impl Into<Option<Arc<dyn SpeculativePolicy>>>) -> Self {
        self.profile = self.profile.speculation(policy);
        self
    }

    /// How many retries and speculative attempts there may be as a share of the traffic, for each of the engine's reactors: an
    /// outage is not made worse by repeating everything. Defaults to 100, and one more for every ten requests.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.engine.retry_budget = budget;
        self
    }
}

impl SessionBuilder {
    /// The same settings for a session without a runtime around it. A placement on the caller's runtime cannot be had there.
    pub(crate) fn for_blocking(mut self) -> Self {
        match self.engine.placement {
            Placement::Auto => self.reactors(1),
            Placement::Dedicated { .. } => self,
            _ => {
                self.report(ConfigProblem::NoRuntime);
                self
            }
        }
    }

    /// Closes what a secure connect bundle has determined.
    #[cfg(feature = "cloud")]
    pub(crate) fn closed_by_bundle(mut self) -> Self {
        self.from_bundle = true;
        self
    }

    pub(super) fn refuse_besides_bundle(&mut self, setting: &'static str) {
        if self.from_bundle {
            self.report(ConfigProblem::BesidesBundle { setting });
        }
    }

    pub(super) fn report(&mut self, problem: ConfigProblem) {
        self.problem.get_or_insert(problem);
    }
}

impl Default for SessionBuilder {
    fn default() -> Self {
        Self::new()
    }
}
