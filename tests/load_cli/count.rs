//! `chorus count`.

use std::time::Duration;

use chorus::{Consistency, DbError};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::harness::{Folder, Node, Run};

/// What the command sends, and nothing else does.
fn counts() -> Requests {
    Requests::opcode(chorus::protocol::Opcode::Execute).with_statement("from ks.t where token")
}

async fn node_with_rows(rows: i32) -> Node {
    let node = Node::of(EmbeddedCluster::start(3).expect("nodes")).await;
    node.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        .await;
    node.run("CREATE TABLE ks.t (day text, id int, kind text, PRIMARY KEY (day, id))").await;
    let insert = node.session.prepare("INSERT INTO ks.t (day, id, kind) VALUES (?, ?, ?)").await;
    // A hundred partitions, of which number seven has twice as many rows as others.
    let rows = (0..rows).map(|id| {
        let day = if id % 101 == 100 { 7 } else { id % 101 };
        (format!("day {day}"), id, if id % 2 == 0 { "even" } else { "odd" })
    });
    node.session.bulk(&insert.expect("prepared")).load(rows).await.expect("written");
    node
}

fn count(folder: &Folder, node: &Node, more: &[&str]) -> Run {
    let host = node.address.to_string();
    folder.chorus(&[&["count", "ks.t", "--host", &host], more].concat())
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"))
}

#[tokio::test]
async fn rows_are_counted_as_text_and_as_json() {
    let (folder, node) = (Folder::new(), node_with_rows(1010).await);
    let run = count(&folder, &node, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert!(run.stdout.starts_with("ks.t   1010 rows   counted in "), "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 1);

    let run = count(&folder, &node, &["--json"]);
    assert_eq!((run.code, run.number("rows"), run.number("counted")), (0, 1010, 1010));
    assert_eq!((&json(&run)["complete"], &json(&run)["table"]), (&true.into(), &"ks.t".into()));

    let odd = ["--where", "kind = 'odd'", "--allow-filtering", "--json", "--where", "id < 100"];
    assert_eq!(count(&folder, &node, &odd).number("rows"), 50);
}

#[tokio::test]
async fn rows_are_shown_by_host_and_by_range() {
    let (folder, node) = (Folder::new(), node_with_rows(808).await);
    let run = count(&folder, &node, &["--by", "hosts", "--json"]);
    let report = json(&run);
    let hosts = report["hosts"].as_array().expect("a list");
    assert_eq!(hosts.len(), 3, "{run:#?}");
    assert_eq!(hosts.iter().filter_map(|host| host["rows"].as_u64()).sum::<u64>(), 808);
    assert!(hosts.iter().all(|host| host["host"].is_string() && host["datacenter"].is_string()));
    let text = count(&folder, &node, &["--by", "hosts"]);
    assert_eq!(text.stdout.lines().count(), 2 + 3, "{text:#?}");

    let run = count(&folder, &node, &["--by", "ranges", "--concurrency", "4", "--json"]);
    let report = json(&run);
    let ranges = report["ranges"].as_array().expect("a list");
    assert!(ranges.len() >= 32);
    assert_eq!(ranges.iter().filter_map(|range| range["rows"].as_u64()).sum::<u64>(), 808);
    assert!(ranges[0]["after"].is_null() && ranges[ranges.len() - 1]["last"].is_null());
    assert!(ranges.windows(2).all(|two| two[0]["last"].is_string() && two[0]["last"] == two[1]["after"]));
    let text = count(&folder, &node, &["--by", "ranges", "--concurrency", "4"]);
    assert_eq!(text.stdout.lines().count(), 2 + ranges.len());
}

#[tokio::test]
async fn the_largest_partitions_are_shown_with_their_keys() {
    let (folder, node) = (Folder::new(), node_with_rows(1010).await);
    let run = count(&folder, &node, &["--by", "partitions", "--top", "3", "--page-size", "7", "--json"]);
    let report = json(&run);
    assert_eq!(
        (run.code, report["partitions"].as_u64(), report["rows"].as_u64()),
        (0, Some(100), Some(1010))
    );
    let largest = report["largest"].as_array().expect("a list");
    assert_eq!(
        (largest.len(), &largest[0]["rows"], &largest[0]["key"]["day"]),
        (3, &20.into(), &"day 7".into())
    );
    let text = count(&folder, &node, &["--by", "partitions", "--top", "3"]);
    assert!(
        text.stdout.contains("1010 rows in 100 partitions") && text.stdout.contains("  'day 7'"),
        "{text:#?}"
    );
}

#[tokio::test]
async fn ranges_that_time_out_are_cut_and_counted() {
    let (folder, node) = (Folder::new(), node_with_rows(505).await);
    let timeout = DbError::ReadTimeout {
        consistency: Consistency::LocalOne,
        received: 0,
        required: 1,
        data_present: false,
    };
    node.cluster.faults().add(counts().times(7), Fault::Error(timeout, "too slow".into()));
    let run = count(&folder, &node, &["--json"]);
    assert_eq!((run.code, run.number("rows"), run.number("splits")), (0, 505, 7), "{run:#?}");
}

#[tokio::test]
async fn a_count_that_cannot_go_on_is_printed_as_a_part_and_ends_with_4() {
    let (folder, node) = (Folder::new(), node_with_rows(505).await);
    node.cluster.faults().add(counts().after(30), Fault::Error(DbError::Overloaded, "busy".into()));
    let patience = ["--patience", "300ms", "--concurrency", "2"];
    let run = count(&folder, &node, &patience);
    run.ended(4, "error: ks.t, tokens (");
    assert!(run.stdout.starts_with("ks.t   at least ") && run.stdout.contains("PARTIAL"), "{run:#?}");
    let run = count(&folder, &node, &[&patience[..], &["--json"]].concat());
    let report = json(&run);
    assert_eq!(
        (run.code, report["complete"].as_bool(), report["rows"].is_null()),
        (4, Some(false), true),
        "{run:#?}"
    );
    let run = count(&folder, &node, &[&patience[..], &["--by", "partitions"]].concat());
    run.ended(4, "error: ks.t, tokens (");
    assert!(run.stdout.contains("PARTIAL"), "{run:#?}");
}

#[tokio::test]
async fn a_signal_prints_what_was_counted_as_a_part() {
    let (folder, node) = (Folder::new(), node_with_rows(505).await);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let held = node.cluster.faults().add(counts().after(10), Fault::DropRequest);
        let asked = node.cluster.watch(counts());
        let host = node.address.to_string();
        let started = folder.start(&["count", "ks.t", "--host", &host, "--json", "--concurrency", "2"]);
        // Ten are answered and two are not.
        while asked.count() < 12 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        started.signal(signal);
        let run = started.wait();
        run.ended(code, "interrupted");
        let report = json(&run);
        assert_eq!((report["complete"].as_bool(), report["rows"].is_null()), (Some(false), true), "{run:#?}");
        let share = report["share"].as_f64().expect("a number");
        assert!(share > 0.0 && share < 1.0, "{share}");
        node.cluster.faults().remove(held);
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_told_with_its_code() {
    let (folder, node) = (Folder::new(), node_with_rows(0).await);
    let host = node.address.to_string();
    count(&folder, &node, &["--where", "kind = 'odd'"]).ended(2, "ALLOW FILTERING");
    count(&folder, &node, &["--where", "kind = ?", "--allow-filtering"]).ended(2, "bind markers");
    count(&folder, &node, &["--by", "colour"]).ended(2, "colour");
    folder.chorus(&["count", "ks.t"]).ended(2, "--host");
    folder.chorus(&["count", "t", "--host", &host]).ended(2, "KEYSPACE.TABLE");
    folder.chorus(&["count", "ks.letters", "--host", &host]).ended(4, "there is no table ks.letters");
    folder.chorus(&["count", "system.local", "--host", &host]).ended(4, "every host has rows of its own");
    folder.chorus(&["count", "ks.t", "--host", "127.0.0.1:1"]).ended(4, "cannot connect");
    let empty = count(&folder, &node, &["--json"]);
    assert_eq!((empty.code, empty.number("rows")), (0, 0));
}
