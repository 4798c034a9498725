//! `chorus top` from the outside: a program with an endpoint, a cluster of which a host goes away, and what scripts get.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::Session;
use chorus::metrics::{PrometheusEndpoint, SeriesLimits};
use chorus::policy::RoundRobin;
use chorus_node::EmbeddedCluster;
use serde_json::Value;

use crate::harness::{Folder, NOBODY, own_address};

/// A program that does something all the time, and serves its metrics.
pub(crate) struct Program {
    pub(crate) cluster: EmbeddedCluster,
    session: Session,
    endpoint: Option<PrometheusEndpoint>,
    work: tokio::task::JoinHandle<()>,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) async fn start() -> Self {
        let cluster = EmbeddedCluster::builder().nodes(3).racks(3).start().expect("a cluster");
        let session = Session::builder()
            .contact_point(cluster.address(0))
            // One host after the other, however slow: reports tell of each.
            .load_balancing(Arc::new(RoundRobin::new()))
            .connect()
            .await
            .expect("a session");
        for cql in [
            "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}",
            "CREATE TABLE ks.t (id int PRIMARY KEY, value text)",
        ] {
            session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
        }
        let insert = session.prepare("INSERT INTO ks.t (id, value) VALUES (?, 'x')").await.expect("prepared");
        let busy = session.clone();
        let work = tokio::spawn(async move {
            for id in 0.. {
                // A host goes away meanwhile, so some may fail.
                let _ = busy.execute(&insert.clone().idempotent(true), (id,)).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let limits = SeriesLimits::new().session("orders");
        let endpoint =
            PrometheusEndpoint::start_limited(own_address(), &session, limits, || {}).expect("an endpoint");
        let address = endpoint.address();
        Self { cluster, session, endpoint: Some(endpoint), work, address }
    }

    /// Kills a host, and waits until the driver knows.
    async fn lose_host(&self, node: usize) {
        self.cluster.stop_node(node);
        let began = Instant::now();
        let up = || self.session.state().hosts.iter().filter(|host| self.session.state().is_up(host)).count();
        while up() > 2 {
            assert!(began.elapsed() < Duration::from_secs(30), "the driver never noticed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops serving metrics; the program goes on.
    pub(crate) fn hide(&mut self) {
        self.endpoint = None;
    }

    /// Serves them again, where it did before.
    pub(crate) fn show(&mut self) {
        self.endpoint =
            Some(PrometheusEndpoint::start(self.address, &self.session).expect("the address is free"));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.work.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_report_tells_of_a_host_that_is_down_and_of_every_actor() {
    let program = Program::start().await;
    program.lose_host(1).await;
    let (folder, at) = (Folder::new(), program.address.to_string());

    let run = folder.chorus(&["top", &at, "--once", "--interval", "1s"]);
    run.ended(0, "");
    let line = |start: &str| {
        let found = run.stdout.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no line {start} in\n{}", run.stdout)).to_owned()
    };
    assert!(
        line("chorus top").contains(&format!("orders@Test Cluster   http://{at}"))
            || line("chorus top").contains("orders@"),
        "{}",
        run.stdout
    );
    let states = [0, 1, 2].map(|node| {
        let line = line(&program.cluster.address(node).to_string());
        line.split_whitespace().nth(2).expect("a state").to_owned()
    });
    assert_eq!(states, ["up", "down", "up"], "{}", run.stdout);
    for actor in ["coordinator", "connection", "pool", "host", "control", "cluster", "metrics"] {
        line(actor);
    }

    // Without a terminal it is the same, and a report can be had as JSON.
    let piped = folder.chorus(&["top", &format!("http://{at}/metrics"), "--interval", "300ms"]);
    piped.ended(0, "");
    assert!(piped.stdout.contains("[hosts]") && piped.stdout.contains("[actors]"), "{}", piped.stdout);
    let run = folder.chorus(&["top", &at, "--once", "--json", "--interval", "2s"]);
    run.ended(0, "");
    let report: Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    assert_eq!(report["session"], "orders");
    assert!(report["requests_per_second"].as_f64() > Some(10.0), "{report}");
    assert!(report["p99_us"].as_u64() > Some(0) && report["seconds"].as_f64() >= Some(0.9), "{report}");
    let host = |node: usize| {
        let address = program.cluster.address(node).to_string();
        let hosts = report["hosts"].as_array().expect("hosts");
        hosts
            .iter()
            .find(|host| host["address"] == *address)
            .unwrap_or_else(|| panic!("no {address} in {report}"))
    };
    assert_eq!((&host(1)["state"], &host(1)["connections"]), (&"down".into(), &0.into()));
    assert_eq!((&host(0)["state"], &host(0)["datacenter"]), (&"up".into(), &"datacenter1".into()));
    assert!(
        host(0)["attempts_per_second"].as_f64() > Some(1.0) && host(2)["p50_us"].as_u64().is_some(),
        "{report}"
    );
    let actors = report["actors"].as_array().expect("actors");
    let coordinator = actors.iter().find(|actor| actor["actor"] == "coordinator").expect("a coordinator");
    assert!(coordinator["messages_per_second"].as_f64() > Some(1.0), "{coordinator}");
    assert!(coordinator["wait_p99_us"].as_u64().is_some(), "{coordinator}");
}

#[test]
fn what_is_no_endpoint_is_told_with_a_code() {
    let folder = Folder::new();
    folder.chorus(&["top", NOBODY, "--once"]).ended(4, "cannot connect");
    for (answer, reason) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no report"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"a\":[1,2]}", "no report"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"requests\":", "cannot be read"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "cannot be read"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "no answer"),
        ("", "no answer"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("chorus top");
            let mut asked = [0; 1024];
            let read = socket.read(&mut asked).expect("a request");
            socket.write_all(answer.as_bytes()).expect("it reads");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        folder.chorus(&["top", &address.to_string(), "--once"]).ended(4, reason);
        let asked = server.join().expect("the server only writes");
        assert!(asked.starts_with("GET /metrics.json HTTP/1.1\r\n"), "{asked}");
    }
    folder.chorus(&["top", "https://127.0.0.1:1"]).ended(2, "over http, not https");
    folder.chorus(&["top", "--interval", "1ms"]).ended(2, "from 200ms to 1h");
    folder.chorus(&["top", "--json"]).ended(2, "--once");
}
