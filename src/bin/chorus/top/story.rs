//! A program to test with: what its endpoint tells at one moment and two seconds later, as text, so that reading it is tested too.

use chorus::metrics::SessionReport;
use serde_json::{Value, json};

/// A histogram of so many values, four of a hundred of which are slow.
fn latency(count: u64, micros: u64) -> Value {
    let slow = count / 25;
    json!({ "sum_us": count * micros, "buckets": [[micros, count - slow], [micros * 5, slow]] })
}

/// What went over connections to one host.
fn traffic(answers: u64, errors: u64, micros: u64) -> Value {
    json!({ "attempts": answers + 3, "answers": answers, "server_errors": errors, "bytes_sent": answers * 110,
        "bytes_received": answers * 60, "reads": answers / 9, "writes": answers / 12, "service_us": answers * micros,
        "service": latency(answers, micros), "queue_wait": latency(answers, 40) })
}

fn actor(actor: &str, alive: u64, messages: u64, depth: u64) -> Value {
    json!({ "actor": actor, "alive": alive, "messages": messages, "queue_depth": depth, "queue_depth_max": depth / 2,
        "queue_wait": latency(messages, 60), "stalls": u64::from(actor == "cluster"), "restarts": u64::from(actor == "pool") })
}

/// A cluster of three hosts with two shards each, one of which is down; `thousands` of requests were made until now.
fn told(taken_us: u64, thousands: u64) -> Value {
    let requests = thousands * 1_000;
    let pool =
        json!([{ "shard": 0, "in_flight": 9, "orphans": 0 }, { "shard": 1, "in_flight": 8, "orphans": 0 }]);
    let members: Vec<Value> = (1..=3)
        .map(|n| {
            json!({ "host": n, "address": format!("10.0.0.{n}:9042"), "datacenter": "dc1", "rack": format!("r{n}"),
                "version": "5.0.4", "shards": 2, "up": n != 3 })
        })
        .collect();
    let mut report = json!({
        "session": "orders", "cluster": "prod", "version": "0.1.0",
        "process": { "id": 7, "started_ms": 1_700_000_000_000u64, "cpu_us": requests * 3, "resident_bytes": 88_080_384 },
        "members": members,
    });
    let metrics = json!({
        "taken_us": taken_us,
        "requests": { "read": { "ok": requests - requests / 500, "error": requests / 1_000, "timeout": requests / 1_000 } },
        "latency": latency(requests, 900),
        "stages_us": { "admission": requests * 4, "coordinator": requests, "connection": requests * 45,
                       "service": requests * 830, "retry_gap": requests * 20 },
        "routing": { "replica_shard": requests - requests / 900, "replica_other_shard": requests / 900 },
        "in_flight": 18,
        "connections": 4,
        "hosts": [
            { "host": 1, "address": "10.0.0.1:9042", "connections": 2, "target": 2, "in_flight": 9, "pool": pool,
              "traffic": traffic(requests / 2, 0, 700) },
            { "host": 2, "address": "10.0.0.2:9042", "connections": 2, "target": 2, "in_flight": 9, "orphans": 1, "pool": pool,
              "downs": 1, "ups": 2, "traffic": traffic(requests / 2, requests / 900, 760) },
            { "host": 3, "address": "10.0.0.3:9042", "connections": 0, "target": 2, "downs": 1, "ups": 1, "traffic": traffic(50, 0, 800) },
        ],
        "reactors": [
            { "index": 0, "tick_times": { "buckets": [requests / 40, requests / 900, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
              "sum_us": requests * 17 / 10 }, "stalls": 1, "requests": requests / 2, "waiting": 3, "in_flight": 9, "connections": 2 },
            { "index": 1, "tick_times": { "buckets": [requests / 40, 0, requests / 900, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
              "sum_us": requests * 13 / 10 }, "stalls": 0, "requests": requests / 2, "waiting": 0, "in_flight": 9, "connections": 2 },
        ],
        "actors": [
            actor("coordinator", 2, requests / 10, 3), actor("connection", 4, requests / 5, 12), actor("pool", 6, 24 + thousands / 100, 0),
            actor("host", 3, 12, 0), actor("control", 1, 18, 0), actor("cluster", 1, 30 + thousands / 200, 0), actor("metrics", 1, thousands / 400, 0),
        ],
        "program": [
            { "name": "chorus_bulk_rows_total", "labels": { "stage": "read" }, "value": requests + 200 },
            { "name": "chorus_bulk_rows_total", "labels": { "stage": "bound" }, "value": requests + 180 },
            { "name": "chorus_bulk_rows_total", "labels": { "stage": "written" }, "value": requests },
            { "name": "chorus_bulk_rows_total", "labels": { "stage": "rejected" }, "value": 20 },
            { "name": "chorus_bulk_rejected_total", "labels": { "stage": "bind" }, "value": 20 },
            { "name": "chorus_bulk_in_flight", "value": 180 },
            { "name": "chorus_bulk_in_flight_limit", "value": 512 },
            { "name": "chorus_bulk_limited_by", "labels": { "by": "window" }, "value": 1 },
            { "name": "chorus_bulk_limited_by", "labels": { "by": "none" }, "value": 0 },
            { "name": "chorus_bulk_source_bytes_total", "value": requests * 90 },
            { "name": "chorus_bulk_source_size_bytes", "value": 5_000_000_000u64 },
            { "name": "orders_sold_total", "value": 4 },
        ],
    });
    if let (Value::Object(report), Value::Object(metrics)) = (&mut report, metrics) {
        report.extend(metrics);
    }
    report
}

/// The same, read.
pub(crate) fn report(taken_us: u64, thousands: u64) -> SessionReport {
    serde_json::from_value(told(taken_us, thousands)).expect("a report")
}

/// The same where a server calls its rack what no rack is called.
pub(crate) fn hostile(taken_us: u64, thousands: u64) -> SessionReport {
    let mut told = told(taken_us, thousands);
    told["members"][1]["rack"] = json!("\u{1b}[31mr2\u{7}");
    told["cluster"] = json!("\u{9b}2J\u{202e}prod\r\n");
    serde_json::from_value(told).expect("a report")
}

/// A program that has counted nothing.
pub(crate) fn idle(taken_us: u64) -> SessionReport {
    let mut report = report(taken_us, 0);
    let taken = std::mem::take(&mut report.metrics).taken;
    report.metrics.taken = taken;
    (report.members, report.program) = (Vec::new(), Vec::new());
    report
}
