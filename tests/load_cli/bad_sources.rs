//! Sources that cannot be read, or not to their end.

use std::io::Write;

use crate::harness::{Folder, Node};

const TABLE: &str = "t (id int PRIMARY KEY, name text)";

#[test]
fn f103_what_is_no_file_is_said_before_anything_is_connected() {
    let folder = Folder::new();
    folder.write("empty.csv", "");
    folder.write("wide.csv", [0xff, 0xfe, b'i', 0, b'd', 0]);
    std::fs::create_dir(folder.path("folder")).unwrap();
    // Nobody listens at this port, and nobody is asked.
    let load = |file: &str| folder.chorus(&["load", file, "--to", "ks.t", "--host", "127.0.0.1:1"]);
    load("none.csv").ended(5, "no such file");
    load("folder").ended(5, "directory");
    load("empty.csv").ended(5, "empty");
    load("wide.csv").ended(5, "UTF-16");
}

#[tokio::test]
async fn f103_a_header_alone_is_nothing_to_load() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", "id,name\n");
    let run = folder.load(&node, "f.csv", "ks.t", &["--json"]);
    run.ended(0, "a header and no rows");
    assert_eq!((run.number("read"), run.number("written")), (0, 0));
    // Without rows there are no types to create a table from.
    folder.load(&node, "f.csv", "ks.new", &["--key", "id"]).ended(0, "a header and no rows");
    folder.load(&node, "f.csv", "ks.new", &[]).ended(4, "no table ks.new");
}

#[tokio::test]
async fn a_header_that_is_none_is_refused() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("quote.csv", "id,\"name\n1,a\n");
    folder.load(&node, "quote.csv", "ks.t", &[]).ended(5, "header");
    folder.write("bytes.csv", b"id,na\xffme\n1,a\n");
    folder.load(&node, "bytes.csv", "ks.t", &[]).ended(5, "not UTF-8");
    folder.write("blank.csv", "\n\r\n\n");
    folder.load(&node, "blank.csv", "ks.t", &[]).ended(5, "empty");
}

#[tokio::test]
async fn f103_a_mark_and_carriage_returns_are_no_part_of_the_data() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", b"\xef\xbb\xbfid,name\r\n1,a\r\n2,b");
    folder.load(&node, "f.csv", "ks.t", &[]).ended(0, "");
    let rows = node.session.query("SELECT name FROM ks.t WHERE id = 1", ()).await.unwrap();
    assert_eq!(rows.single_row::<(String,)>().unwrap().0, "a");
    assert_eq!(node.count("ks.t").await, 2);
}

#[tokio::test]
async fn f103_a_stream_cut_off_is_loaded_as_far_as_it_goes() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let mut text = "id,name\n".to_owned();
    for id in 0..50_000u32 {
        text.push_str(&format!("{id},name {}\n", id.wrapping_mul(2_654_435_761)));
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, whole) in [("f.gz", gzip), ("f.zst", zstd)] {
        folder.write(name, &whole[..whole.len() * 3 / 4]);
        let run = folder.load(&node, name, "ks.t", &["--json"]);
        run.ended(5, "cut off");
        let written = run.number("written");
        assert!((10_000..50_000).contains(&written), "{written} of {name}");
        assert_eq!(run.number("read"), written);
        assert_eq!(node.count("ks.t").await, written);
        node.run("TRUNCATE ks.t").await;
    }
}
