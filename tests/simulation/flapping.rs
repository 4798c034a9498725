//! One of three nodes goes up and down for a minute.
//!
//! In a process of its own, so that its memory is its own; it mostly waits, while the stories are told beside it.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::ExponentialReconnection;
use chorus::{Consistency, Session};
use chorus_node::EmbeddedCluster;

const TEST: &str = "flapping::f63_a_host_that_flaps_for_a_minute_costs_neither_requests_nor_memory";
/// Set in the child.
const CHILD: &str = "CHORUS_FLAPPING_CHILD";

const MINUTE: Duration = Duration::from_secs(60);
const FLAP: Duration = Duration::from_millis(300);
/// What was allocated before the first seconds are over is not counted.
const WARM: Duration = Duration::from_secs(15);

#[test]
fn f63_a_host_that_flaps_for_a_minute_costs_neither_requests_nor_memory() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(flap());
    }
    let program = std::env::current_exe().expect("this program");
    let child = Command::new(program)
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it starts");
    let said =
        [child.stdout, child.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

async fn flap() {
    let cluster = EmbeddedCluster::builder().nodes(3).threads(1).start().expect("the nodes start");
    let base = Duration::from_millis(200);
    let policy = ExponentialReconnection::new(base, Duration::from_secs(2)).expect("base below cap");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .consistency(Consistency::Quorum)
        .reconnection(Arc::new(policy))
        .wait_for_all_hosts(true)
        .connect()
        .await
        .expect("connects");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    ] {
        session.query(cql, ()).await.expect("made");
    }
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    let select = session.prepare("SELECT value FROM ks.numbers WHERE id = ?").await.expect("prepared");
    let (insert, select) = (insert.idempotent(true), select.idempotent(true));

    let (began, accepted) = (Instant::now(), cluster.accepted(2));
    let (mut flaps, mut sent, mut failed) = (0_u64, 0_u64, Vec::new());
    let mut warm = None;
    while began.elapsed() < MINUTE {
        let until = began + FLAP * (flaps as u32 + 1);
        while Instant::now() < until {
            for id in 0..8 {
                sent += 2;
                failed.extend(session.execute(&insert, (id, sent as i32)).await.err());
                failed.extend(session.execute(&select, (id,)).await.err());
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        if cluster.is_up(2) {
            cluster.stop_node(2)
        } else {
            cluster.start_node(2).expect("it starts")
        }
        flaps += 1;
        if warm.is_none() && began.elapsed() > WARM {
            warm = Some(resident());
        }
    }
    assert!(sent > 5_000, "{sent} requests in a minute");
    assert!(failed.len() as u64 * 1_000 <= sent, "{} of {sent} failed: {:?}", failed.len(), failed.first());
    let dialled = cluster.accepted(2) - accepted;
    // Each time it comes up a server says so, and one connection is opened at once; and the schedule has its own turns. The
    // control connection may be among them.
    let most = 2 * flaps.div_ceil(2) + MINUTE.as_millis() as u64 / base.as_millis() as u64 / 4;
    assert!(
        (flaps / 8..=most).contains(&dialled),
        "{dialled} connections to a host that flapped {flaps} times"
    );
    if let (Some(Some(before)), Some(after)) = (warm, resident()) {
        assert!(after < before + (6 << 20), "{before} bytes after {WARM:?}, {after} after a minute");
    }
    cluster.start_node(2).expect("it starts");
    let back = Instant::now();
    while session.metrics().await.expect("metrics").hosts.len() < 3 {
        assert!(back.elapsed() < Duration::from_secs(5), "it is back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let metrics = session.metrics().await.expect("metrics");
    assert_eq!(metrics.in_flight, 0);
}

/// Bytes of memory this process holds, where that can be told.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}
