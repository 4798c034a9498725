//! Certificates made on the spot, and servers that show them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{ChecksOff, TlsPeer, TlsSettings, Verifier};
use crate::TlsProblem;

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    fn copy(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }

    /// A certificate that signed itself; of an authority, on demand.
    pub(crate) fn self_signed(name: &str, is_authority: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = params.self_signed(&key).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("the authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Issues a certificate for a host name or an address.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_between(name, (1975, 2090))
    }

    /// Issues one that is valid between two years.
    pub(crate) fn issue_between(&self, name: &str, (from, to): (i32, i32)) -> Identity {
        let mut params = params(name);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// Its own certificate with its key, as a server would show it by mistake.
    pub(crate) fn itself(&self) -> Identity {
        let key = PrivateKeyDer::try_from(self.issuer.key().serialize_der()).unwrap();
        Identity { chain: vec![self.certificate.clone()], key }
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }];
    params
}

/// Settings of a client.
#[derive(Debug)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
}

impl Client {
    pub(crate) fn trusting(authority: &Authority) -> Arc<dyn TlsSettings> {
        Self::checking(authority, ChecksOff::Nothing, None)
    }

    pub(crate) fn checking(
        authority: &Authority,
        off: ChecksOff,
        identity: Option<&Identity>,
    ) -> Arc<dyn TlsSettings> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(authority.roots(), provider.signature_verification_algorithms, off);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match identity.map(Identity::copy) {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        };
        Arc::new(Self { config: Arc::new(config) })
    }
}

impl TlsSettings for Client {
    fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    fn server_name(&self, peer: TlsPeer<'_>) -> Result<ServerName<'static>, TlsProblem> {
        peer.default_name()
    }
}

/// What a server shows and asks for.
pub(crate) struct Server {
    config: ServerConfig,
}

impl Server {
    pub(crate) fn showing(identity: &Identity) -> Self {
        Self::new(identity, None, rustls::ALL_VERSIONS)
    }

    pub(crate) fn new(
        identity: &Identity,
        clients_of: Option<&Authority>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let config = match clients_of {
            Some(authority) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider)
                    .build()
                    .unwrap(),
            ),
            None => config.with_no_client_auth(),
        };
        let (chain, key) = identity.copy();
        Self { config: config.with_single_cert(chain, key).unwrap() }
    }

    /// Accepts one client on loopback, lets `talk` go on with it, and gives back what that gave.
    pub(crate) fn serve<T: Send + 'static>(
        self,
        talk: impl FnOnce(&mut StreamOwned<ServerConnection, TcpStream>) -> T + Send + 'static,
    ) -> (SocketAddr, JoinHandle<T>) {
        accept(move |tcp| {
            let session = ServerConnection::new(Arc::new(self.config)).unwrap();
            talk(&mut StreamOwned::new(session, tcp))
        })
    }
}

/// Accepts one client on loopback, plainly.
pub(crate) fn accept<T: Send + 'static>(
    talk: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        talk(tcp)
    });
    (address, thread)
}

/// Sends back what comes until the client says goodbye; true if it did say it.
pub(crate) fn echo(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> bool {
    let mut bytes = vec![0; 100_000];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(count) => stream.write_all(&bytes[..count]).unwrap(),
            Err(_) => return false,
        }
    }
}
