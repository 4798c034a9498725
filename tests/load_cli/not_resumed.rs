//! Loads that must not be gone on with, and checkpoints that cannot be written.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chorus_node::{Fault, Requests};
use chorus_protocol::Opcode;

use crate::harness::{Folder, Node, Run, own_address};

const TABLE: &str = "t (id int PRIMARY KEY, value text)";
const ROWS: u32 = 3000;

fn rows() -> String {
    (0..ROWS).fold("id,value\n".to_owned(), |text, id| text + &format!("{id},value {id}\n"))
}

/// A load that was stopped half-way: its folder and its run.
async fn stopped() -> (Folder, Node, PathBuf) {
    let (folder, node) =
        (Folder::new(), Node::with_tables(&[TABLE, "u (id int PRIMARY KEY, value text)"]).await);
    folder.write("f.csv", rows());
    let some = Requests::all().with_opcode(Opcode::Execute);
    node.cluster.faults().add(some, Fault::Delay(Duration::from_millis(10)));
    let host = node.address.to_string();
    let args =
        ["load", "f.csv", "--to", "ks.t", "--host", &host, "--concurrency", "32", "--checkpoint", "20ms"];
    let started = folder.start(&args);
    node.wait_for_rows("ks.t", 300).await;
    started.signal("INT");
    started.wait().ended(130, "to go on where this ended");
    node.cluster.faults().clear();
    let run = fs::read_dir(folder.path("chorus-runs")).unwrap().next().unwrap().unwrap().path();
    (folder, node, run)
}

fn resume(folder: &Folder, node: &Node, run: &std::path::Path, more: &[&str]) -> Run {
    folder.load(node, "f.csv", "ks.t", &[&["--resume", run.to_str().unwrap()], more].concat())
}

#[tokio::test]
async fn f96_a_file_that_changed_is_refused_and_how_it_changed_is_said() {
    let (folder, node, run) = stopped().await;
    let (path, count) = (folder.path("f.csv"), node.count("ks.t").await);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let write = |text: &str, modified| {
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.set_modified(modified).unwrap();
    };
    let whole = rows();
    write(&whole, modified + Duration::from_millis(1));
    for resume in [run.to_str().unwrap(), "auto"] {
        let refused = folder.load(&node, "f.csv", "ks.t", &["--resume", resume]);
        refused.ended(5, "f.csv has changed since the checkpoint: it was modified at");
        assert!(!refused.stderr.contains("to go on"), "{refused:#?}");
    }
    write(&whole.replacen("value 7", "VALUE 7", 1), modified);
    resume(&folder, &node, &run, &[]).ended(5, "its beginning is another");
    write(&whole[..whole.len() - 1], modified);
    resume(&folder, &node, &run, &[]).ended(5, "bytes and had");
    fs::remove_file(&path).unwrap();
    resume(&folder, &node, &run, &[]).ended(5, "no such file");
    assert_eq!(node.count("ks.t").await, count);
    write(&whole, modified);
    resume(&folder, &node, &run, &[]).ended(0, "");
    assert_eq!(node.count("ks.t").await, u64::from(ROWS));
}

#[tokio::test]
async fn what_was_not_asked_for_before_is_refused_and_named() {
    let (folder, node, run) = stopped().await;
    let host = node.address.to_string();
    let run_name = run.to_str().unwrap();
    let other = ["load", "f.csv", "--to", "ks.u", "--host", &host, "--resume", run_name];
    folder.chorus(&other).ended(2, "the table was ks.t and is ks.u");
    for (more, difference) in [
        (&["--map", "value=id,-id"][..], "the mapping was none and is"),
        (&["--null", "NA"], "the texts that mean null was none and is \"NA\""),
        (&["--write-nulls"], "whether nulls are written was no and is yes"),
        (&["--delimiter", ";"], "the delimiter was"),
        (&["--epoch", "s"], "the unit of whole numbers"),
        (&["--rejects", "other.csv"], "rejected rows went to"),
        (&["g.csv"], "the number of files was 1 and is 2"),
    ] {
        folder.write("g.csv", "id,value\n");
        resume(&folder, &node, &run, more).ended(2, difference);
    }
    folder.write("g.csv", rows());
    let other = ["load", "g.csv", "--to", "ks.t", "--host", &host, "--resume", run_name];
    folder.chorus(&other).ended(2, "the file was");
    // What decides nothing of what is written may differ.
    let more = ["--concurrency", "7", "--consistency", "ONE", "--max-errors", "1%"];
    resume(&folder, &node, &run, &more).ended(0, "");
}

#[tokio::test]
async fn a_table_that_changed_or_is_gone_is_refused() {
    let (folder, node, run) = stopped().await;
    node.run("DROP TABLE ks.t").await;
    resume(&folder, &node, &run, &["--key", "id"]).ended(2, "table ks.t is gone, and with it the rows");
    node.run("CREATE TABLE ks.t (id int PRIMARY KEY, value blob)").await;
    resume(&folder, &node, &run, &[]).ended(2, "column value text is value blob now");
    assert_eq!(node.count("ks.t").await, 0);
}

#[tokio::test]
async fn f97_a_checkpoint_that_is_torn_is_refused_or_the_one_before_is_used() {
    let (folder, node, run) = stopped().await;
    let latest = run.join("checkpoint.jsonl");
    let whole = fs::read(&latest).unwrap();
    fs::write(&latest, &whole[..whole.len() / 2]).unwrap();
    let previous = run.join("checkpoint.previous.jsonl");
    let saved = fs::read(&previous).unwrap();
    fs::write(&previous, b"").unwrap();
    for resume in [run.to_str().unwrap(), "auto"] {
        folder.load(&node, "f.csv", "ks.t", &["--resume", resume]).ended(5, "it is torn");
    }
    fs::write(&latest, String::from_utf8(whole).unwrap().replace("\"written\":", "\"written\":1")).unwrap();
    resume(&folder, &node, &run, &[]).ended(5, "its content is not what was written");
    fs::write(&previous, saved).unwrap();
    resume(&folder, &node, &run, &[]).ended(0, "going on from the one before");
    assert_eq!(node.count("ks.t").await, u64::from(ROWS));
    resume(&folder, &node, &folder.path("none"), &[]).ended(2, "it has no checkpoint");
}

#[tokio::test]
async fn rejects_that_were_taken_away_or_changed_are_refused() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", format!("{}x,y\nx,y\nz,y\n", rows()));
    folder.load(&node, "f.csv", "ks.t", &["--max-errors", "1"]).ended(3, "to go on");
    let run = fs::read_dir(folder.path("chorus-runs")).unwrap().next().unwrap().unwrap().path();
    let rejects = folder.read("f.csv.rejects.csv");
    folder.write("f.csv.rejects.csv", rejects.replace('x', "7"));
    resume(&folder, &node, &run, &[]).ended(5, "its content is another");
    fs::remove_file(folder.path("f.csv.rejects.csv")).unwrap();
    resume(&folder, &node, &run, &[]).ended(5, "it is gone");
    folder.write("f.csv.rejects.csv", rejects);
    resume(&folder, &node, &run, &["--max-errors", "9"]).ended(1, "");
    assert_eq!(folder.read("f.csv.rejects.csv"), "id,value\nx,y\nx,y\nz,y\n");
}

#[tokio::test]
async fn a_run_is_loaded_by_one_process_at_a_time() {
    let (folder, node, run) = stopped().await;
    let some = Requests::all().with_opcode(Opcode::Execute);
    node.cluster.faults().add(some, Fault::DropAnswer);
    let host = node.address.to_string();
    let run_name = run.to_str().unwrap();
    let args = ["load", "f.csv", "--to", "ks.t", "--host", &host, "--resume", run_name];
    let first = folder.start(&args);
    let lock = fs::File::open(run.join("lock")).unwrap();
    let began = Instant::now();
    while lock.try_lock().is_ok() {
        lock.unlock().unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "it never locked its run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    folder.chorus(&args).ended(2, "is being loaded by another process");
    first.signal("KILL");
    first.wait();
    node.cluster.faults().clear();
    resume(&folder, &node, &run, &[]).ended(0, "");
}

fn scrape(address: std::net::SocketAddr) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: chorus\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

/// The number of a series, once it is what is waited for.
async fn metric(address: std::net::SocketAddr, series: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    let began = Instant::now();
    loop {
        let page = scrape(address).unwrap_or_default();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        match value {
            Some(value) if wanted(value) => return value,
            _ => assert!(began.elapsed() < Duration::from_secs(60), "{series} in {page}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn f102_a_full_disk_costs_the_checkpoint_and_not_the_load_and_shows_in_the_metrics() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", rows());
    let some = Requests::all().with_opcode(Opcode::Execute);
    node.cluster.faults().add(some, Fault::Delay(Duration::from_millis(20)));
    let port = own_address();
    // No file may have a byte: the system refuses as a full disk does.
    let command = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} load f.csv --to ks.t --host {} --concurrency 16 --checkpoint 50ms \
         --metrics {port} --json",
        env!("CARGO_BIN_EXE_chorus"),
        node.address
    );
    let started = folder.start_shell(&command);
    let failed = "chorus_bulk_checkpoints_total{outcome=\"failed\"}";
    metric(port, failed, |failed| failed >= 2.0).await;
    metric(port, "chorus_bulk_checkpoint_age_seconds", |age| age > 1.0).await;
    node.cluster.faults().clear();
    let run = started.wait();
    run.ended(0, "the checkpoint cannot be written; the load goes on and tries again");
    assert_eq!(run.number("written"), u64::from(ROWS));
    assert_eq!(node.count("ks.t").await, u64::from(ROWS));
}

#[tokio::test]
async fn a_run_directory_that_is_removed_comes_back_with_the_next_checkpoint() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", rows());
    let some = Requests::all().with_opcode(Opcode::Execute);
    node.cluster.faults().add(some, Fault::Delay(Duration::from_millis(20)));
    let port = own_address();
    let (host, metrics) = (node.address.to_string(), port.to_string());
    let started = folder.start(&[
        "load",
        "f.csv",
        "--to",
        "ks.t",
        "--host",
        &host,
        "--concurrency",
        "16",
        "--checkpoint",
        "30ms",
        "--metrics",
        &metrics,
    ]);
    let written = "chorus_bulk_checkpoints_total{outcome=\"written\"}";
    let before = metric(port, written, |written| written >= 2.0).await;
    // In one step: a checkpoint may be about to be written.
    fs::rename(folder.path("chorus-runs"), folder.path("taken-away")).unwrap();
    metric(port, written, |written| written >= before + 3.0).await;
    let age = metric(port, "chorus_bulk_checkpoint_age_seconds", |age| age > 0.0).await;
    assert!(age < 20.0, "{age}");
    started.signal("KILL");
    started.wait();
    node.cluster.faults().clear();
    let run = fs::read_dir(folder.path("chorus-runs")).unwrap().next().unwrap().unwrap().path();
    resume(&folder, &node, &run, &[]).ended(0, "");
    assert_eq!(node.count("ks.t").await, u64::from(ROWS));
}
