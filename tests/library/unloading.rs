//! Tables into files.

use std::path::Path;
use std::time::Duration;

use chorus::bulk::{Destination, RowFormat, RowText, TextStyle, UnloadEnding, Unloader};
use chorus::{DbError, Session};
use chorus_node::{Fault, Requests};
use chorus_protocol::Opcode;

use crate::stage::Stage;

const ROWS: i32 = 3_000;

async fn stage() -> Stage {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let report =
        stage.session.bulk(&insert).load((0..ROWS).map(|id| (id, id * 2))).await.expect("all written");
    assert_eq!(report.written, ROWS as u64);
    stage
}

fn unloader(session: &Session) -> Unloader {
    let keyspace = session.keyspace().expect("the stage has one");
    Unloader::new(session, chorus::bulk::TableName::new(&*keyspace, "numbers")).page_size(50)
}

/// The ids in all files of a folder, in order, and how many files there are.
fn ids(folder: &Path) -> (Vec<i32>, usize) {
    let (mut ids, mut files) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        let of_line = |line: &str| line.split(',').next().expect("a field").parse::<i32>().expect("a number");
        ids.extend(text.lines().skip(1).map(of_line));
        files += 1;
    }
    ids.sort_unstable();
    (ids, files)
}

#[tokio::test]
async fn f105_rows_of_pages_that_fail_are_in_the_files_once() {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let overloaded = Fault::Error(DbError::Overloaded, "too busy".to_owned());
    let pages = Requests::all().with_opcode(Opcode::Execute);
    stage.cluster.faults().add(pages.with_probability(0.3).times(20), overloaded);
    let report = unloader(&stage.session)
        .files(3)
        .unload(Destination::directory(folder.path()))
        .await
        .expect("it begins");
    assert!(report.is_complete() && report.retries > 0, "{report}");
    let (ids, files) = ids(folder.path());
    assert!(ids.into_iter().eq(0..ROWS), "{report}");
    assert_eq!((report.rows, report.files.len()), (ROWS as u64, files));
}

#[tokio::test]
async fn an_unload_that_is_dropped_leaves_only_files_that_say_they_are_partial() {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let pages = Requests::all().with_opcode(Opcode::Execute).after(5);
    stage.cluster.faults().add(pages, Fault::Delay(Duration::from_secs(30)));
    let unloader = unloader(&stage.session);
    let progress = unloader.progress();
    let unload = unloader.unload(Destination::directory(folder.path()));
    let watch = async {
        while progress.snapshot().rows == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        outcome = unload => panic!("{outcome:?}"),
        () = watch => {}
    }
    stage.cluster.faults().clear();
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII"))
        .collect();
    assert!(!names.is_empty() && names.iter().all(|name| name.ends_with(".csv.partial")), "{names:?}");
}

#[tokio::test]
async fn few_rows_are_one_file_and_none_are_one_with_a_header() {
    let stage = Stage::with_numbers().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (rows, name) in [(0, "none"), (1, "one")] {
        if rows > 0 {
            stage.session.execute(&stage.insert().await, (7, 8)).await.expect("written");
        }
        let path = folder.path().join(name);
        let unload = unloader(&stage.session).files(4).unload(Destination::directory(&path));
        let report = unload.await.expect("it begins");
        assert_eq!((report.is_complete(), report.rows, report.files.len()), (true, rows, 1), "{report}");
        assert_eq!(ids(&path), (vec![7; rows as usize], 1));
    }
}

#[tokio::test]
async fn an_unload_that_is_stopped_says_so() {
    let stage = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let unloader = unloader(&stage.session).format(RowFormat::JsonLines);
    unloader.progress().stop();
    let path = folder.path().join("numbers.jsonl");
    let report = unloader.unload(Destination::file(&path)).await.expect("it begins");
    assert!(matches!(report.ending, UnloadEnding::Interrupted) && report.files.is_empty(), "{report}");
    assert!(!path.exists());
}

#[test]
fn programs_without_a_runtime_unload_too() {
    let cluster = chorus_node::EmbeddedCluster::start(1).expect("a node");
    let session = chorus::blocking::Session::connect(Session::builder().contact_point(cluster.address(0)));
    let session = session.expect("a session");
    for statement in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY)",
        "INSERT INTO ks.numbers (id) VALUES (7)",
    ] {
        session.query(statement, ()).expect("it is stored");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("numbers.csv");
    let unloader = Unloader::new(session.as_async(), "ks.numbers".parse().expect("a name"));
    let report = unloader.unload_blocking(Destination::file(&path)).expect("it begins");
    assert!(report.is_complete(), "{report}");
    assert_eq!(std::fs::read_to_string(path).expect("a file"), "id\n7\n");
}

#[tokio::test]
async fn rows_of_any_result_are_written_as_text() {
    let stage = stage().await;
    let result = stage.session.query("SELECT id FROM numbers WHERE id = 7", ()).await.expect("read");
    for (style, expected) in [(TextStyle::csv(), "id\n7\n"), (TextStyle::json_lines(), "{\"id\":7}\n")] {
        let mut text = RowText::new(style, result.columns()).expect("it has a text");
        let mut out = Vec::new();
        text.header(&mut out);
        text.rows(&result, &mut out).expect("all are written");
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
    let nothing = stage.session.query("INSERT INTO numbers (id) VALUES (8)", ()).await.expect("written");
    let mut text = RowText::new(TextStyle::csv(), result.columns()).expect("it has a text");
    assert!(text.rows(&nothing, &mut Vec::new()).is_err());
}
