//! Loads that are stopped, and clusters that go away while rows are written.

use std::time::{Duration, Instant};

use crate::harness::{Folder, Node, Run, Started, write_rows};

const TABLE: &str = "t (id int PRIMARY KEY, value text)";

/// A load from a pipe that has written its first rows.
async fn begun(folder: &Folder, node: &Node, more: &[&str]) -> (Started, std::process::ChildStdin) {
    let host = node.address.to_string();
    let args = [&["load", "-", "--to", "ks.t", "--host", &host, "--json"], more].concat();
    let mut started = folder.start(&args);
    let mut pipe = started.stdin();
    std::io::Write::write_all(&mut pipe, b"id,value\n").unwrap();
    write_rows(&mut pipe, 0..1000);
    node.wait_for_rows("ks.t", 1000).await;
    (started, pipe)
}

fn adds_up(run: &Run) {
    assert!(run.number("written") + run.number("rejected") <= run.number("read"), "{run:#?}");
}

#[tokio::test]
async fn f93_ctrl_c_ends_within_two_seconds_with_truthful_counts() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (started, pipe) = begun(&folder, &node, &[]).await;
        let asked = Instant::now();
        started.signal(signal);
        let run = started.wait();
        assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
        drop(pipe);
        run.ended(code, "interrupted");
        adds_up(&run);
        assert_eq!(run.number("written"), node.count("ks.t").await);
        node.run("TRUNCATE ks.t").await;
    }
}

#[tokio::test]
async fn f99_a_load_goes_on_when_the_server_is_back() {
    let (folder, mut node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let (started, mut pipe) = begun(&folder, &node, &[]).await;
    node.cluster.stop_node(0);
    write_rows(&mut pipe, 1000..5000);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    node.cluster.start_node(0).expect("the node starts again");
    write_rows(&mut pipe, 5000..6000);
    drop(pipe);
    let run = started.wait();
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!((run.number("read"), run.number("written")), (6000, 6000));
    node.reconnect().await;
    assert_eq!(node.count("ks.t").await, 6000);
}

#[tokio::test]
async fn f99_a_server_gone_for_good_ends_the_load_with_truthful_counts() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let (started, mut pipe) = begun(&folder, &node, &["--patience", "2s"]).await;
    // The rows are there. That the load has read so much as well shows nowhere; it had nothing else to do.
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.cluster.stop_node(0);
    write_rows(&mut pipe, 1000..2000);
    drop(pipe);
    let asked = Instant::now();
    let run = started.wait();
    assert!(asked.elapsed() < Duration::from_secs(20), "took {:?}", asked.elapsed());
    run.ended(4, "the cluster is gone");
    assert_eq!(run.number("written"), 1000);
    adds_up(&run);
}
