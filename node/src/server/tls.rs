//! What a node that speaks TLS shows, and whom it lets in.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// TLS of a node: its certificate and key, and whose clients it lets in. TLS 1.2 and 1.3.
///
/// Cheap to clone; see [`EmbeddedClusterBuilder::tls`](crate::EmbeddedClusterBuilder::tls).
#[derive(Clone)]
pub struct NodeTls {
    config: Arc<ServerConfig>,
}

/// Why a node cannot speak TLS with what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeTlsError {
    /// No certificate, or a damaged one.
    #[error("the PEM text of the {what} has no certificate in it that can be read")]
    Certificate {
        /// Whose.
        what: &'static str,
    },
    /// No private key, or a damaged or encrypted one.
    #[error("the PEM text of the key has no private key in it that can be read")]
    Key,
    /// They do not fit together, or are of no use.
    #[error("the certificate, its key or the clients' authority cannot be used")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl NodeTls {
    /// Shows this certificate, with those that lead to its authority, and has this key, all as PEM text. Anybody may connect.
    ///
    /// # Errors
    ///
    /// When they are no PEM, or not a pair.
    pub fn from_pem(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, NodeTlsError> {
        Self::new(certificate.as_ref(), key.as_ref(), None)
    }

    /// The same, and lets in only clients that show a certificate of these authorities, as PEM text.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and when there is no authority.
    pub fn from_pem_for_clients_of(
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
        authorities: impl AsRef<[u8]>,
    ) -> Result<Self, NodeTlsError> {
        Self::new(certificate.as_ref(), key.as_ref(), Some(authorities.as_ref()))
    }

    /// Takes a configuration of rustls as it is.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }

    fn new(certificate: &[u8], key: &[u8], authorities: Option<&[u8]>) -> Result<Self, NodeTlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(certificate, "node")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NodeTlsError::Key)?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let config = match authorities {
            None => config.with_no_client_auth(),
            Some(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(authorities, "clients' authority")? {
                    roots.add(authority).map_err(refused)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().map_err(refused)?)
            }
        };
        let config = config.with_single_cert(chain, key).map_err(refused)?;
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, NodeTlsError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(NodeTlsError::Certificate { what }),
    }
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> NodeTlsError {
    NodeTlsError::Refused(Box::new(error))
}

impl fmt::Debug for NodeTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeTls").finish_non_exhaustive()
    }
}
