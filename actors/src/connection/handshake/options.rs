//! What one connection is opened with.

use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::{Compression, ProtocolVersion, RequestExtensions};

use crate::auth::AuthProvider;
use crate::config::{
    ApplicationInfo, ControlConnectionFallback, Directory, EngineConfig, Resolver, TcpOptions, report,
};
#[cfg(feature = "tls")]
use crate::tls::TlsSettings;

/// The name under which the server knows this driver.
const DRIVER_NAME: &str = "Chorus";

/// The entry of STARTUP that tells the settings.
const DRIVER_CONFIG: &str = "DRIVER_CONFIG";

/// Which compression to ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompressionChoice {
    /// None.
    #[default]
    Off,
    /// The best the server offers: LZ4, then Snappy, then none.
    Best,
    /// This one; a server that does not offer it is refused.
    Only(Compression),
}

/// The versions a connection may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// This one, or the next lower ones if the server refuses it.
    DownFrom(ProtocolVersion),
    /// This one.
    Only(ProtocolVersion),
}

impl Versions {
    /// The version offered first.
    pub(crate) fn first(self) -> ProtocolVersion {
        match self {
            Self::DownFrom(version) | Self::Only(version) => version,
        }
    }
}

/// Everything a handshake needs to know apart from the address.
///
/// One value serves all connections of a session; the pool overrides the version (once it is negotiated) and the
/// keyspace (when it changes).
#[derive(Debug, Clone)]
pub(crate) struct ConnectOptions {
    /// Versions to offer.
    pub(crate) versions: Versions,
    /// Compression to ask for.
    pub(crate) compression: CompressionChoice,
    /// Tells a server that asks who we are.
    pub(crate) auth: Option<Arc<dyn AuthProvider>>,
    /// Secures the connection.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<dyn TlsSettings>>,
    /// The ways to hosts, as far as they were learned; the session's.
    pub(crate) directory: Arc<Directory>,
    /// Keyspace to use before the connection is ready, as spelled in the schema.
    pub(crate) keyspace: Option<Arc<str>>,
    /// CQL version wanted; the server's first when absent or not offered.
    pub(crate) cql_version: Option<Arc<str>>,
    /// Asks for tables of old storage formats without their peculiarities; v3 and v4 only.
    pub(crate) no_compact: bool,
    /// Further entries of STARTUP: who we are.
    pub(crate) startup: Arc<[(String, String)]>,
    /// Limit for the whole of it, from the first packet to the last answer.
    pub(crate) timeout: Duration,
    /// Largest frame accepted.
    pub(crate) max_frame: u32,
    /// Options of TCP sockets.
    pub(crate) tcp: TcpOptions,
    /// Finds the addresses behind names of proxies and routes.
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Whether extensions of ScyllaDB are asked for.
    pub(crate) extensions: bool,
    /// Which of those that change requests: all the configuration wants until the first connection of a session has found out
    /// what there is, then what that one agreed on.
    pub(crate) request_extensions: RequestExtensions,
}

impl ConnectOptions {
    /// The options every connection of a session with this configuration starts from.
    pub(crate) fn from_config(config: &EngineConfig) -> Self {
        Self {
            versions: match config.protocol_version {
                Some(version) => Versions::Only(version),
                None if config.allow_beta_protocol => Versions::DownFrom(ProtocolVersion::V6),
                None => Versions::DownFrom(ProtocolVersion::ALL[0]),
            },
            compression: config.compression,
            auth: config.auth.clone(),
            #[cfg(feature = "tls")]
            tls: config.tls.clone(),
            directory: Arc::default(),
            keyspace: config.keyspace.as_deref().map(Arc::from),
            cql_version: config.cql_version.as_deref().map(Arc::from),
            no_compact: config.no_compact,
            startup: identity(config).into(),
            timeout: config.connect_timeout,
            max_frame: config.limits.frame_bytes,
            tcp: config.tcp,
            resolver: Arc::clone(&config.resolver),
            extensions: true,
            request_extensions: RequestExtensions { metadata_id: true, tablets_v2: config.tablet_versions },
        }
    }

    /// The same for the control connection, which also tells the server the settings.
    pub(crate) fn for_control(config: &EngineConfig) -> Self {
        let mut options = Self::from_config(config);
        if let Some(report) = report(config) {
            let entry = (DRIVER_CONFIG.to_owned(), report);
            options.startup = options.startup.iter().cloned().chain([entry]).collect();
        }
        if config.control_connection_fallback == ControlConnectionFallback::Disabled {
            // The control connection needs no keyspace, and a wrong one must not hide the cluster.
            options.keyspace = None;
        }
        options
    }
}

impl ConnectOptions {
    /// Whether the connection is to be secured.
    pub(super) fn is_secured(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

/// The STARTUP entries that say who is calling.
fn identity(config: &EngineConfig) -> Vec<(String, String)> {
    let mut entries = vec![
        ("DRIVER_NAME".to_owned(), DRIVER_NAME.to_owned()),
        ("DRIVER_VERSION".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("SESSION_ID".to_owned(), config.session_id.to_string()),
    ];
    let ApplicationInfo { name, version, client_id } = &config.application;
    for (key, value) in
        [("APPLICATION_NAME", name), ("APPLICATION_VERSION", version), ("CLIENT_ID", client_id)]
    {
        if let Some(value) = value {
            entries.push((key.to_owned(), value.clone()));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_named_only_when_it_has_a_name() {
        let mut config = EngineConfig::new(["127.0.0.1:9042".parse::<std::net::SocketAddr>().unwrap()]);
        let keys = |config: &EngineConfig| -> Vec<String> {
            identity(config).into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys(&config), ["DRIVER_NAME", "DRIVER_VERSION", "SESSION_ID"]);
        config.application.name = Some("shop".into());
        assert_eq!(keys(&config).last().unwrap(), "APPLICATION_NAME");
    }

    #[test]
    fn the_settings_are_told_on_the_control_connection_only() {
        let mut config = EngineConfig::new(["127.0.0.1:9042".parse::<std::net::SocketAddr>().unwrap()]);
        config.keyspace = Some("shop".into());
        let told = |options: &ConnectOptions| options.startup.iter().any(|(key, _)| key == DRIVER_CONFIG);
        assert!(!told(&ConnectOptions::from_config(&config)));
        let control = ConnectOptions::for_control(&config);
        assert!(told(&control) && control.keyspace.is_none());
        config.report_config = false;
        assert!(!told(&ConnectOptions::for_control(&config)));
    }
}
