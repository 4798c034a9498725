//! Clusters that cannot be reached, and tables that do not fit.

use std::io::{Read, Write};
use std::net::TcpListener;

use chorus_node::EmbeddedCluster;

use crate::harness::{Folder, NOBODY, Node};

const TABLE: &str = "t (id int PRIMARY KEY, name text)";

#[tokio::test]
async fn tables_that_are_not_there_or_do_not_fit_are_named() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    folder.write("f.csv", "id,name\n1,a\n");
    folder.write("more.csv", "id,name,age\n1,a,5\n");
    folder.write("less.csv", "name\na\n");
    folder.load(&node, "f.csv", "nowhere.t", &[]).ended(4, "no keyspace \"nowhere\"");
    folder.load(&node, "f.csv", "ks.none", &[]).ended(4, "no table ks.none");
    folder.load(&node, "more.csv", "ks.t", &[]).ended(4, "no column \"age\"; it has id, name");
    folder.load(&node, "less.csv", "ks.t", &[]).ended(4, "needs column \"id\"");
    folder.load(&node, "f.csv", "ks.t", &["--map", "nam=name"]).ended(4, "\"nam\"");
    folder.load(&node, "f.csv", "ks.new", &["--key", "number"]).ended(4, "needs column \"number\"");
    folder.write("other.csv", "id;name\n1;a\n");
    folder.load(&node, "other.csv", "ks.t", &[]).ended(4, "is --delimiter right?");
    assert_eq!(node.count("ks.t").await, 0);
    folder.load(&node, "other.csv", "ks.t", &["--delimiter", ";"]).ended(0, "");
}

#[tokio::test]
async fn f90_names_and_values_are_never_read_as_cql() {
    let (folder, node) = (Folder::new(), Node::with_tables(&[TABLE]).await);
    let field = "x\" int); DROP TABLE ks.t; --";
    let value = "'); DROP TABLE ks.t; --";
    folder.write("f.csv", format!("id,\"{}\"\n1,{value}\n", field.replace('"', "\"\"")));
    folder.load(&node, "f.csv", "ks.\"Odd_Name\"", &["--key", "id"]).ended(0, "");
    let rows = node.session.query("SELECT * FROM ks.\"Odd_Name\"", ()).await.unwrap();
    assert_eq!(rows.columns()[1].name.as_ref(), field);
    assert_eq!(rows.single_row::<(i64, String)>().unwrap(), (1, value.to_owned()));
    assert_eq!(node.count("ks.t").await, 0);
}

#[tokio::test]
async fn counters_are_refused_by_name() {
    let (folder, node) = (Folder::new(), Node::with_tables(&["hits (id int PRIMARY KEY, n counter)"]).await);
    folder.write("f.csv", "id,n\n1,5\n");
    let run = folder.load(&node, "f.csv", "ks.hits", &[]);
    run.ended(4, "");
    assert!(run.stderr.contains("counter"), "{run:#?}");
}

#[test]
fn nobody_listening_is_one_message() {
    let folder = Folder::new();
    folder.write("f.csv", "id,name\n1,a\n");
    let run = folder.chorus(&["load", "f.csv", "--to", "ks.t", "--host", NOBODY]);
    run.ended(4, "cannot connect");
    assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
}

#[test]
fn a_port_that_is_not_cql_is_one_message() {
    let folder = Folder::new();
    folder.write("f.csv", "id,name\n1,a\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            drop(stream.read(&mut [0; 100]));
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let run = folder.chorus(&["load", "f.csv", "--to", "ks.t", "--host", &address]);
    run.ended(4, "cannot connect");
    assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
}

#[test]
fn a_wrong_password_is_one_message_and_the_right_one_works() {
    let folder = Folder::new();
    folder.write("f.csv", "id,name\n1,a\n");
    let cluster = EmbeddedCluster::builder().authentication("shop", "right").start().unwrap();
    let host = cluster.address(0).to_string();
    let args = ["load", "f.csv", "--to", "ks.t", "--key", "id", "--host", &host, "--user", "shop"];
    let run = folder.start_with(&args, &[("CHORUS_PASSWORD", "wrong-secret")]).wait();
    run.ended(4, "check --user and the password");
    assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
    assert!(!run.stderr.contains("wrong-secret"));
    folder.chorus(&["load", "f.csv", "--to", "ks.t", "--host", &host]).ended(4, "cannot connect");
    folder.write("password", "right\n");
    let run = folder.chorus(&[&args[..], &["--password-file", "password"]].concat());
    assert_eq!(run.code, 0, "{run:#?}");
}

#[test]
fn wrong_usage_is_told_apart_from_failures() {
    let folder = Folder::new();
    folder.write("f.csv", "id,name\n1,a\n");
    folder.chorus(&["load", "f.csv"]).ended(2, "--to");
    folder.chorus(&["load", "f.csv", "--to", "t"]).ended(2, "KEYSPACE.TABLE");
    folder.chorus(&["load", "f.csv", "--to", "ks.t", "--key", "a,a"]).ended(2, "primary key");
    folder.chorus(&["load", "f.csv", "--to", "ks.t", "--map", "a"]).ended(2, "mapping");
    folder.chorus(&["load", "f.csv", "--to", "ks.t", "--user", "me"]).ended(2, "--host");
    let run = folder.chorus(&["load", "f.csv", "--to", "ks.t", "--host", "h:notaport"]);
    run.ended(2, "h:notaport");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let run = Folder::new().chorus(&["load", "--help"]);
    assert_eq!(run.code, 0);
    for part in ["Examples:", "weather.csv", "Exit codes:", "130"] {
        assert!(run.stdout.contains(part), "{part} in {}", run.stdout);
    }
}
