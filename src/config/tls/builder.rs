//! The choices.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use chorus_actors::tls::{ChecksOff, TlsPeer};
use rustls::ClientConfig;
use tracing::warn;

use super::problem::TlsConfigProblem;
use super::sources::{Identity, Pem, PemSources, Sources};
use super::watch::Stamps;
use super::{Choose, Names, Shared, TlsConfig};
use crate::error::{ConfigProblem, Error};

/// Gathers what a [`TlsConfig`] is made of. Setters never fail and read nothing; [`build`](Self::build) does.
#[derive(Default)]
#[must_use = "a builder does nothing until build() is called"]
pub struct TlsConfigBuilder {
    pem: PemSources,
    ready_made: Option<Arc<ClientConfig>>,
    name: Option<String>,
    choose: Option<Choose>,
    also: Option<String>,
    any_name: bool,
    anything: bool,
}

/// What to trust.
impl TlsConfigBuilder {
    /// Trusts the authorities whose certificates are in this PEM file, and only those unless others are added. May be called
    /// more than once. Defaults to the authorities that the operating system trusts.
    pub fn roots_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.pem.roots.push(Pem::File(path.into()));
        self
    }

    /// Trusts the authorities whose certificates are in this PEM text, and only those unless others are added. May be called
    /// more than once. Defaults to the authorities that the operating system trusts.
    pub fn roots_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.pem.roots.push(Pem::Bytes(pem.as_ref().to_vec().into()));
        self
    }

    /// Trusts the authorities of the operating system in addition to others that are given. The variables `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` may name others. Defaults to true when no others are given, and to false otherwise.
    pub fn system_roots(mut self) -> Self {
        self.pem.system = true;
        self
    }

    /// Whether a certificate must be for the server's name. Without that, whoever has any certificate of a trusted authority
    /// can pose as any server; turning it off is logged as a warning. The certificate is still checked in every other way.
    /// Defaults to true.
    pub fn verify_hostname(mut self, verify: bool) -> Self {
        self.any_name = !verify;
        self
    }

    /// Accepts whatever certificate a server shows: expired, self-signed, anybody's. Whoever can answer in the server's place
    /// reads and changes everything, passwords included. For experiments only; it is logged as a warning. Defaults to false.
    pub fn danger_accept_invalid_certificates(mut self, accept: bool) -> Self {
        self.anything = accept;
        self
    }

    /// The name that every server's certificate must be for, and that servers are told (SNI), instead of the contact point's
    /// name or the address. Defaults to none.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A name that certificates may be for besides the server's: that of a proxy in front of the servers, whose certificate it
    /// shows for all of them. Defaults to none.
    pub fn or_server_name(mut self, name: impl Into<String>) -> Self {
        self.also = Some(name.into());
        self
    }

    /// Chooses the name that a server's certificate must be for. `None` leaves it at the default: the contact point's name, or
    /// the address. Called before each connection is opened, on a thread that serves requests: it must not block. Takes
    /// precedence over [`server_name`](Self::server_name). Defaults to none.
    pub fn server_names(
        mut self,
        choose: impl Fn(TlsPeer<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.choose = Some(Box::new(choose));
        self
    }
}

/// Who we are, and the rest.
impl TlsConfigBuilder {
    /// The certificate to show to servers that ask for one, with those that lead to its authority, and its private key, each in
    /// a PEM file (which may be the same). Defaults to none.
    pub fn client_certificate_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let (certificate, key) = (Pem::File(certificate.into()), Pem::File(key.into()));
        self.pem.identity = Some(Identity { certificate, key });
        self
    }

    /// The certificate to show to servers that ask for one, with those that lead to its authority, and its private key, each
    /// as PEM text. The copies made here are wiped when they are dropped. Defaults to none.
    pub fn client_certificate_pem(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let certificate = Pem::Bytes(certificate.as_ref().to_vec().into());
        let key = Pem::Bytes(key.as_ref().to_vec().into());
        self.pem.identity = Some(Identity { certificate, key });
        self
    }

    /// Takes a configuration of rustls as it is, with its own verifier, certificates, versions and algorithms. Only the names
    /// to insist on are still chosen here. Defaults to none.
    pub fn client_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.ready_made = Some(config);
        self
    }

    /// Reads the files and checks that everything fits together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with the reason: see [`TlsConfigProblem`].
    pub fn build(self) -> Result<TlsConfig, Error> {
        self.make().map_err(|problem| ConfigProblem::from(problem).into())
    }

    fn make(mut self) -> Result<TlsConfig, TlsConfigProblem> {
        self.refuse_contradictions()?;
        let names = match (self.choose, self.name) {
            (Some(choose), _) => Names::Chosen(choose),
            (None, Some(name)) => match chorus_actors::tls::server_name(&name) {
                Ok(name) => Names::One(name),
                Err(_) => return Err(TlsConfigProblem::BadServerName { name: name.into() }),
            },
            (None, None) => Names::Peer,
        };
        if let Some(name) = self.also {
            let parsed = chorus_actors::tls::server_name(&name);
            self.pem.also = Some(parsed.map_err(|_| TlsConfigProblem::BadServerName { name: name.into() })?);
        }
        self.pem.system |= self.pem.roots.is_empty();
        if self.anything {
            warn!(
                "certificates of servers are not checked at all: whoever answers in their place is believed"
            );
            self.pem.off = ChecksOff::Everything;
        } else if self.any_name {
            warn!(
                "certificates of servers are not checked for the server's name: any that is trusted will do"
            );
            self.pem.off = ChecksOff::Name;
        }
        let sources = self.ready_made.map_or(Sources::Pem(self.pem), Sources::ReadyMade);
        // Before reading: what changes while it is read is read again when it is next looked at.
        let seen = Mutex::new(Stamps::of(sources.files()));
        let current = ArcSwap::new(sources.read()?);
        let shared = Shared { sources, current, seen, names };
        Ok(TlsConfig { shared: Arc::new(shared) })
    }

    fn refuse_contradictions(&self) -> Result<(), TlsConfigProblem> {
        if self.ready_made.is_none() {
            return Ok(());
        }
        let settings = [
            (!self.pem.roots.is_empty() || self.pem.system, "what to trust"),
            (self.pem.identity.is_some(), "the client certificate"),
            (self.also.is_some(), "or_server_name"),
            (self.any_name, "verify_hostname"),
            (self.anything, "danger_accept_invalid_certificates"),
        ];
        match settings.iter().find(|(is_set, _)| *is_set) {
            Some((_, setting)) => Err(TlsConfigProblem::ReadyMade { setting }),
            None => Ok(()),
        }
    }
}
