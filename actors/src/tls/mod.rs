//! TLS to the servers, with rustls and no system library.
//!
//! [`TlsSettings`] is what the engine asks before it opens a connection: the certificates and the name to insist on. They
//! come from the library, which reads files; here is the part that talks to a peer. `stream` carries bytes through a
//! session, `judge` finds the reason in what rustls and the peer say, `verify` decides whom to trust. A handshake that
//! fails is a [`TlsProblem`] of that one dial; nothing is retried without TLS.

mod buffer;
mod handshake;
mod judge;
mod stream;
#[cfg(test)]
pub(crate) mod test_peer;
mod verify;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::TlsProblem;

pub(crate) use handshake::shake_hands;
pub(crate) use stream::TlsStream;
pub use verify::{ChecksOff, Verifier};

/// What the engine asks before it opens a connection.
///
/// Shared by all connections of a session, and called on its reactors: only [`refresh`](Self::refresh) may block.
pub trait TlsSettings: fmt::Debug + Send + Sync {
    /// Certificates, keys and the verifier for the next connection. Connections that exist keep what they were made with.
    fn client_config(&self) -> Arc<ClientConfig>;

    /// The name that the certificate of `peer` must be for, and that it is told (SNI) unless it is an address.
    ///
    /// # Errors
    ///
    /// A text that is neither a host name nor an address; the dial fails with it.
    fn server_name(&self, peer: TlsPeer<'_>) -> Result<ServerName<'static>, TlsProblem>;

    /// Whether [`refresh`](Self::refresh) has anything to look at. Defaults to no.
    fn may_change(&self) -> bool {
        false
    }

    /// Takes in certificates that changed where they came from. Called before each dial, on a thread of its own.
    fn refresh(&self) {}
}

/// A server that is about to be connected to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TlsPeer<'a> {
    /// Where it is dialled.
    pub address: SocketAddr,
    /// The contact point that stands for this address, when that was a name.
    pub name: Option<&'a str>,
    /// The name by which a proxy at the address knows the server: it is told to the proxy, and no other is asked for.
    pub sni: Option<&'a str>,
}

impl<'a> TlsPeer<'a> {
    /// A server at `address`, which was looked up under `name` or was known by its address.
    pub fn new(address: SocketAddr, name: Option<&'a str>) -> Self {
        Self { address, name, sni: None }
    }

    /// The name to insist on when nobody chose another: the contact point's, or else the address.
    ///
    /// # Errors
    ///
    /// A name that no certificate can be for.
    pub fn default_name(&self) -> Result<ServerName<'static>, TlsProblem> {
        match self.name {
            Some(name) => server_name(name),
            None => Ok(ServerName::IpAddress(self.address.ip().into())),
        }
    }
}

/// Reads a host name or an address.
///
/// # Errors
///
/// A text that is neither.
pub fn server_name(text: &str) -> Result<ServerName<'static>, TlsProblem> {
    // Certificates do not write the root's dot.
    let name = text.strip_suffix('.').unwrap_or(text);
    ServerName::try_from(name)
        .map(|name| name.to_owned())
        .map_err(|_| TlsProblem::BadServerName { name: text.into() })
}
