//! Servers that answer with errors, late, or not at all, while rows are written.

use std::time::{Duration, Instant};

use chorus::{Consistency, DbError};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::Opcode;
use chorus_protocol::response::WriteType;

use crate::harness::{Folder, Node, Run, write_rows};

const TABLE: &str = "t (id int PRIMARY KEY, value text)";
const ROWS: u64 = 5000;

/// Loads five thousand rows into a node that fails them as `fault` says.
async fn load_with(requests: Requests, fault: Fault, more: &[&str]) -> (Run, Node, Folder) {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", rows());
    node.cluster.faults().add(requests.with_opcode(Opcode::Execute), fault);
    let run = folder.load(&node, "f.csv", "ks.t", &[&["--json", "--concurrency", "256"], more].concat());
    node.cluster.faults().clear();
    (run, node, folder)
}

fn rows() -> String {
    let mut text = "id,value\n".to_owned();
    for id in 0..ROWS {
        text.push_str(&format!("{id},value {id}\n"));
    }
    text
}

#[track_caller]
fn all_written(run: &Run) {
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!((run.number("written"), run.number("rejected")), (ROWS, 0));
    assert!(run.number("retried") > 0, "{run:#?}");
}

#[tokio::test]
async fn f98_overload_slows_the_load_and_loses_no_row() {
    let fault = Fault::Error(DbError::Overloaded, "too busy".to_owned());
    let (run, node, _) = load_with(Requests::all().with_probability(0.2), fault, &[]).await;
    all_written(&run);
    assert_eq!(node.count("ks.t").await, ROWS);
}

#[tokio::test]
async fn f98_write_timeouts_are_sent_again() {
    let timeout = DbError::WriteTimeout {
        consistency: Consistency::LocalQuorum,
        received: 0,
        required: 1,
        write_type: WriteType::Simple,
        contentions: None,
    };
    let fault = Fault::Error(timeout, "too slow".to_owned());
    let (run, node, _) = load_with(Requests::all().with_probability(0.05), fault, &[]).await;
    all_written(&run);
    assert_eq!(node.count("ks.t").await, ROWS);
}

#[tokio::test]
async fn connections_that_break_before_or_after_a_write_lose_no_row() {
    for fault in [Fault::Close, Fault::CloseAfter] {
        let requests = Requests::all().after(1000).with_probability(0.001).times(5);
        let (run, node, _) = load_with(requests, fault.clone(), &[]).await;
        assert_eq!(run.code, 0, "{run:#?}");
        assert_eq!(run.number("written"), ROWS);
        assert_eq!(node.count("ks.t").await, ROWS, "{fault:?}");
    }
}

#[tokio::test]
async fn a_row_the_server_refuses_is_rejected_with_the_servers_words() {
    let fault = Fault::Error(DbError::Invalid, "not on a Monday".to_owned());
    let (run, node, folder) = load_with(Requests::all().nth(100), fault, &[]).await;
    run.ended(1, "not on a Monday");
    assert_eq!((run.number("written"), run.number("rejected")), (ROWS - 1, 1));
    assert_eq!(node.count("ks.t").await, ROWS - 1);
    let rejected = folder.read("f.csv.rejects.csv");
    assert_eq!(rejected.lines().count(), 2, "{rejected}");
    folder.load(&node, "f.csv.rejects.csv", "ks.t", &[]).ended(0, "");
    assert_eq!(node.count("ks.t").await, ROWS);
}

#[tokio::test]
async fn a_cluster_that_forbids_writing_ends_the_load_at_once() {
    let fault = Fault::Error(DbError::Unauthorized, "no MODIFY permission".to_owned());
    let (run, _, _) = load_with(Requests::all(), fault, &[]).await;
    run.ended(4, "no MODIFY permission");
    assert_eq!(run.number("written"), 0);
}

#[tokio::test]
async fn a_cluster_that_takes_no_row_is_given_up_after_the_patience() {
    let fault = Fault::Error(DbError::ServerError, "out of order".to_owned());
    let began = Instant::now();
    let (run, _, _) = load_with(Requests::all(), fault, &["--patience", "1s"]).await;
    run.ended(4, "out of order");
    assert!(began.elapsed() < Duration::from_secs(20), "took {:?}", began.elapsed());
    assert_eq!(run.number("written"), 0);
}

#[tokio::test]
async fn f99_one_of_three_nodes_dies_and_the_load_goes_on() {
    let folder = Folder::new();
    let cluster = EmbeddedCluster::start(3).unwrap();
    let mut node = Node::of(cluster).await;
    node.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
        .await;
    node.run(&format!("CREATE TABLE ks.{TABLE}")).await;
    let host = node.address.to_string();
    let mut started = folder.start(&["load", "-", "--to", "ks.t", "--host", &host, "--json"]);
    let mut pipe = started.stdin();
    std::io::Write::write_all(&mut pipe, b"id,value\n").unwrap();
    write_rows(&mut pipe, 0..1000);
    node.wait_for_rows("ks.t", 1000).await;
    node.cluster.stop_node(2);
    write_rows(&mut pipe, 1000..5000);
    drop(pipe);
    let run = started.wait();
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(run.number("written"), 5000);
    node.reconnect().await;
    assert_eq!(node.count("ks.t").await, 5000);
}

/// A load of three thousand rows, a thousand of which are written before the `change`.
async fn load_over(change: impl AsyncFnOnce(&Node)) -> (Run, Node) {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let host = node.address.to_string();
    let args = ["load", "-", "--to", "ks.t", "--host", &host, "--json", "--max-errors", "100"];
    let mut started = folder.start(&args);
    let mut pipe = started.stdin();
    std::io::Write::write_all(&mut pipe, b"id,value\n").unwrap();
    write_rows(&mut pipe, 0..1000);
    node.wait_for_rows("ks.t", 1000).await;
    change(&node).await;
    write_rows(&mut pipe, 1000..3000);
    drop(pipe);
    (started.wait(), node)
}

#[tokio::test]
async fn f100_a_table_made_anew_on_the_way_is_not_written_in_the_old_types() {
    let (run, node) = load_over(async |node| {
        node.run("DROP TABLE ks.t").await;
        // A server takes the bytes of a text for a blob without a word.
        node.run(&format!("CREATE TABLE ks.{}", TABLE.replace("value text", "value blob"))).await;
        node.cluster.forget_prepared(0);
    })
    .await;
    run.ended(4, "\"value\" was of type text, and is of type blob now");
    assert_eq!((run.number("written"), node.count("ks.t").await), (1000, 0), "{run:#?}");
}

#[tokio::test]
async fn f100_a_table_dropped_on_the_way_stops_the_load() {
    let (run, _node) = load_over(async |node| node.run("DROP TABLE ks.t").await).await;
    assert!(run.code == 3 || run.code == 4, "{run:#?}");
    assert!(run.number("written") < 3000, "{run:#?}");
}
