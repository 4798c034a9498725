//! TLS with a certificate of our own making, for as long as the process lives.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

/// Makes a certificate for these addresses, writes it to `path` in PEM for clients to trust, and keeps its key.
pub(crate) fn server(addresses: &[Ipv4Addr], path: &Path) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let names: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).chain(["localhost".into()]).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    std::fs::write(path, made.cert.pem())?;
    Ok(Arc::new(config))
}
