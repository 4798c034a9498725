//! Servers that want to know who connects.

use std::sync::Arc;

use chorus::rustls::ClientConfig;
use chorus::{ErrorKind, TlsConfig, TlsProblem};

use crate::authority::{Authority, Identity, ask, connect, node, refusal};

#[tokio::test]
async fn a_client_certificate_lets_in_only_when_the_server_trusts_it() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let cluster = node(servers.issue(&["127.0.0.1"]).node_for_clients_of(&clients));
    let me = clients.issue(&["me"]);
    let session =
        connect(&cluster, servers.trusted().client_certificate_pem(&me.certificate, &me.key)).await.unwrap();
    ask(&session).await.unwrap();

    let (problem, said) = refusal(&cluster, servers.trusted()).await;
    assert!(matches!(problem, TlsProblem::ClientCertificateMissing { .. }), "{problem:?}");
    assert!(said.contains("wants a client certificate and none was given"), "{said}");

    for stranger in [servers.issue(&["me"]), Identity::self_signed(&["me"])] {
        let tls = servers.trusted().client_certificate_pem(&stranger.certificate, &stranger.key);
        let (problem, said) = refusal(&cluster, tls).await;
        assert!(matches!(problem, TlsProblem::ClientCertificateRefused { .. }), "{problem:?}");
        assert!(said.contains("refused the client certificate"), "{said}");
    }
}

#[tokio::test]
async fn a_client_certificate_may_come_from_files_and_from_rustls_itself() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let cluster = node(servers.issue(&["127.0.0.1"]).node_for_clients_of(&clients));
    let me = clients.issue(&["me"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let roots = file("ca.pem", &servers.pem);
    let both = file("client.pem", &format!("{}{}", me.certificate, me.key));
    let tls = TlsConfig::builder().roots_file(&roots).client_certificate_files(&both, &both);
    ask(&connect(&cluster, tls).await.unwrap()).await.unwrap();

    let config = rustls_config(&servers, &me);
    ask(&connect(&cluster, TlsConfig::builder().client_config(config.clone())).await.unwrap()).await.unwrap();
    let contradiction = TlsConfig::builder().client_config(config).roots_file(&roots).build().unwrap_err();
    assert_eq!(contradiction.kind(), ErrorKind::Config);
    assert!(contradiction.to_string().contains("what to trust cannot be changed"), "{contradiction}");
}

fn rustls_config(servers: &Authority, me: &Identity) -> Arc<ClientConfig> {
    use chorus::rustls::pki_types::pem::PemObject;
    use chorus::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use chorus::rustls::{RootCertStore, crypto};

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(servers.pem.as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(me.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(me.key.as_bytes()).unwrap();
    let config = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.into()
}
