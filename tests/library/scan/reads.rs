//! What is read when nothing goes wrong.

use std::collections::BTreeSet;

use chorus::scan::{Partitioner, ScanRange};
use chorus::{ErrorKind, Session};
use chorus_node::EmbeddedCluster;
use futures::TryStreamExt;

use super::{Read, SCAN, Table, simple};
use crate::stage::{KEYSPACE, NUMBERS};

#[tokio::test]
async fn every_row_comes_once_whatever_the_cluster_and_the_pages() {
    for (nodes, replicas) in [(1, 1), (3, 1), (3, 3)] {
        let table = Table::new(nodes, replicas, 500).await;
        for (page_size, concurrency) in [(1, 64), (7, 1), (5000, 16)] {
            let scan = table.scan().page_size(page_size).concurrency(concurrency);
            table.has(&Read::all(scan).await.expect("read"));
        }
    }
}

#[tokio::test]
async fn each_page_comes_from_the_host_that_has_it() {
    let table = Table::new(3, 1, 300).await;
    let mut scan = table.scan().page_size(5).open().await.expect("opened");
    let mut hosts = BTreeSet::new();
    while let Some(page) = scan.next_page().await.expect("read") {
        let host = page.first_replica().expect("the ring is known");
        assert_eq!(page.result().host(), host, "piece {} {}", page.piece(), page.range());
        hosts.insert(host);
    }
    assert_eq!(hosts.len(), 3, "every one of them");
}

#[tokio::test]
async fn replicas_of_the_same_rows_take_turns() {
    let table = Table::new(3, 3, 300).await;
    let mut scan = table.scan().concurrency(6).open().await.expect("opened");
    let mut pages = [0; 3];
    while let Some(page) = scan.next_page().await.expect("read") {
        let host = table.session.state().route.host(page.result().host()).expect("known").host.address;
        let node =
            table.cluster.addresses().iter().position(|address| *address == host).expect("one of them");
        pages[node] += 1;
    }
    let all: usize = pages.iter().sum();
    assert!(pages.iter().all(|pages| *pages * 6 > all), "{pages:?}");
}

#[tokio::test]
async fn tables_with_tablets_are_read_before_and_after_their_tablets_are_known() {
    let keyspace = "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2} \
                    AND tablets = {'enabled': true, 'initial': 16}";
    let table = Table::of(EmbeddedCluster::builder().nodes(3).shards(2), keyspace, 400).await;
    table.has(&Read::all(table.scan().page_size(20)).await.expect("read"));
    // Requests teach where the tablets are.
    let select = table.session.prepare("SELECT value FROM ks.numbers WHERE id = ?").await.expect("prepared");
    for id in 0..400 {
        table.session.execute(&select, (id,)).await.expect("read");
    }
    let state = table.session.state();
    let number = state.route.table_id("ks", "numbers").expect("known");
    let tablets = state.route.tablets(number).expect("some are known");
    let read = Read::all(table.scan().page_size(20)).await.expect("read");
    table.has(&read);
    for tablet in tablets.iter().filter(|tablet| tablet.last.0 != i64::MAX) {
        assert!(
            read.whole.values().any(|range| range.last == Some(tablet.last.into())),
            "{tablet:?} ends a piece"
        );
    }
    // They may divide at any time.
    let mut scan = table.scan().page_size(3).concurrency(2).open().await.expect("opened");
    let mut read = Read::default();
    read.page(&mut scan).await.expect("read");
    table.cluster.split_tablets("ks", "numbers").expect("they are few");
    read.rest(&mut scan).await.expect("read");
    table.has(&read);
}

#[tokio::test]
async fn sharded_hosts_without_tablets_are_read_like_others() {
    let table = Table::of(EmbeddedCluster::builder().nodes(2).shards(3), &simple(1), 200).await;
    table.has(&Read::all(table.scan()).await.expect("read"));
}

#[tokio::test]
async fn rows_written_meanwhile_come_once_or_not_at_all_and_the_others_once() {
    let table = Table::new(3, 3, 400).await;
    let mut scan = table.scan().page_size(5).concurrency(3).open().await.expect("opened");
    let mut read = Read::default();
    let mut written = 1_000_000;
    while read.page(&mut scan).await.expect("read") {
        if written < 1_000_100 {
            let insert =
                format!("INSERT INTO ks.numbers (id, value) VALUES ({written}, {})", written - 1_000_000);
            table.run(&insert).await;
            written += 1;
        }
    }
    let ids = read.ids();
    assert_eq!(ids[..400], (0..400).collect::<Vec<_>>());
    assert!(ids.windows(2).all(|two| two[0] < two[1]), "none of them twice");
    assert!(ids[400..].iter().all(|id| (1_000_000..written).contains(id)));
}

#[tokio::test]
async fn columns_selectors_and_filters_are_what_is_read() {
    let table = Table::new(1, 1, 50).await;
    let mut scan = table
        .scan()
        .columns(["value"])
        .selector("writetime(value)")
        .filter("value >= 40")
        .filter("value < 45")
        .allow_filtering(true)
        .open()
        .await
        .expect("opened");
    let names: Vec<&str> = scan.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["value", "writetime(value)"]);
    let mut values = Vec::new();
    while let Some(page) = scan.next_page().await.expect("read") {
        for row in page.rows::<(i32, i64)>().expect("two numbers") {
            let (value, written) = row.expect("reads");
            assert!(written > 0);
            values.push(value);
        }
    }
    values.sort_unstable();
    assert_eq!(values, [40, 41, 42, 43, 44]);
}

#[tokio::test]
async fn names_are_taken_as_they_are_in_the_schema_and_keys_of_several_columns_in_their_order() {
    let table = Table::new(1, 1, 0).await;
    table
        .run("CREATE TABLE ks.\"Odd\" (v int, \"Key\" int, b int, c int, PRIMARY KEY ((\"Key\", b), c))")
        .await;
    for (key, b, c) in [(1, 2, 3), (1, 2, 4), (2, 1, 1)] {
        table.run(&format!("INSERT INTO ks.\"Odd\" (\"Key\", b, c) VALUES ({key}, {b}, {c})")).await;
    }
    let scan = table.session.scan("ks", "Odd").columns(["Key", "b", "c"]).open().await.expect("opened");
    let pages: Vec<_> = scan.try_collect().await.expect("read");
    let mut rows: Vec<(i32, i32, i32)> =
        pages.iter().flat_map(|page| page.rows().expect("ints").map(|row| row.expect("reads"))).collect();
    rows.sort_unstable();
    assert_eq!(rows, [(1, 2, 3), (1, 2, 4), (2, 1, 1)]);
    let all = table.session.scan("ks", "Odd").open().await.expect("opened");
    assert_eq!(all.columns().len(), 4);
}

#[tokio::test]
async fn an_empty_table_is_complete_without_a_row() {
    let table = Table::new(1, 1, 0).await;
    let read = Read::all(table.scan()).await.expect("read");
    assert!(read.rows.is_empty() && !read.whole.is_empty());
    let nothing = table.scan().ranges([]).open().await.expect("opened");
    let pages: Vec<_> = nothing.try_collect().await.expect("read");
    assert!(pages.is_empty());
}

#[tokio::test]
async fn ranges_divide_a_table_among_scans() {
    let table = Table::new(3, 1, 300).await;
    let zero = Partitioner::Murmur3.parse_token("0").expect("a token");
    let mut ids = Vec::new();
    for range in [ScanRange::new(None, zero.clone()), ScanRange::new(zero, None)] {
        let mut scan = table.scan().ranges([range.clone()]).open().await.expect("opened");
        while let Some(page) = scan.next_page().await.expect("read") {
            let inside = page.range().last.as_ref().is_none_or(|last| range.contains(last));
            assert!(inside, "{} of {range}", page.range());
            ids.extend(page.rows::<(i32, i32)>().expect("ints").map(|row| row.expect("reads").0));
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_cannot_be_scanned_is_told_before_anything_is_read() {
    let table = Table::new(1, 1, 0).await;
    let asked = table.cluster.watch(chorus_node::Requests::containing(SCAN));
    let session = &table.session;
    for (scan, kind, said) in [
        (session.scan("ks", "letters"), ErrorKind::Usage, "there is no table ks.letters"),
        (session.scan("nowhere", "t"), ErrorKind::Usage, "there is no table nowhere.t"),
        (table.scan().columns(["id", "name"]), ErrorKind::Usage, "has no column \"name\""),
        (table.scan().columns([""; 0]), ErrorKind::Usage, "no column is to be read"),
        (table.scan().filter("value = ?").allow_filtering(true), ErrorKind::Usage, "bind markers"),
        (session.scan("system", "local"), ErrorKind::Usage, "every host has rows of its own in system.local"),
        (table.scan().filter("value = 1"), ErrorKind::Db, "ALLOW FILTERING"),
        (table.scan().filter("id = 1"), ErrorKind::Db, ""),
    ] {
        let error = scan.open().await.expect_err(said);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let prepared = table.cluster.watch(chorus_node::Requests::opcode(chorus::protocol::Opcode::Execute));
    assert_eq!(
        (prepared.count(), asked.count() > 0),
        (0, true),
        "statements were prepared and none carried out"
    );
}

#[tokio::test]
async fn a_table_that_the_session_has_not_heard_of_is_looked_for() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let blind = Session::builder().contact_points(cluster.addresses()).fetch_schema(false);
    let blind = blind.connect().await.expect("the node is reachable");
    let other = Session::builder().contact_points(cluster.addresses()).connect().await.expect("reachable");
    other.query(KEYSPACE, ()).await.expect("made");
    other.query(NUMBERS, ()).await.expect("made");
    other.query("INSERT INTO ks.numbers (id, value) VALUES (1, 1)", ()).await.expect("written");
    let read = Read::all(blind.scan("ks", "numbers")).await.expect("read");
    assert_eq!(read.ids(), [1]);
}

#[tokio::test]
async fn where_tokens_of_hosts_are_not_read_a_table_is_cut_all_the_same() {
    let cluster = EmbeddedCluster::start(2).expect("the nodes start");
    let builder = Session::builder().contact_points(cluster.addresses()).fetch_tokens(false);
    let session = builder.connect().await.expect("reachable");
    session.query(KEYSPACE, ()).await.expect("made");
    session.query(NUMBERS, ()).await.expect("made");
    session.query("INSERT INTO ks.numbers (id, value) VALUES (1, 1)", ()).await.expect("written");
    let read = Read::all(session.scan("ks", "numbers").concurrency(4)).await.expect("read");
    assert_eq!((read.ids(), read.whole.len()), (vec![1], 33));
}

#[tokio::test]
async fn pages_that_nobody_takes_are_bounded() {
    let table = Table::new(1, 1, 2_000).await;
    let mut scan = table.scan().page_size(1).concurrency(4).open().await.expect("opened");
    let progress = scan.progress();
    let mut read = Read::default();
    let mut taken = 0;
    while read.page(&mut scan).await.expect("read") {
        taken += 1;
        assert!(progress.in_flight() <= 4);
        assert!(progress.pages() - taken <= 3 * 4, "{} pages wait", progress.pages() - taken);
    }
    assert_eq!(read.rows.len(), 2_000);
}

#[test]
fn a_program_without_a_runtime_scans_too() {
    use chorus::blocking::Session;
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let session = Session::connect(chorus::Session::builder().contact_points(cluster.addresses()));
    let session = session.expect("the node is reachable");
    session.query(KEYSPACE, ()).expect("made");
    session.query(NUMBERS, ()).expect("made");
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").expect("prepared");
    session.bulk_insert(&insert, (0..100).map(|id| (id, id))).expect("written");
    // Pauses need a clock, which such a program has not.
    let overloaded = chorus_node::Fault::Error(chorus::DbError::Overloaded, "busy".into());
    let scans = chorus_node::Requests::opcode(chorus::protocol::Opcode::Execute).with_statement(SCAN);
    cluster.faults().add(scans.times(2), overloaded);
    let scan = session.scan("ks", "numbers").page_size(9).open().expect("opened");
    let mut ids: Vec<i32> = Vec::new();
    for page in scan {
        ids.extend(page.expect("read").rows::<(i32, i32)>().expect("ints").map(|row| row.expect("reads").0));
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    assert_eq!(session.scan("ks", "numbers").count().expect("counted").total(), Some(100));
    let top = session.scan("ks", "numbers").top_partitions(3).expect("read");
    assert_eq!((top.largest.len(), top.partitions, top.rows), (3, 100, 100));
}
