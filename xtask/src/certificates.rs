//! Certificates for servers and clients of the tests, made anew for each run.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

use crate::steps::Stop;
use crate::tree::Tree;

/// Files, all of them PEM.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    /// The authority that issued the others.
    pub(crate) authority: PathBuf,
    /// For `localhost` and the addresses given.
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
    /// Key and certificate of the server in one file, as Cassandra reads them.
    pub(crate) server_both: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) client_key: PathBuf,
}

impl Certificates {
    /// Makes them for servers at these addresses, in a folder of this name.
    pub(crate) fn make(tree: &Tree, name: &str, servers: &[IpAddr]) -> Result<Self, Stop> {
        let folder = tree.target.join("certificates").join(name);
        Self::make_in(&folder, servers).map_err(|error| Stop::failed(format!("certificates: {error}")))
    }

    fn make_in(folder: &Path, servers: &[IpAddr]) -> Result<Self, Box<dyn std::error::Error>> {
        std::fs::create_dir_all(folder)?;
        let write = |name: &str, text: &str| -> std::io::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let mut params = named("chorus tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let authority = write("ca.pem", &params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        let mut params = named("a server");
        params.subject_alt_names = servers.iter().map(|address| SanType::IpAddress(*address)).collect();
        params.subject_alt_names.push(SanType::DnsName("localhost".try_into()?));
        let (server, server_key) = issue(&params, &issuer)?;
        let (client, client_key) = issue(&named("a client"), &issuer)?;
        Ok(Self {
            authority,
            server_both: write("server-both.pem", &format!("{server_key}{server}"))?,
            server: write("server.pem", &server)?,
            server_key: write("server-key.pem", &server_key)?,
            client: write("client.pem", &client)?,
            client_key: write("client-key.pem", &client_key)?,
        })
    }

    /// What a client needs, as arguments of a command line.
    pub(crate) fn client_arguments(&self) -> [std::ffi::OsString; 6] {
        let path = |path: &Path| path.as_os_str().to_owned();
        [
            "--tls-ca".into(),
            path(&self.authority),
            "--tls-cert".into(),
            path(&self.client),
            "--tls-key".into(),
            path(&self.client_key),
        ]
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate and its key, as text.
fn issue(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
