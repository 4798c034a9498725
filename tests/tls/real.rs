//! TLS to a real Apache Cassandra, with and without client certificates.
//!
//! `cargo xtask test --only cassandra` names folders with `ca.pem`, `client.pem` and `client-key.pem` in `CHORUS_CASSANDRA_TLS`
//! (for the server in `CHORUS_CASSANDRA`, which lets in anybody) and in `CHORUS_CASSANDRA_AUTH_TLS` (for the one in
//! `CHORUS_CASSANDRA_AUTH`, which over TLS wants a certificate, and always a password).

use std::path::PathBuf;
use std::time::Duration;

use chorus::{Compression, ErrorKind, ProtocolVersion, Session, SessionBuilder, TlsConfig, TlsProblem};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by cargo xtask test --only cassandra"))
}

fn file(folder: &str, name: &str) -> PathBuf {
    PathBuf::from(variable(folder)).join(name)
}

fn open() -> SessionBuilder {
    Session::builder().contact_point(variable("CHORUS_CASSANDRA")).request_timeout(Duration::from_secs(20))
}

fn guarded() -> SessionBuilder {
    let builder = Session::builder().contact_point(variable("CHORUS_CASSANDRA_AUTH"));
    builder.credentials("cassandra", "cassandra".to_owned())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn requests_bulk_loads_and_large_values_go_to_cassandra_over_tls() {
    let tls = TlsConfig::builder().roots_file(file("CHORUS_CASSANDRA_TLS", "ca.pem")).build().unwrap();
    for (version, compression) in [
        (ProtocolVersion::V5, None),
        (ProtocolVersion::V5, Some(Compression::Lz4)),
        (ProtocolVersion::V4, None),
    ] {
        let builder = open().tls(tls.clone()).protocol_version(version).compression(compression);
        let session = builder.connect().await.unwrap();
        session.query("DROP KEYSPACE IF EXISTS real_tls", ()).await.unwrap();
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        let create = format!("CREATE KEYSPACE real_tls WITH replication = {replication}");
        session.query(create, ()).await.unwrap();
        session.query("CREATE TABLE real_tls.texts (id int PRIMARY KEY, body text)", ()).await.unwrap();
        let insert = session.prepare("INSERT INTO real_tls.texts (id, body) VALUES (?, ?)").await.unwrap();
        let large = "x".repeat(1_000_000);
        session.execute(&insert, (-1, &large)).await.unwrap();
        let report = session.bulk(&insert).load((0..2_000).map(|id| (id, "row"))).await.unwrap();
        assert_eq!((report.written, report.failed.len()), (2_000, 0));
        let counted = session.query("SELECT count(*) FROM real_tls.texts", ()).await.unwrap();
        assert_eq!(counted.single_row::<(i64,)>().unwrap(), (2_001,));
        session.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn cassandra_is_not_trusted_by_other_authorities() {
    let tls = TlsConfig::builder().roots_file(file("CHORUS_CASSANDRA_AUTH_TLS", "ca.pem")).build().unwrap();
    let error = open().tls(tls).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    // Two authorities of one name; which of the two reasons it is depends on the algorithm.
    assert!(
        matches!(error.tls(), Some(TlsProblem::UnknownIssuer | TlsProblem::BadCertificate { .. })),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn cassandra_lets_in_clients_that_show_a_certificate_and_no_others() {
    let folder = "CHORUS_CASSANDRA_AUTH_TLS";
    let trusting = || TlsConfig::builder().roots_file(file(folder, "ca.pem"));
    let with =
        trusting().client_certificate_files(file(folder, "client.pem"), file(folder, "client-key.pem"));
    let session = guarded().tls(with.build().unwrap()).connect().await.unwrap();
    session.query("SELECT key FROM system.local", ()).await.unwrap();
    let error = guarded().tls(trusting().build().unwrap()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(matches!(error.tls(), Some(TlsProblem::ClientCertificateMissing { .. })), "{error}");
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn f86_a_password_that_is_changed_in_cassandra_keeps_out_new_connections_alone() {
    let admin = guarded().connect().await.unwrap();
    admin.query("CREATE ROLE IF NOT EXISTS f86 WITH PASSWORD = 'old' AND LOGIN = true", ()).await.unwrap();
    admin.query("ALTER ROLE f86 WITH PASSWORD = 'old'", ()).await.unwrap();
    let as_user = |password: &str| {
        let builder = Session::builder().contact_point(variable("CHORUS_CASSANDRA_AUTH"));
        builder.credentials("f86", password.to_owned())
    };
    let session = as_user("old").connect().await.unwrap();
    admin.query("ALTER ROLE f86 WITH PASSWORD = 'new'", ()).await.unwrap();
    session.query("SELECT key FROM system.local", ()).await.unwrap();
    // The server remembers credentials for two seconds.
    let refused = async {
        loop {
            match as_user("old").connect().await {
                Ok(session) => drop(session),
                Err(error) => break error,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(20), refused).await.expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    as_user("new").connect().await.unwrap();
    session.query("SELECT key FROM system.local", ()).await.unwrap();
    admin.query("DROP ROLE f86", ()).await.unwrap();
    let error = as_user("new").connect().await;
    // A role that is gone may be remembered for a moment, too.
    if let Err(error) = error {
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    }
}
