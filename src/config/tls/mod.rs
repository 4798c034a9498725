//! TLS to the servers: what to trust, who we are, and which name to insist on.
//!
//! [`builder`] gathers the choices, [`sources`] turns PEM into the configuration of rustls, [`watch`] notices that files
//! changed. The engine asks a [`TlsConfig`] before each connection (see `chorus_actors::tls`); connections that exist are
//! left alone.

mod builder;
mod problem;
mod sources;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chorus_actors::TlsProblem;
use chorus_actors::tls::{ChecksOff, TlsPeer, TlsSettings};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tracing::{info, warn};

pub use builder::TlsConfigBuilder;
pub use problem::{PemSource, TlsConfigProblem};

use crate::error::{ConfigProblem, Error};
use sources::Sources;
use watch::Stamps;

/// How connections are secured, for [`SessionBuilder::tls`](crate::SessionBuilder::tls).
///
/// By default a server must show a certificate that an authority trusted by the operating system stands behind, that is valid
/// now, and that is for the server's name: that of the contact point when the server was found under a name, else its address.
/// TLS 1.3 and 1.2 are spoken, and nothing older.
///
/// Cheap to clone; clones are the same configuration, and so are all sessions it is given to.
///
/// ```no_run
/// # async fn example() -> Result<(), chorus::Error> {
/// use chorus::{Session, TlsConfig};
///
/// let tls = TlsConfig::builder()
///     .roots_file("/etc/shop/ca.pem")
///     .client_certificate_files("/etc/shop/client.pem", "/etc/shop/client-key.pem")
///     .build()?;
/// let session = Session::builder().contact_point("db.example:9142").tls(tls).connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// # New certificates
///
/// Certificates and keys given as files may be replaced while sessions live. Each new connection looks whether one of the
/// files has another time of change or another length, and then takes in all of them; [`reload`](Self::reload) does so at
/// once. A pair that does not fit together yet, because only one of two files was written so far, changes nothing. Existing
/// connections keep what they were made with.
#[derive(Clone)]
pub struct TlsConfig {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Sources,
    current: ArcSwap<ClientConfig>,
    /// The files as they were when they were read last. Held while they are read, so that one thread at a time does.
    seen: Mutex<Stamps>,
    names: Names,
}

/// Which name a server's certificate must be for.
enum Names {
    /// That of the contact point, else the address.
    Peer,
    /// One for all servers.
    One(ServerName<'static>),
    /// Whatever this says; the peer's for those it does not know.
    Chosen(Choose),
}

/// Names a server, or leaves it to the default.
type Choose = Box<dyn Fn(TlsPeer<'_>) -> Option<String> + Send + Sync>;

impl TlsConfig {
    /// A builder with every default.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Reads roots, certificates and keys again, for connections made from now on. Does nothing for a configuration that was
    /// [made elsewhere](TlsConfigBuilder::client_config). Blocks while it reads files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming the file; what was in use stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Stamps::of(self.shared.sources.files());
        self.shared.read().map_err(|problem| ConfigProblem::from(problem).into())
    }

    /// Whether a certificate must be for the address (or the contact point's name) of its server, and for nothing that
    /// somebody chose.
    pub(crate) fn insists_on_addresses(&self) -> bool {
        let checks = match &self.shared.sources {
            Sources::Pem(pem) => pem.off == ChecksOff::Nothing && pem.also.is_none(),
            Sources::ReadyMade(_) => true,
        };
        checks && matches!(self.shared.names, Names::Peer)
    }

    /// What the engine asks.
    pub(crate) fn settings(&self) -> Arc<dyn TlsSettings> {
        Arc::clone(&self.shared) as _
    }
}

impl Shared {
    fn read(&self) -> Result<(), TlsConfigProblem> {
        self.current.store(self.sources.read()?);
        Ok(())
    }
}

impl TlsSettings for Shared {
    fn client_config(&self) -> Arc<ClientConfig> {
        self.current.load_full()
    }

    fn server_name(&self, peer: TlsPeer<'_>) -> Result<ServerName<'static>, TlsProblem> {
        match &self.names {
            Names::Peer => peer.default_name(),
            Names::One(name) => Ok(name.clone()),
            Names::Chosen(choose) => match choose(peer) {
                Some(name) => chorus_actors::tls::server_name(&name),
                None => peer.default_name(),
            },
        }
    }

    fn may_change(&self) -> bool {
        self.sources.files().next().is_some()
    }

    fn refresh(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before reading: what changes while it is read is read again next time.
        let now = Stamps::of(self.sources.files());
        if now == *seen {
            return;
        }
        *seen = now;
        match self.read() {
            Ok(()) => info!("new connections use the certificates that changed"),
            Err(problem) => {
                warn!(%problem, "certificates changed and cannot be used; the former ones stay in use")
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sources.fmt(f)
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConfig").field(&self.shared.sources).finish()
    }
}
