//! Secure connect bundles, against a service and a proxy on this machine.

use std::io::{Cursor, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::cloud::SecureBundle;
use chorus::rustls::pki_types::pem::PemObject;
use chorus::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use chorus::rustls::server::WebPkiClientVerifier;
use chorus::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto};
use chorus::{Error, ErrorKind, Session, SniProxy};
use chorus_node::EmbeddedCluster;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::authority::{Authority, Identity, ask};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Answers every client that shows a certificate of the authority with the same text, as long as the test runs.
struct Service {
    address: SocketAddr,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Service {
    fn saying(answer: String, pause: Duration, shown: &Identity, authority: &Authority) -> Self {
        let provider = Arc::new(crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let chain = vec![CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let (config, asked) = (Arc::new(config), Arc::new(std::sync::Mutex::new(Vec::new())));
        let listener = TcpListener::bind(ANYWHERE).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::clone(&asked);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, socket);
                let mut request = [0; 1024];
                let Ok(count) = stream.read(&mut request) else { continue };
                requests.lock().unwrap().push(String::from_utf8_lossy(&request[..count]).into_owned());
                std::thread::sleep(pause);
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { address, asked }
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn metadata(cluster: &EmbeddedCluster, proxy: SocketAddr) -> String {
    let hosts: Vec<String> = (0..2).map(|node| format!("\"{}\"", cluster.host_id(node))).collect();
    format!(
        r#"{{"version": 1, "contact_info": {{"type": "sni_proxy", "local_dc": "datacenter1",
            "sni_proxy_address": "localhost:{}", "contact_points": [{}]}}}}"#,
        proxy.port(),
        hosts.join(", ")
    )
}

/// A bundle for a service at `localhost`, with a certificate that the authority issued.
fn bundle(service: SocketAddr, more: &str, authority: &Authority) -> Vec<u8> {
    let config = format!(r#"{{"host": "localhost", "port": {}{more}}}"#, service.port());
    let identity = authority.issue(&["somebody"]);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        ("config.json", &config),
        ("ca.crt", &authority.pem),
        ("cert", &identity.certificate),
        ("key", &identity.key),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Three nodes that let in clients of the authority alone, behind a proxy, as a cloud service has them.
fn cloud(authority: &Authority) -> (EmbeddedCluster, chorus_node::SniProxy) {
    let tls = authority.issue(&["localhost"]).node_for_clients_of(authority);
    let builder = EmbeddedCluster::builder().nodes(3).tls(tls);
    let cluster = builder.authentication("ann", "s3cret").start().unwrap();
    let proxy = cluster.sni_proxy(ANYWHERE).unwrap();
    (cluster, proxy)
}

fn service(answer: String, authority: &Authority) -> Service {
    Service::saying(answer, Duration::ZERO, &authority.issue(&["localhost"]), authority)
}

async fn builder_error(bundle: &[u8]) -> Error {
    SecureBundle::from_bytes(bundle).unwrap().builder().await.expect_err("it must be refused")
}

#[tokio::test]
async fn a_bundle_is_all_it_takes_to_reach_a_database_behind_its_proxy() {
    let authority = Authority::new("the cloud");
    let (cluster, proxy) = cloud(&authority);
    let service = service(ok(&metadata(&cluster, proxy.address())), &authority);
    let more = r#", "username": "ann", "password": "s3cret""#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secure-connect-shop.zip");
    std::fs::write(&path, bundle(service.address, more, &authority)).unwrap();
    let bundle = SecureBundle::open(&path).unwrap();
    assert!(!format!("{bundle:?}").contains("s3cret"));
    let session = bundle.builder().await.unwrap().wait_for_all_hosts(true).connect().await.unwrap();
    assert!(service.asked.lock().unwrap()[0].starts_with("GET /metadata HTTP/1.1\r\nHost: localhost:"));
    assert!((0..3).all(|node| cluster.connections(node) > 0), "{:?}", proxy.asked());
    assert_eq!(proxy.asked().len(), 3, "all of them by their identity");
    for _ in 0..9 {
        ask(&session).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_bundle_determines_cannot_be_set_besides_and_the_rest_can() {
    let authority = Authority::new("the cloud");
    let (cluster, proxy) = cloud(&authority);
    let service = service(ok(&metadata(&cluster, proxy.address())), &authority);
    let bundle = SecureBundle::from_bytes(&bundle(service.address, "", &authority)).unwrap();
    let builder = bundle.builder().await.unwrap();
    for (besides, setting) in [
        (builder.clone().contact_point("127.0.0.1"), "contact_point"),
        (builder.clone().endpoint_factory(SniProxy::new("x", 1)), "endpoint_factory"),
        (builder.clone().tls(authority.trusted().build().unwrap()), "tls"),
    ] {
        let error = besides.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(setting), "{error}");
    }
    let refused: Result<Session, Error> = builder.clone().connect().await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Authentication);
    ask(&builder.credentials("ann", "s3cret".to_owned()).connect().await.unwrap()).await.unwrap();
}

#[test]
fn a_program_without_a_runtime_uses_a_bundle() {
    let authority = Authority::new("the cloud");
    let (cluster, proxy) = cloud(&authority);
    let service = service(ok(&metadata(&cluster, proxy.address())), &authority);
    let bundle = SecureBundle::from_bytes(&bundle(service.address, "", &authority)).unwrap();
    let builder = bundle.builder_blocking().unwrap().credentials("ann", "s3cret".to_owned());
    let session = chorus::blocking::Session::connect(builder).unwrap();
    session.query("SELECT key FROM system.local", ()).unwrap();
}

#[tokio::test]
async fn a_service_that_refuses_or_talks_nonsense_is_told_apart_from_a_bad_bundle() {
    let authority = Authority::new("the cloud");
    for (answer, said) in [
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(), "answered with 503"),
        (ok("{}"), "the service's answer cannot be used"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "it is no HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_owned(), "it ends too early"),
    ] {
        let service = service(answer, &authority);
        let error = builder_error(&bundle(service.address, "", &authority)).await;
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let error = builder_error(&bundle(nobody, "", &authority)).await;
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    let bad = SecureBundle::open("/nowhere/secure-connect.zip").unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::Config, "{bad}");
}

#[tokio::test]
async fn a_service_that_must_not_be_trusted_is_told_nothing() {
    let (ours, theirs) = (Authority::new("the cloud"), Authority::new("somebody else"));
    // Of another authority, and for another name.
    for shown in [theirs.issue(&["localhost"]), ours.issue(&["elsewhere.example"])] {
        let service = Service::saying(ok("{}"), Duration::ZERO, &shown, &ours);
        let error = builder_error(&bundle(service.address, "", &ours)).await;
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(service.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_waited_for_no_longer_than_five_seconds() {
    let authority = Authority::new("the cloud");
    let shown = authority.issue(&["localhost"]);
    let service = Service::saying(ok("{}"), Duration::from_secs(20), &shown, &authority);
    let began = Instant::now();
    let error = builder_error(&bundle(service.address, "", &authority)).await;
    assert!(error.to_string().contains("did not answer within 5s"), "{error}");
    assert!((4..8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
