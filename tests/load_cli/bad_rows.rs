//! Rows that cannot be loaded: they go to a file that can be loaded again, the others are written.

use crate::harness::{Folder, Node};

const TABLE: &str = "t (id int PRIMARY KEY, name text, score double)";

#[tokio::test]
async fn f91_every_kind_of_bad_row_is_kept_and_every_good_one_is_written() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let bad: [&[u8]; 6] = [
        b"x2,not a number,1",
        b"3,too few",
        b"4,too many,1,2",
        b"5,\"never closed,1",
        b"NA,null key,1",
        b"7,bad \xff utf-8,1",
    ];
    let mut text = b"id,name,score\n1,first,1.5\n".to_vec();
    for line in bad {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(b"8,\"two\nlines\",NA\n9,last,2");
    folder.write("f.csv", text);
    let run = folder.load(&node, "f.csv", "ks.t", &["--null", "NA", "--json"]);
    run.ended(1, "f.csv.rejects.csv");
    assert_eq!((run.number("read"), run.number("written"), run.number("rejected")), (9, 3, 6));
    assert_eq!(node.count("ks.t").await, 3);

    let mut expected = b"id,name,score\n".to_vec();
    for line in bad {
        expected.extend_from_slice(line);
        expected.push(b'\n');
    }
    assert_eq!(std::fs::read(folder.path("f.csv.rejects.csv")).unwrap(), expected);

    let errors = folder.read("f.csv.rejects.errors.csv");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines[0], "line,byte,stage,column,reason");
    let starts = ["3,", "4,", "5,", "6,", "7,", "8,"];
    for (line, start) in lines[1..].iter().zip(starts) {
        assert!(line.starts_with(start), "{line} should be line {start}");
    }
    let reasons = ["id,", "2 fields", "4 fields", "never closed", "primary key", "UTF-8"];
    for (line, reason) in lines[1..].iter().zip(reasons) {
        assert!(line.contains(reason), "{line} should say {reason}");
    }
}

#[tokio::test]
async fn rejects_can_be_mended_and_loaded_again() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", "id,name,score\n1,a,1\n2,b,oops\n3,\"c,1\n");
    folder.load(&node, "f.csv", "ks.t", &[]).ended(1, "rejected line 3, column score");
    let mended = folder.read("f.csv.rejects.csv").replace("oops", "2").replace("\"c", "c");
    folder.write("again.csv", mended);
    folder.load(&node, "again.csv", "ks.t", &[]).ended(0, "");
    assert_eq!(node.count("ks.t").await, 3);
}

#[tokio::test]
async fn a_key_too_large_for_the_server_is_rejected_with_its_reason() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["k (id text PRIMARY KEY, v int)"]).await);
    let key = "x".repeat(70_000);
    folder.write("f.csv", format!("id,v\n{key},1\nok,2\n"));
    let run = folder.load(&node, "f.csv", "ks.k", &["--json"]);
    run.ended(1, "rejected line 2");
    assert_eq!((run.number("written"), run.number("rejected")), (1, 1));
    assert!(folder.read("f.csv.rejects.csv").contains(&key));
}

#[tokio::test]
async fn f92_the_load_stops_when_too_many_rows_are_bad() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let mut text = "id,name,score\n1,a,1\n".to_owned();
    for _ in 0..100_000 {
        text.push_str("x,y,z\n");
    }
    folder.write("f.csv", text);
    let run = folder.load(&node, "f.csv", "ks.t", &["--max-errors", "10", "--json"]);
    run.ended(3, "11 rows rejected: stopped");
    assert_eq!((run.number("written"), run.number("rejected")), (1, 11));
    let run = folder.load(&node, "f.csv", "ks.t", &["--max-errors", "0", "--json"]);
    run.ended(3, "stopped");
    assert_eq!(run.number("rejected"), 1);
    let run = folder.load(&node, "f.csv", "ks.t", &["--max-errors", "unlimited", "--json"]);
    run.ended(1, "more");
    assert_eq!(run.number("rejected"), 100_000);
}

#[tokio::test]
async fn f102_rejects_that_cannot_be_written_stop_the_load() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", "id,name,score\nx,a,1\n");
    let run = folder.load(&node, "f.csv", "ks.t", &["--rejects", "no/such/folder/r.csv"]);
    run.ended(3, "the rejects file cannot be written");
}

#[tokio::test]
async fn the_file_that_is_read_is_never_written_over() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", "id,name,score\nx,a,1\n");
    folder.load(&node, "f.csv", "ks.t", &["--rejects", "f.csv"]).ended(2, "give --rejects");
    assert_eq!(folder.read("f.csv"), "id,name,score\nx,a,1\n");
}
