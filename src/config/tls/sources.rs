//! From PEM to the configuration of rustls.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chorus_actors::tls::{ChecksOff, Verifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretSlice};
use tracing::warn;

use super::problem::{PemSource, TlsConfigProblem};

/// Where everything comes from, to be read again whenever something changed.
pub(super) enum Sources {
    Pem(PemSources),
    /// A configuration that was made elsewhere.
    ReadyMade(Arc<ClientConfig>),
}

/// Certificates and keys as text.
#[derive(Default)]
pub(super) struct PemSources {
    pub(super) roots: Vec<Pem>,
    /// The authorities that the operating system trusts, too.
    pub(super) system: bool,
    pub(super) identity: Option<Identity>,
    pub(super) off: ChecksOff,
    /// A name that certificates may be for besides the server's.
    pub(super) also: Option<ServerName<'static>>,
}

/// A client certificate, with those that lead to its authority, and its key.
pub(super) struct Identity {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
}

/// A PEM text. One in memory may be a key: wiped when it goes, and never shown.
pub(super) enum Pem {
    File(PathBuf),
    Bytes(SecretSlice<u8>),
}

impl Sources {
    /// The configuration as the sources are now.
    pub(super) fn read(&self) -> Result<Arc<ClientConfig>, TlsConfigProblem> {
        match self {
            Self::Pem(sources) => sources.read().map(Arc::new),
            Self::ReadyMade(config) => Ok(Arc::clone(config)),
        }
    }

    /// The files among the sources.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let pem = match self {
            Self::Pem(pem) => Some(pem),
            Self::ReadyMade(_) => None,
        };
        let roots = pem.map_or(&[][..], |pem| &pem.roots);
        let identity = pem.and_then(|pem| pem.identity.as_ref());
        let identity = identity.map(|identity| [&identity.certificate, &identity.key]);
        roots.iter().chain(identity.into_iter().flatten()).filter_map(Pem::file)
    }
}

impl PemSources {
    fn read(&self) -> Result<ClientConfig, TlsConfigProblem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let refused = |error: rustls::Error| TlsConfigProblem::Refused { reason: error.to_string().into() };
        let roots = match self.off {
            // Nobody asks them.
            ChecksOff::Everything => RootCertStore::empty(),
            _ => self.roots()?,
        };
        let mut verifier = Verifier::new(roots, provider.signature_verification_algorithms, self.off);
        if let Some(name) = &self.also {
            verifier = verifier.or_named(name.clone());
        }
        let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match &self.identity {
            Some(identity) => config.with_client_cert_resolver(Arc::new(identity.read()?)),
            None => config.with_no_client_auth(),
        })
    }

    fn roots(&self) -> Result<RootCertStore, TlsConfigProblem> {
        let mut roots = RootCertStore::empty();
        for pem in &self.roots {
            let (mut usable, mut reason) = (0, None);
            let certificates = pem.certificates()?;
            let count = certificates.len();
            for certificate in certificates {
                match roots.add(certificate) {
                    Ok(()) => usable += 1,
                    Err(error) => reason = Some(error.to_string()),
                }
            }
            match reason {
                Some(reason) if usable == 0 => {
                    return Err(TlsConfigProblem::NoRoot {
                        file: pem.source(),
                        count,
                        reason: reason.into(),
                    });
                }
                Some(reason) => {
                    warn!(file = %pem.source(), unusable = count - usable, %reason, "some trusted certificates cannot be used");
                }
                None => {}
            }
        }
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let reason = found.errors.first().map_or_else(|| "none found".into(), ToString::to_string);
                return Err(TlsConfigProblem::NoSystemRoots { reason: reason.into() });
            }
        }
        Ok(roots)
    }
}

impl Identity {
    fn read(&self) -> Result<SingleCertAndKey, TlsConfigProblem> {
        let chain = self.certificate.certificates()?;
        let mut key = self.key.key()?;
        let signing = any_supported_type(&key);
        key.zeroize();
        let signing = signing.map_err(|_| TlsConfigProblem::UnsupportedKey { file: self.key.source() })?;
        let pair = CertifiedKey::new(chain, signing);
        match pair.keys_match() {
            // Some keys cannot tell their public half; the server will notice.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair.into()),
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsConfigProblem::KeyMismatch {
                certificate: self.certificate.source(),
                key: self.key.source(),
            }),
            Err(error) => Err(TlsConfigProblem::Refused { reason: error.to_string().into() }),
        }
    }
}

impl Pem {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Bytes(_) => None,
        }
    }

    fn source(&self) -> PemSource {
        match self {
            Self::File(path) => PemSource::File(path.clone()),
            Self::Bytes(_) => PemSource::Bytes,
        }
    }

    /// The text itself, wiped when it is dropped.
    fn text(&self) -> Result<Zeroizing<Vec<u8>>, TlsConfigProblem> {
        match self {
            Self::Bytes(bytes) => Ok(Zeroizing::new(bytes.expose_secret().to_vec())),
            Self::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(Zeroizing::new(bytes)),
                Err(error) => Err(TlsConfigProblem::Unreadable {
                    file: self.source(),
                    reason: error.to_string().into(),
                }),
            },
        }
    }

    /// All certificates in it; at least one.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsConfigProblem> {
        let text = self.text()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                Err(TlsConfigProblem::NoCertificate { file: self.source() })
            }
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsConfigProblem> {
        let text = self.text()?;
        match PrivateKeyDer::from_pem_slice(&text) {
            Ok(key) => Ok(key),
            Err(pem::Error::NoItemsFound) if mentions(&text, b"ENCRYPTED") => {
                Err(TlsConfigProblem::EncryptedKey { file: self.source() })
            }
            Err(pem::Error::NoItemsFound) => Err(TlsConfigProblem::NoKey { file: self.source() }),
            // The old way: an ordinary section whose first lines say how it is encrypted.
            Err(_) if mentions(&text, b"ENCRYPTED") => {
                Err(TlsConfigProblem::EncryptedKey { file: self.source() })
            }
            Err(error) => Err(self.damaged(&error)),
        }
    }

    /// Says nothing of the text: it may be a key.
    fn damaged(&self, error: &pem::Error) -> TlsConfigProblem {
        let reason = match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no end; was the file cut off?",
            pem::Error::IllegalSectionStart { .. } => "a section begins wrongly",
            pem::Error::Base64Decode(_) => "a section is not base64",
            _ => "it cannot be understood",
        };
        TlsConfigProblem::NotPem { file: self.source(), reason }
    }
}

fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Bytes(_) => f.write_str("***"),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Pem(sources) = self else { return f.write_str("ReadyMade") };
        let identity = sources.identity.as_ref().map(|identity| (&identity.certificate, &identity.key));
        f.debug_struct("Pem")
            .field("roots", &sources.roots)
            .field("system", &sources.system)
            .field("identity", &identity)
            .field("off", &sources.off)
            .finish()
    }
}
