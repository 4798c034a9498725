//! Loads that are killed, stopped or fail, and are gone on with: in the end every row is there as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use chorus::{DbError, PageSize, Statement};
use chorus_node::{Fault, Requests};
use chorus_protocol::Opcode;

use crate::harness::{Folder, Node, Run, Started};

const COLUMNS: &str = "(id int PRIMARY KEY, value text)";
const ROWS: u32 = 6000;

/// Every line a loader may stumble over: quoted line ends, rows that are rejected at each stage, keys that come again.
fn text(ids: std::ops::Range<u32>) -> String {
    let mut text = "id,value\n".to_owned();
    for id in ids {
        match id % 40 {
            3 => text.push_str(&format!("{id},\"two\nlines, \"\"of {id}\"\"\"\r\n")),
            7 => text.push_str(&format!("bad {id},no number\n")),
            11 => text.push_str(&format!("{id},\"never closed\n\n")),
            17 => text.push_str(&format!("{},written over {id}\n", id - 9)),
            23 => text.push_str(&format!("{id},a\r")),
            _ => text.push_str(&format!("{id},value {id}\n")),
        }
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

async fn content(node: &Node, table: &str) -> BTreeMap<i32, String> {
    let all = Statement::new(format!("SELECT id, value FROM {table}")).page_size(PageSize::Unpaged);
    let rows = node.session.query(all, ()).await.unwrap();
    let content: BTreeMap<_, _> = rows.rows::<(i32, String)>().unwrap().map(Result::unwrap).collect();
    assert_eq!(content.len() as u64, node.count(table).await);
    content
}

/// Answers come late and in another order, so that a load takes a while and has rows under way when it is killed.
fn slow(node: &Node) {
    let some = Requests::all().with_opcode(Opcode::Execute).with_probability(0.5);
    node.cluster.faults().add(some, Fault::Delay(Duration::from_millis(15)));
}

fn start(folder: &Folder, node: &Node, files: &[&str], table: &str, more: &[&str]) -> Started {
    let host = node.address.to_string();
    let fixed = ["--to", table, "--host", &host, "--concurrency", "48", "--checkpoint", "40ms", "--json"];
    folder.start(&[&["load"][..], files, &fixed, more].concat())
}

/// Kills a load `kills` times, each after a while of its own, lets it go on to its end, and compares with one that was left
/// alone. Says how often the load was under way when it was killed.
async fn killed(folder: &Folder, node: &Node, files: &[&str], name: &str, kills: u64) -> usize {
    let (table, alone) = (format!("ks.{name}"), format!("ks.{name}_alone"));
    for table in [&table, &alone] {
        node.run(&format!("CREATE TABLE {table} {COLUMNS}")).await;
    }
    let (rejects, alone_rejects) = (format!("{name}.bad.csv"), format!("{name}.alone.csv"));
    let run = folder.load(
        node,
        files[0],
        &alone,
        &[&files[1..], &["--rejects", &alone_rejects, "--json", "--checkpoint", "never"]].concat(),
    );
    run.ended(1, "");
    slow(node);
    let more = ["--resume", "auto", "--rejects", &rejects];
    let mut under_way = 0;
    let mut wait = 7;
    for _ in 0..kills {
        let started = start(folder, node, files, &table, &more);
        wait = (wait * 131 + 17) % 450;
        tokio::time::sleep(Duration::from_millis(30 + wait)).await;
        started.signal("KILL");
        let killed = started.wait();
        assert!(killed.code == -1 || killed.code <= 1, "{killed:#?}");
        under_way += usize::from(killed.code == -1);
    }
    node.cluster.faults().clear();
    let last = start(folder, node, files, &table, &more).wait();
    assert!(last.code <= 1, "{last:#?}");
    assert_eq!(content(node, &table).await, content(node, &alone).await);
    for number in ["read", "written", "rejected"] {
        assert_eq!(last.number(number), run.number(number), "{number} of {name}: {last:#?}");
    }
    for file in ["", ".2", ".3"].iter().take(files.len()) {
        for ending in ["csv", "errors.csv"] {
            let named = |stem: &str| folder.read(&format!("{stem}{file}.{ending}"));
            let (got, expected) = (named(&format!("{name}.bad")), named(&format!("{name}.alone")));
            assert_eq!(sorted(&got, ending), sorted(&expected, ending), "{name}{file}.{ending}");
        }
    }
    let again = start(folder, node, files, &table, &more).wait();
    again.ended(0, "nothing to resume");
    assert_eq!(again.number("written"), run.number("written"));
    under_way
}

/// Reasons have a line each, which come in the order in which rows were given up; rows have as many as they have.
fn sorted(text: &str, ending: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if ending == "errors.csv" {
        lines.sort();
    }
    lines
}

#[tokio::test]
async fn f94_f95_a_plain_file_is_loaded_as_if_it_had_never_been_killed() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[]).await);
    folder.write("f.csv", text(0..ROWS));
    assert!(killed(&folder, &node, &["f.csv"], "plain", 10).await > 3);
}

#[tokio::test]
async fn f94_f95_compressed_files_are_loaded_as_if_they_had_never_been_killed() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[]).await);
    let text = text(0..ROWS);
    folder.write("f.gz", gzip(&text));
    folder.write("f.zst", zstd::encode_all(text.as_bytes(), 1).unwrap());
    assert!(killed(&folder, &node, &["f.gz"], "gzip", 6).await > 2);
    assert!(killed(&folder, &node, &["f.zst"], "zstd", 6).await > 2);
}

#[tokio::test]
async fn f94_f95_several_files_are_one_load_that_goes_on_in_the_file_it_was_in() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[]).await);
    folder.write("a.csv", text(0..2500));
    folder.write("b.csv.gz", gzip(&text(2000..4000)));
    // Its columns are the other way round, and its rows come last.
    let turned: String = (0..2000).map(|id| format!("from the last {id},{id}\n")).collect();
    folder.write("c.csv", format!("value,id\n{turned}oops,x\n"));
    let under_way = killed(&folder, &node, &["a.csv", "b.csv.gz", "c.csv"], "several", 10).await;
    assert!(under_way > 3, "{under_way}");
    assert_eq!(content(&node, "ks.several").await[&0], "from the last 0");
}

#[tokio::test]
async fn a_row_the_server_refuses_is_in_the_rejects_once_however_often_its_load_is_killed() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[&format!("t {COLUMNS}")]).await);
    let rows: String = (0..ROWS).map(|id| format!("{id},value {id}\n")).collect();
    folder.write("f.csv", format!("id,value\n{rows}"));
    let refused = Requests::all().with_opcode(Opcode::Execute).with_probability(0.02);
    node.cluster.faults().add(refused, Fault::Error(DbError::Invalid, "not on a Monday".to_owned()));
    slow(&node);
    let more = ["--resume", "auto", "--max-errors", "unlimited"];
    for wait in [150, 260, 90, 410, 200, 330] {
        let started = start(&folder, &node, &["f.csv"], "ks.t", &more);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        started.signal("KILL");
        started.wait();
    }
    let last = start(&folder, &node, &["f.csv"], "ks.t", &more).wait();
    last.ended(1, "not on a Monday");
    let rejects = folder.read("f.csv.rejects.csv");
    let refused: Vec<i32> =
        rejects.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    let once: BTreeSet<i32> = refused.iter().copied().collect();
    assert_eq!((once.len(), refused.len() as u64), (refused.len(), last.number("rejected")));
    assert_eq!(folder.read("f.csv.rejects.errors.csv").lines().count(), refused.len() + 1);
    assert_eq!(last.number("written") + last.number("rejected"), u64::from(ROWS));
    // Nothing is neither here nor there.
    let mut all = once;
    all.extend(content(&node, "ks.t").await.keys());
    assert_eq!(all.len() as u32, ROWS);
}

/// A load of a file of which some rows are written and others are not.
async fn begun(folder: &Folder, node: &Node, more: &[&str]) -> Started {
    folder.write("it's f.csv", text(0..ROWS));
    slow(node);
    let started = start(folder, node, &["it's f.csv"], "ks.t", more);
    node.wait_for_rows("ks.t", 300).await;
    started
}

/// The command that a load printed for going on.
#[track_caller]
fn command(run: &Run) -> &str {
    let line = run.stderr.lines().find_map(|line| line.strip_prefix("to go on where this ended: "));
    line.unwrap_or_else(|| panic!("no command in {run:#?}"))
}

#[tokio::test]
async fn f93_a_load_that_is_stopped_prints_the_command_that_finishes_it() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (folder, node) = (Folder::new(), Node::with_tables(&[&format!("t {COLUMNS}")]).await);
        let started = begun(&folder, &node, &["--null", "it's $HOME"]).await;
        let asked = std::time::Instant::now();
        started.signal(signal);
        let run = started.wait();
        assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
        run.ended(code, "interrupted");
        node.cluster.faults().clear();
        // That very command, twice: the second has nothing to do.
        let rest = folder.shell(command(&run));
        assert_eq!(rest.code, 1, "{rest:#?}");
        assert!(!rest.stderr.contains("to go on"), "{rest:#?}");
        let rejected =
            text(0..ROWS).matches("no number").count() + text(0..ROWS).matches("never closed").count();
        assert_eq!(rest.number("rejected"), rejected as u64);
        assert_eq!(rest.number("read"), u64::from(ROWS));
        assert_eq!(rest.number("written"), u64::from(ROWS) - rejected as u64);
        // A row written over is one row.
        let again = text(0..ROWS).matches("written over").count() as u64;
        assert_eq!(node.count("ks.t").await, rest.number("written") - again);
        folder.shell(command(&run)).ended(0, "nothing to resume");
    }
}

#[tokio::test]
async fn f92_a_load_with_too_many_bad_rows_goes_on_with_a_higher_limit() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[&format!("t {COLUMNS}")]).await);
    folder.write("f.csv", text(0..400));
    let stopped = folder.load(&node, "f.csv", "ks.t", &["--max-errors", "3", "--json"]);
    stopped.ended(3, "4 rows rejected: stopped");
    let with_more = command(&stopped).replace("--max-errors 3", "--max-errors 100");
    let rest = folder.shell(&with_more);
    rest.ended(1, "");
    assert_eq!((rest.number("read"), rest.number("rejected")), (400, 20));
    let rejected = folder.read("f.csv.rejects.csv");
    assert_eq!(rejected.matches("no number").count(), 10, "{rejected}");
    assert_eq!(folder.read("f.csv.rejects.errors.csv").lines().count(), 21);
}

#[tokio::test]
async fn a_load_whose_cluster_went_away_goes_on_when_it_is_back() {
    let (folder, mut node) = (Folder::new(), Node::with_tables(&[&format!("t {COLUMNS}")]).await);
    let started = begun(&folder, &node, &["--patience", "500ms"]).await;
    node.cluster.stop_node(0);
    let run = started.wait();
    run.ended(4, "the cluster is gone");
    // Nobody is there, and something is still left.
    let refused = folder.shell(command(&run));
    refused.ended(4, "cannot connect");
    assert_eq!(command(&refused), command(&run));
    node.cluster.start_node(0).expect("the node starts again");
    node.cluster.faults().clear();
    node.reconnect().await;
    let rest = folder.shell(command(&run));
    rest.ended(1, "");
    assert_eq!(rest.number("read"), u64::from(ROWS));
}

#[tokio::test]
async fn what_can_be_read_only_once_says_so_at_the_start() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[&format!("t {COLUMNS}")]).await);
    let host = node.address.to_string();
    let load = |more: &[&str]| {
        let mut started = folder.start(&[&["load", "-", "--to", "ks.t", "--host", &host][..], more].concat());
        started.stdin().write_all(b"id,value\n1,a\n").unwrap();
        started.wait()
    };
    let run = load(&[]);
    run.ended(0, "standard input can be read only once: this load cannot be resumed");
    assert!(!folder.path("chorus-runs").exists());
    load(&["--resume", "auto"]).ended(2, "standard input can be read only once");
    folder.write("f.csv", "id,value\n1,a\n");
    let args = ["load", "f.csv", "--to", "ks.t", "--key", "id", "--resume", "auto"];
    folder.chorus(&args).ended(2, "without --host");
    folder.load(&node, "f.csv", "ks.t", &["-"]).ended(2, "standard input is loaded alone");
    folder.load(&node, "f.csv", "ks.t", &["--checkpoint", "never"]).ended(0, "");
    assert!(!folder.path("chorus-runs").exists());
}
