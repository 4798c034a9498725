//! The shape of the JSON, and that it comes back as what it was.

use serde_json::Value;

use super::super::{
    ActorSnapshot, ConnectionSnapshot, HostSnapshot, LatencyRecorder, LatencySnapshot, MetricsSnapshot,
    ReactorSnapshot,
};
use super::*;

/// One of everything, no two numbers of which are the same without reason.
fn full() -> MetricsSnapshot {
    let latency = |values: &[u64]| {
        let mut recorder = LatencyRecorder::default();
        values.iter().for_each(|micros| recorder.record(*micros));
        recorder.snapshot()
    };
    let mut snapshot = MetricsSnapshot {
        taken: Some(*BEGINNING + Duration::from_micros(1_500_000)),
        latency: latency(&[100, 900, 900]),
        timeouts: [1, 2],
        routing: [10, 11, 12, 13, 14, 15],
        retries_same_host: 1,
        retries_next_host: 2,
        connects: vec![("ok", 3), ("refused", 1)],
        disconnects: vec![("peer", 1)],
        connections: 2,
        in_flight: 7,
        ..MetricsSnapshot::default()
    };
    snapshot.requests[1] = [20, 1, 2, 3];
    snapshot.stages.service_us = 1_900;
    snapshot.retries_by_reason[1][0] = 2;
    snapshot.traffic.attempts = 30;
    snapshot.traffic.answers = 28;
    snapshot.traffic.server_errors = 4;
    snapshot.traffic.errors[5] = 4;
    snapshot.traffic.service = latency(&[50]);
    snapshot.control.connected = true;
    snapshot.control.events = [1, 2, 3, 4];
    let mut host = HostSnapshot::new(HostIndex(3), "10.0.0.1:9042".parse().unwrap());
    host.connections = 2;
    host.pool.push(ConnectionSnapshot { shard: Some(5), in_flight: 7, orphans: 1 });
    host.pool.push(ConnectionSnapshot { shard: None, in_flight: 0, orphans: 0 });
    snapshot.hosts.push(host);
    snapshot.absent_hosts.push(HostSnapshot::new(HostIndex(4), "[fd00::1]:9042".parse().unwrap()));
    let mut reactor = ReactorSnapshot { index: 1, stalls: 2, ..ReactorSnapshot::default() };
    reactor.ticks.buckets[2] = 9;
    reactor.ticks.sum_us = 4_000;
    snapshot.reactors.push(reactor);
    let actor =
        ActorSnapshot { actor: "pool", alive: 2, queue_wait: latency(&[7]), ..ActorSnapshot::default() };
    snapshot.actors.push(actor);
    snapshot
}

fn written(snapshot: &MetricsSnapshot) -> Value {
    serde_json::from_str(&snapshot.to_json()).expect("JSON")
}

/// Everything in `part` is in `whole`, which may have more.
fn holds(whole: &Value, part: &Value, at: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().for_each(|(key, part)| {
            let there = whole.get(key).unwrap_or_else(|| panic!("{at} has no {key}"));
            holds(there, part, &format!("{at}.{key}"));
        }),
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{at}");
            whole.iter().zip(part).for_each(|(whole, part)| holds(whole, part, at));
        }
        _ => assert_eq!(whole, part, "{at}"),
    }
}

/// What scripts rely on. To `shape.json` lines are added, and none is changed.
#[test]
fn the_shape_stays_what_it_was() {
    let shape = serde_json::from_str(include_str!("shape.json")).expect("JSON");
    holds(&written(&full()), &shape, "snapshot");
}

#[test]
fn what_was_written_is_read_as_what_it_was() {
    for snapshot in [MetricsSnapshot::default(), full()] {
        let read: MetricsSnapshot = serde_json::from_str(&snapshot.to_json()).expect("it is read");
        assert_eq!(written(&read), written(&snapshot));
        assert_eq!(
            (read.hosts.len(), read.absent_hosts.len()),
            (snapshot.hosts.len(), snapshot.absent_hosts.len())
        );
        assert_eq!(read.taken, snapshot.taken);
        assert_eq!(read.latency.percentile_us(50.0), snapshot.latency.percentile_us(50.0));
    }
}

#[test]
fn what_a_newer_version_added_is_skipped_and_what_an_older_one_lacks_is_zero() {
    let read: MetricsSnapshot = serde_json::from_str(
        r#"{"news": [1], "in_flight": 3, "actors": [{"actor": "archivist", "alive": 2}], "connects": {"ok": 1, "teapot": 2, "kettle": 3},
            "requests": {"read": {"ok": 1, "dropped": 9}, "bulk": {"ok": 5}}}"#,
    )
    .expect("it is read");
    assert_eq!((read.in_flight, read.requests_total(), read.connections), (3, 1, 0));
    assert_eq!((read.actors[0].actor, read.actors[0].alive), ("other", 2));
    assert_eq!(read.connects, [("ok", 1), ("other", 5)]);
}

#[test]
fn histograms_that_cannot_be_are_refused() {
    let read = |text: &str| serde_json::from_str::<LatencySnapshot>(text);
    let most = u64::MAX;
    assert!(read(&format!(r#"{{"buckets": [[1, {most}]]}}"#)).is_err());
    assert!(read(&format!(r#"{{"buckets": [[1, {0}], [1, {0}], [2, {0}]]}}"#, 1u64 << 59)).is_err());
    assert!(read(r#"{"buckets": [[1]]}"#).is_err());
    let long = read(&format!(r#"{{"buckets": [[{most}, 2], [0, 1]], "sum_us": 7}}"#))
        .expect("as if it were a minute");
    assert_eq!((long.count(), long.sum_us()), (3, 7));
}
