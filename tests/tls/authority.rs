//! An authority that issues certificates for the tests, and what they need to say again and again.

use chorus::{Error, Session, TlsConfig, TlsConfigBuilder, TlsProblem};
use chorus_node::{EmbeddedCluster, NodeTls};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

/// Signs certificates. All of them are PEM.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Issues a certificate for host names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_between(names, 1975, 2090)
    }

    /// Issues one that is valid between two years.
    pub(crate) fn issue_between(&self, names: &[&str], from: i32, to: i32) -> Identity {
        let mut params = params(names);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// A builder that trusts this authority alone.
    pub(crate) fn trusted(&self) -> TlsConfigBuilder {
        TlsConfig::builder().roots_pem(&self.pem)
    }
}

impl Identity {
    /// A certificate that signed itself.
    pub(crate) fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names).self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// What a node shows.
    pub(crate) fn node(&self) -> NodeTls {
        NodeTls::from_pem(&self.certificate, &self.key).unwrap()
    }

    /// The same for a node that lets in only those whom `authority` vouches for.
    pub(crate) fn node_for_clients_of(&self, authority: &Authority) -> NodeTls {
        NodeTls::from_pem_for_clients_of(&self.certificate, &self.key, &authority.pem).unwrap()
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = common_name("somebody");
    let san = |name: &&str| match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    };
    params.subject_alt_names = names.iter().map(san).collect();
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// One node that shows this.
pub(crate) fn node(tls: NodeTls) -> EmbeddedCluster {
    EmbeddedCluster::builder().tls(tls).start().unwrap()
}

/// Opens a session, by address.
pub(crate) async fn connect(cluster: &EmbeddedCluster, tls: TlsConfigBuilder) -> Result<Session, Error> {
    Session::builder().contact_points(cluster.addresses()).tls(tls.build()?).connect().await
}

/// Why a session could not be opened, which must be TLS.
pub(crate) async fn refusal(cluster: &EmbeddedCluster, tls: TlsConfigBuilder) -> (TlsProblem, String) {
    let error = connect(cluster, tls).await.expect_err("it must not connect");
    assert_eq!(error.kind(), chorus::ErrorKind::Tls, "{error}");
    (error.tls().expect("a problem of TLS").clone(), error.to_string())
}

/// Does something that needs a connection.
pub(crate) async fn ask(session: &Session) -> Result<(), Error> {
    session.query("SELECT key FROM system.local", ()).await.map(drop)
}
