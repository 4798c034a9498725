//! Whom to trust: the verifier of the library's settings.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use thiserror::Error;

/// What a [`Verifier`] leaves unchecked. The default checks everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksOff {
    /// Nothing: chain and name must be right.
    #[default]
    Nothing,
    /// The name: any certificate that the roots stand behind will do, whichever host it was issued to.
    Name,
    /// The whole certificate. The peer only proves that it has the key of what it showed.
    Everything,
}

/// Checks a server's certificate: that a trusted authority stands behind it, that it is valid now, and that it is for the
/// name expected. Does what rustls does by itself, except that the name can be left out, and that self-signed certificates
/// are told apart from those of unknown authorities.
pub struct Verifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    off: ChecksOff,
    /// A name that will do as well.
    also: Option<ServerName<'static>>,
}

/// The certificate was signed with its own key.
#[derive(Debug, Error)]
#[error("the certificate is self-signed")]
pub(super) struct SelfSigned;

/// The certificate is an authority's own.
#[derive(Debug, Error)]
#[error(
    "it is the certificate of an authority, which servers must not show as their own: issue one for the server with it"
)]
struct AuthorityAsServer;

impl Verifier {
    /// Trusts what `roots` stand behind.
    pub fn new(roots: RootCertStore, algorithms: WebPkiSupportedAlgorithms, off: ChecksOff) -> Self {
        Self { roots, algorithms, off, also: None }
    }

    /// Takes certificates for `name` as well as those for the server's: that of a proxy in front of the servers.
    #[must_use]
    pub fn or_named(mut self, name: ServerName<'static>) -> Self {
        self.also = Some(name);
        self
    }

    /// Tells apart what rustls does not.
    fn explain(&self, certificate: &CertificateDer<'_>, error: Error) -> Error {
        let authority = is_about_an_authority(&error);
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        // An authority that was made anew under its old name, most likely.
        let forged = Error::InvalidCertificate(CertificateError::BadSignature);
        if !authority && error != unknown && error != forged {
            return error;
        }
        let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return error };
        let is_self_signed = parsed.issuer() == parsed.subject();
        let reason: Arc<dyn std::error::Error + Send + Sync> = match (is_self_signed, authority) {
            (true, true) if self.is_trusted(&parsed) => Arc::new(AuthorityAsServer),
            (true, _) => Arc::new(SelfSigned),
            (false, true) => Arc::new(AuthorityAsServer),
            (false, false) => return unknown,
        };
        Error::InvalidCertificate(CertificateError::Other(OtherError(reason)))
    }

    fn is_trusted(&self, certificate: &webpki::EndEntityCert<'_>) -> bool {
        // A root's key comes without its outermost tag.
        let key = certificate.subject_public_key_info();
        self.roots.roots.iter().any(|root| {
            *root.subject == *certificate.subject() && key.ends_with(&root.subject_public_key_info)
        })
    }
}

/// Whether the certificate was refused for being one that signs others.
fn is_about_an_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(error))) => {
            matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.off == ChecksOff::Everything {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )
        .map_err(|error| self.explain(end_entity, error))?;
        if self.off != ChecksOff::Name {
            let named = verify_server_name(&certificate, server_name);
            match (&self.also, named) {
                (Some(also), Err(error)) => verify_server_name(&certificate, also).map_err(|_| error)?,
                (_, named) => named?,
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("roots", &self.roots.len()).field("off", &self.off).finish()
    }
}
