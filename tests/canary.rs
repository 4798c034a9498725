//! F89: a password, a key and what is bound stay out of every log line, error and debug text. A program of its own, because
//! it listens to everything that is logged in the process.
#![cfg(feature = "cli")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chorus::{RequestSpans, Session, SessionBuilder, SlowRequestLog, Statement, TlsConfig};
use chorus_node::{EmbeddedCluster, Fault, NodeTls, Requests};

const PASSWORD: &str = "canary-password-7f3a";
const WRONG: &str = "canary-guess-51cc";
const VALUE: &str = "canary-value-93b0";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A certificate that signed itself, and its key.
fn identity() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn builder(cluster: &EmbeddedCluster, tls: &TlsConfig, password: &str) -> SessionBuilder {
    let builder = Session::builder().contact_points(cluster.addresses());
    let slow = SlowRequestLog::over(Duration::ZERO).lines_a_second(u32::MAX);
    let builder = builder.request_spans(RequestSpans::new()).slow_requests(slow);
    builder.credentials("me", password).tls(tls.clone())
}

#[tokio::test]
async fn f89_nothing_secret_shows_in_the_log_of_everything_or_in_any_error() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("trace"))
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .init();
    let (certificate, key) = identity();
    let node = NodeTls::from_pem(&certificate, &key).unwrap();
    let cluster = EmbeddedCluster::builder().authentication("me", PASSWORD).tls(node).start().unwrap();
    let tls = TlsConfig::builder().roots_pem(&certificate).client_certificate_pem(&certificate, &key);
    let tls = tls.build().unwrap();
    let mut told = Vec::new();

    told.push(format!("{:?} {tls:?}", builder(&cluster, &tls, PASSWORD)));
    let refused = builder(&cluster, &tls, WRONG).connect().await.unwrap_err();
    told.push(format!("{refused} {refused:?}"));
    let session = builder(&cluster, &tls, PASSWORD).connect().await.unwrap();
    told.push(format!("{session:?} {:?}", session.state()));
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    session.query(format!("CREATE KEYSPACE ks WITH replication = {replication}"), ()).await.unwrap();
    session.query("CREATE TABLE ks.t (id int PRIMARY KEY, v text)", ()).await.unwrap();
    let insert = session.prepare("INSERT INTO ks.t (id, v) VALUES (?, ?)").await.unwrap();
    session.execute(&insert, (1, VALUE)).await.unwrap();
    session.query(format!("INSERT INTO ks.t (id, v) VALUES (1, '{VALUE}')"), ()).await.unwrap();
    let nonsense = session.query(format!("INSERT INTO '{VALUE}'"), ()).await;
    assert!(nonsense.is_err());
    session.bulk(&insert).load((0..500).map(|id| (id, VALUE))).await.unwrap();
    // A value of the wrong type, one that is not answered in time, one whose connection breaks.
    let misfit = session.execute(&insert, (VALUE, 1)).await.unwrap_err();
    told.push(format!("{misfit} {misfit:?}"));
    let rule = cluster.faults().add(Requests::containing("INSERT INTO ks.t"), Fault::DropAnswer);
    let short = session.prepare(Statement::new("INSERT INTO ks.t (id, v) VALUES (?, ?)")).await.unwrap();
    let late = tokio::time::timeout(Duration::from_millis(300), session.execute(&short, (2, VALUE))).await;
    assert!(late.is_err(), "its answer was dropped");
    cluster.faults().remove(rule);
    cluster.stop_node(0);
    let broken = session.execute(&insert, (3, VALUE)).await.map(drop);
    told.push(format!("{broken:?}"));
    cluster.start_node(0).unwrap();
    told.push(format!("{:?}", session.metrics().await.unwrap()));
    session.shutdown(Duration::from_secs(5)).await;

    let log = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
    // It did listen, to all levels and to each thing that happened.
    for heard in [
        "TRACE",
        "secured",
        "authentication failed",
        "host is up",
        "connection closed",
        "a dial failed",
        "a request was slow",
        "db.query.text",
    ] {
        assert!(log.contains(heard), "no {heard} in {log}");
    }
    told.push(log);
    let secret_line = key.lines().nth(1).unwrap();
    for (index, text) in told.iter().enumerate() {
        for secret in [PASSWORD, WRONG, VALUE, secret_line, "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{secret} in text {index}: {text}");
        }
    }
}
