//! `chorus unload`: tables into files, and back.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use chorus_node::{EmbeddedCluster, Fault, Requests};
use chorus_protocol::Opcode;

use crate::harness::{Folder, Node, Run, data};

impl Folder {
    /// Runs `chorus unload TABLE --out OUT --host NODE` and more.
    fn unload(&self, node: &Node, table: &str, out: &str, more: &[&str]) -> Run {
        let host = node.address.to_string();
        self.chorus(&[&["unload", table, "--out", out, "--host", &host], more].concat())
    }

    /// The names in a folder of this one, in order.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("a name").file_name().into_string().expect("ASCII")).collect();
        names.sort();
        names
    }

    /// The lines of a file but for its header, in order.
    fn sorted(&self, name: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.read(name).lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

/// Makes a table with the columns and the key of another.
async fn make_alike(node: &Node, table: &str, copy: &str) {
    let (keyspace, name) = table.split_once('.').expect("both names");
    node.session.refresh_schema().await.expect("a schema");
    let state = node.session.state();
    let table = state.keyspace(keyspace).and_then(|keyspace| keyspace.table(name)).expect("it is there");
    let columns: Vec<_> =
        table.columns.iter().map(|column| format!("{} {}", column.name, column.typ)).collect();
    let key = |kind| {
        let columns = table.columns.iter().filter(move |column| column.kind == kind);
        columns.map(|column| column.name.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (partition, clustering) =
        (key(chorus::schema::ColumnKind::PartitionKey), key(chorus::schema::ColumnKind::Clustering));
    let clustering = if clustering.is_empty() { clustering } else { format!(", {clustering}") };
    let columns = columns.join(", ");
    node.run(&format!("CREATE TABLE {copy} ({columns}, PRIMARY KEY (({partition}){clustering}))")).await;
}

/// A table `ks.t` of numbered rows.
async fn numbered(folder: &Folder, node: &Node, rows: u32) {
    let lines: String =
        (0..rows).map(|id| format!("{id},a value that is long enough to fill a pipe soon {id}\n")).collect();
    folder.write("numbered.csv", format!("id,value\n{lines}"));
    folder.load(node, "numbered.csv", "ks.t", &[]).ended(0, "");
}

const TABLE: &str = "t (id int PRIMARY KEY, value text)";

#[tokio::test]
async fn real_tables_come_back_as_they_were() {
    let (folder, node) = (Folder::new(), Node::start().await);
    for (file, table, key, rows) in [
        ("weather.csv", "weather.hourly", "origin,time_hour", 26_115),
        ("airports.csv", "air.airports", "faa", 1458),
    ] {
        folder.load(&node, &data(file), table, &["--null", "NA", "--key", key]).ended(0, "");
        let run = folder.unload(&node, table, "one.csv", &["--json"]);
        run.ended(0, &format!("to load it back: chorus load one.csv --to {table} --null '\\N'"));
        assert_eq!(run.number("rows"), rows);
        let copy = format!("{table}_copy");
        make_alike(&node, table, &copy).await;
        folder.load(&node, "one.csv", &copy, &["--null", "\\N"]).ended(0, "");
        folder.unload(&node, &copy, "other.csv", &[]).ended(0, "");
        let (one, other) = (folder.sorted("one.csv"), folder.sorted("other.csv"));
        assert_eq!(one.len() as u64, rows);
        assert_eq!(one, other);
        assert_eq!(folder.read("one.csv").lines().next(), folder.read("other.csv").lines().next());
        for file in ["one.csv", "other.csv"] {
            std::fs::remove_file(folder.path(file)).unwrap();
        }
    }
}

#[tokio::test]
async fn every_type_comes_back_with_its_nulls() {
    let table = "everything (id int PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e decimal, f double, g float, \
                 h inet, i smallint, j text, k timestamp, l uuid, m varint, n timeuuid, o date, p time, q tinyint, \
                 r duration, s list<int>, t set<text>, u map<text, int>, v tuple<int, text>, w vector<float, 2>, \
                 x frozen<map<timestamp, frozen<list<inet>>>>)";
    let (folder, node) = (Folder::new(), Node::with_tables(&[table]).await);
    let copy = table.replacen("everything", "copy", 1);
    node.run(&format!("CREATE TABLE ks.{copy}")).await;
    folder.write(
        "f.csv",
        "id,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x\n\
         1,abc,-5,0x00ff,true,1.50,2.5,0.25,::1,7,\"é, \"\"x\"\"\n\",2013-01-01T06:00:00.007Z,0f0e0d0c-0b0a-4908-8706-050403020100,\
         123456789123456789123456789,af5943a3-ea3c-11e1-ab63-c42c032279f0,2016-02-29,06:30:00.5,-1,1h30m,\
         \"[1,2]\",\"{'it''s','y'}\",\"{\"\"k\"\": 3}\",\"(4, null)\",\"[1, 2.5]\",\"{'2013-01-01': ['::1', '10.0.0.1']}\"\n\
         2,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N,\\N\n\
         3,,0,0x,false,-1E+3,NaN,Infinity,10.0.0.1,0,,-1,0f0e0d0c-0b0a-4908-8706-050403020100,0,\
         af5943a3-ea3c-11e1-ab63-c42c032279f0,-5877641-06-23,0,0,-1mo,\\N,\\N,\\N,\"(null, '')\",\"[0,-0]\",{}\n",
    );
    folder.load(&node, "f.csv", "ks.everything", &["--null", "\\N"]).ended(0, "");
    folder.unload(&node, "ks.everything", "one.csv", &[]).ended(0, "");
    folder.load(&node, "one.csv", "ks.copy", &["--null", "\\N"]).ended(0, "");
    let select = async |table: &str| {
        let rows = node.session.query(format!("SELECT * FROM ks.{table}"), ()).await.unwrap();
        let rows = rows.rows::<chorus::Row>().unwrap().map(Result::unwrap);
        let mut rows: Vec<_> = rows.map(|row| format!("{:?}", row.values)).collect();
        rows.sort();
        rows
    };
    let rows = select("everything").await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows, select("copy").await);
    let text = folder.read("one.csv");
    for part in [
        ",\"é, \"\"x\"\"\n\",2013-01-01T06:00:00.007Z,",
        ",\"{'it''s', 'y'}\",",
        ",\"(4, null)\",",
        ",-1E+3,NaN,Infinity,",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    folder.unload(&node, "ks.everything", "all.jsonl", &[]).ended(0, "loads read CSV with a header");
    let lines = folder.read("all.jsonl");
    let objects: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |id: u64| objects.iter().find(|object| object["id"] == id).unwrap();
    assert!(of(2)["x"].is_null() && of(3)["f"].is_null());
    assert_eq!(of(1)["k"], "2013-01-01 06:00:00.007Z");
    assert_eq!(of(1)["x"]["2013-01-01 00:00:00.000Z"][1], "10.0.0.1");
}

#[tokio::test]
async fn a_directory_gets_parts_that_are_one_load() {
    let (folder, node) =
        (Folder::new(), Node::with_tables(&[TABLE, "copy (id int PRIMARY KEY, value text)"]).await);
    numbered(&folder, &node, 5000).await;
    let more = ["--compress", "zstd", "--max-records", "1000", "--page-size", "100", "--json"];
    let run = folder.unload(&node, "ks.t", "out/", &more);
    run.ended(0, "to load it back: chorus load out/ks.t-* --to ks.t --null '\\N'");
    assert_eq!(run.number("rows"), 5000);
    let names = folder.names("out");
    assert!(names.len() >= 5, "{names:?}");
    assert!(
        names.iter().enumerate().all(|(at, name)| *name == format!("ks.t-{:05}.csv.zst", at + 1)),
        "{names:?}"
    );
    let host = node.address.to_string();
    folder
        .shell(&format!(
            "{} load out/ks.t-* --to ks.copy --null '\\N' --host {host}",
            env!("CARGO_BIN_EXE_chorus")
        ))
        .ended(0, "");
    assert_eq!(node.count("ks.copy").await, 5000);
    // Once is enough.
    folder.unload(&node, "ks.t", "out/", &more).ended(2, "exists already");
    assert_eq!(folder.names("out"), names);
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_written() {
    let table = "t (id int, part int, value text, PRIMARY KEY (id, part))";
    let (folder, node) = (Folder::new(), Node::with_tables(&[table, "empty (id int PRIMARY KEY)"]).await);
    for part in 0..4 {
        node.run(&format!("INSERT INTO ks.t (id, part, value) VALUES (1, {part}, 'a;b')")).await;
    }
    node.run("INSERT INTO ks.t (id, part) VALUES (2, 9)").await;
    let args = [
        "--columns",
        "value,part",
        "--where",
        "part > 2",
        "--allow-filtering",
        "--delimiter",
        ";",
        "--null",
        "-",
    ];
    let run = folder.unload(&node, "ks.t", "-", &args);
    run.ended(0, "to load it back: chorus load FILE --to ks.t --null=- --delimiter ';' --host 127");
    let mut lines: Vec<_> = run.stdout.lines().collect();
    lines[1..].sort_unstable();
    assert_eq!(lines, ["value;part", "\"a;b\";3", "-;9"]);
    let run = folder.unload(&node, "ks.empty", "-", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "id\n"), "{run:#?}");
    let run = folder.unload(&node, "ks.empty", "-", &["--no-header"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:#?}");
    let run = folder.unload(&node, "ks.empty", "out", &["--json"]);
    run.ended(0, "");
    assert_eq!((run.number("rows"), folder.read("out/ks.empty-00001.csv").as_str()), (0, "id\n"));
}

#[tokio::test]
async fn what_cannot_begin_says_why_and_leaves_nothing() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.chorus(&["unload", "ks.t", "--out", "a.csv"]).ended(2, "--host is missing");
    folder.unload(&node, "ks.other", "a.csv", &[]).ended(4, "other");
    folder.unload(&node, "ks.t", "a.csv", &["--columns", "id,nothing"]).ended(4, "nothing");
    folder.unload(&node, "ks.t", "a.csv", &["--where", "value ="]).ended(4, "");
    folder.unload(&node, "ks.t", "none/a.csv", &[]).ended(5, "cannot write none/a.csv: No such file");
    assert!(!folder.path("a.csv").exists() && !folder.path("a.csv.partial").exists());
    folder.write("a.csv", "mine");
    folder.unload(&node, "ks.t", "a.csv", &[]).ended(2, "a.csv exists already, and nothing is overwritten");
    assert_eq!(folder.read("a.csv"), "mine");
    folder.write("b.csv.partial", "mine");
    folder
        .unload(&node, "ks.t", "b.csv", &[])
        .ended(2, "b.csv.partial is what an unload that was stopped has left");
    assert_eq!(folder.read("b.csv.partial"), "mine");
}

#[tokio::test]
async fn a_value_that_looks_like_null_ends_the_unload_and_leaves_nothing_that_looks_whole() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    node.run("INSERT INTO ks.t (id, value) VALUES (1, '\\N')").await;
    let run = folder.unload(&node, "ks.t", "a.csv", &[]);
    run.ended(3, "column \"value\" of type text: there is a value whose text is \"\\\\N\"");
    assert!(run.stderr.contains("give another text for null"), "{run:#?}");
    assert!(!folder.path("a.csv").exists() && folder.path("a.csv.partial").exists());
    folder.unload(&node, "ks.t", "b.csv", &["--null", "NULL"]).ended(0, "--null NULL");
    assert_eq!(folder.read("b.csv"), "id,value\n1,\\N\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    numbered(&folder, &node, 100).await;
    folder
        .unload(&node, "ks.t", "/dev/full", &[])
        .ended(5, "cannot write /dev/full: No space left on device");
    folder.unload(&node, "ks.t", "/dev/full", &["--compress", "gzip"]).ended(5, "No space left on device");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_a_clean_end() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    numbered(&folder, &node, 20_000).await;
    let command = format!("{} unload ks.t --out - --host {}", env!("CARGO_BIN_EXE_chorus"), node.address);
    let run = folder.shell(&format!("{{ {command}; echo $? > code; }} | head -n 2"));
    run.ended(0, "whoever read this has gone away");
    assert_eq!(run.stdout.lines().count(), 2);
    assert_eq!(folder.read("code"), "0\n");
}

#[tokio::test]
async fn f105_a_node_that_dies_costs_no_row_and_doubles_none() {
    let folder = Folder::new();
    let mut node = Node::of(EmbeddedCluster::start(3).unwrap()).await;
    node.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
        .await;
    node.run(&format!("CREATE TABLE ks.{TABLE}")).await;
    numbered(&folder, &node, 20_000).await;
    let host = node.address.to_string();
    let mut started = folder.start(&[
        "unload",
        "ks.t",
        "--out",
        "-",
        "--host",
        &host,
        "--concurrency",
        "2",
        "--page-size",
        "100",
    ]);
    // The pipe is full long before the table is read: what is not read yet is asked of two hosts.
    let mut lines = BufReader::new(started.stdout());
    let mut header = String::new();
    lines.read_line(&mut header).unwrap();
    node.cluster.stop_node(2);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    started.wait().ended(0, "finished");
    let mut ids: Vec<u32> =
        rest.lines().map(|line| line.split_once(',').unwrap().0.parse().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(0..20_000), "{} rows", ids.len());
    node.reconnect().await;
}

#[tokio::test]
async fn ctrl_c_ends_within_two_seconds_and_nothing_looks_whole() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    numbered(&folder, &node, 20_000).await;
    let host = node.address.to_string();
    // A pipe that nobody reads any more.
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut started = folder.start(&["unload", "ks.t", "--out", "-", "--host", &host]);
        let mut lines = BufReader::new(started.stdout());
        lines.read_line(&mut String::new()).unwrap();
        let asked = Instant::now();
        started.signal(signal);
        started.wait().ended(code, "interrupted");
        assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
    }
    // A file, while the server is slow.
    let slow = Requests::all().with_opcode(Opcode::Execute).after(3);
    node.cluster.faults().add(slow, Fault::Delay(Duration::from_secs(5)));
    let started = folder.start(&["unload", "ks.t", "--out", "a.csv", "--host", &host, "--page-size", "100"]);
    let began = Instant::now();
    while !folder.path("a.csv.partial").metadata().is_ok_and(|file| file.len() > 9) {
        assert!(began.elapsed() < Duration::from_secs(60), "no page was ever written");
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    started.signal("INT");
    let run = started.wait();
    assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
    run.ended(130, "not all rows are written: files have .partial behind their names");
    assert!(!folder.path("a.csv").exists() && folder.path("a.csv.partial").exists());
}

#[tokio::test]
async fn a_table_that_cannot_be_read_ends_it_after_the_patience() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    numbered(&folder, &node, 1000).await;
    let error = Fault::Error(chorus::DbError::Overloaded, "too busy".to_owned());
    node.cluster.faults().add(Requests::all().with_opcode(Opcode::Execute), error);
    let run = folder.unload(&node, "ks.t", "a.csv", &["--patience", "1s", "--json"]);
    run.ended(4, "too busy");
    assert!(run.number("retries") > 0 && !folder.path("a.csv").exists(), "{run:#?}");
}
