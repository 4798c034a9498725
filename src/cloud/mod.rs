//! Secure connect bundles: everything it takes to reach a database of a cloud service, in one file.
//!
//! A bundle is a zip with a `config.json`, the authority to trust, and a certificate to come with. [`SecureBundle::open`] reads
//! it (into memory; nothing is unpacked), [`SecureBundle::builder`] asks the service that the bundle names where the hosts are,
//! and returns a [`SessionBuilder`] that knows: hosts are reached through a proxy by their identity
//! ([`SniProxy`]), in TLS both ways. Bundles and answers are not believed blindly: sizes are bounded before
//! anything is read, and whatever is wrong is a [`BundleProblem`].
//!
//! ```no_run
//! # async fn example() -> Result<(), chorus::Error> {
//! use chorus::cloud::SecureBundle;
//!
//! let bundle = SecureBundle::open("secure-connect-shop.zip")?;
//! let session = bundle.builder().await?.credentials("client id", "client secret").connect().await?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod metadata;
mod problem;
mod service;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chorus_topology::{DcAwareRoundRobin, SniProxy, TokenAware};
use tokio::sync::oneshot;

pub use problem::BundleProblem;

use crate::error::Error;
use crate::{SessionBuilder, TlsConfig};
use archive::Contents;
use metadata::Metadata;

/// How long the service may take to say where the hosts are, from looking up its name to the last byte.
const SERVICE_LIMIT: Duration = Duration::from_secs(5);

/// A bundle that was read.
#[derive(Clone)]
pub struct SecureBundle {
    contents: Arc<Contents>,
}

impl SecureBundle {
    /// Reads a bundle. Blocks while the file is read, which is at most 4 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with a [`BundleProblem`]: the file cannot be read, is no zip, lacks a
    /// part, or has one that makes no sense.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let read = archive::read_file(path.as_ref())?;
        Ok(Self::from_bytes(&read)?)
    }

    /// The same from memory.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleProblem> {
        Ok(Self { contents: Arc::new(Contents::read(bytes)?) })
    }

    /// Asks the service where the hosts are, within 5 seconds, and returns a builder that reaches them: contact points,
    /// the way to every host, TLS, the local datacenter (token-aware over round robin in it), and the keyspace, the user and
    /// the password if the bundle has them. Everything but contact points, ways to hosts and TLS may be set afterwards;
    /// setting one of those is reported by [`connect`](SessionBuilder::connect).
    ///
    /// Dropping the future stops waiting for the service.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`](crate::ErrorKind::Connect) when the service cannot be reached, answers with anything but 200, or
    /// with something that makes no sense. [`ErrorKind::Config`](crate::ErrorKind::Config) for certificates that cannot be
    /// used.
    pub async fn builder(&self) -> Result<SessionBuilder, Error> {
        let (done, answered) = oneshot::channel();
        let bundle = self.clone();
        let thread = std::thread::Builder::new().name("chorus-cloud".to_owned()).spawn(move || {
            // Nobody waits any more when it took too long.
            let _ = done.send(bundle.builder_blocking());
        });
        thread.map_err(|error| BundleProblem::Service { reason: error.to_string().into() })?;
        answered.await.map_err(|_| BundleProblem::Service { reason: "it was not asked".into() })?
    }

    /// The same for programs without a runtime. Blocks, for 5 seconds at most.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder).
    pub fn builder_blocking(&self) -> Result<SessionBuilder, Error> {
        let Contents { host, port, .. } = &*self.contents;
        let tls = self.tls(None)?;
        let answer = service::fetch(host, *port, &tls, SERVICE_LIMIT)?;
        self.builder_for(&Metadata::parse(&answer)?)
    }

    /// A builder for what the service said.
    fn builder_for(&self, metadata: &Metadata) -> Result<SessionBuilder, Error> {
        let contents = &*self.contents;
        let proxy = SniProxy::new(metadata.proxy.as_str(), metadata.port);
        // The proxy shows its own certificate, whoever is behind it.
        let mut builder = SessionBuilder::new()
            .contact_points(metadata.hosts.iter().map(|host| proxy.host(*host)))
            .endpoint_factory(proxy)
            .tls(self.tls(Some(&metadata.proxy))?);
        if let Some(datacenter) = metadata.datacenter.as_deref().or(contents.datacenter.as_deref()) {
            let local = DcAwareRoundRobin::preferring(datacenter);
            builder = builder.load_balancing(Arc::new(TokenAware::new(local)));
        }
        if let Some(keyspace) = &contents.keyspace {
            builder = builder.keyspace(keyspace);
        }
        if let Some((user, password)) = &contents.credentials {
            builder = builder.credentials(user, password.clone());
        }
        Ok(builder.closed_by_bundle())
    }

    fn tls(&self, also: Option<&str>) -> Result<TlsConfig, Error> {
        let Contents { authority, certificate, key, .. } = &*self.contents;
        let mut tls = TlsConfig::builder().roots_pem(authority).client_certificate_pem(certificate, key);
        if let Some(name) = also {
            tls = tls.or_server_name(name);
        }
        tls.build()
    }
}

/// Nothing of the key or the password.
impl fmt::Debug for SecureBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contents { host, port, .. } = &*self.contents;
        f.debug_struct("SecureBundle")
            .field("service", &format_args!("{host}:{port}"))
            .finish_non_exhaustive()
    }
}
