//! Rows through the protocol: metadata, pages, batches, traces.

use chorus_node::EmbeddedCluster;
use chorus_protocol::request::{
    Batch, BatchEntry, BatchKind, BatchStatement, Execute, Query, QueryParameters, Request, Values,
};
use chorus_protocol::{
    Bytes, Consistency, PreparedBody, ProtocolVersion, Response, ResultBody, RowsBody, flags,
};

use crate::client::{Client, error};

fn with_table() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let mut client = Client::v4(cluster.address(0));
    client
        .query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    client.query("CREATE TABLE ks.t (k int, c int, v text, PRIMARY KEY (k, c))");
    for c in 0..10 {
        let cql = format!("INSERT INTO ks.t (k, c, v) VALUES (1, {c}, 'v{c}')");
        assert_eq!(client.query(&cql), Response::Result(ResultBody::Void));
    }
    cluster
}

fn rows(response: Response) -> RowsBody {
    match response {
        Response::Result(ResultBody::Rows(rows)) => rows,
        other => panic!("expected rows, got {other:?}"),
    }
}

fn execute(
    client: &mut Client,
    prepared: &PreparedBody,
    known: Option<&[u8]>,
    skip_metadata: bool,
) -> RowsBody {
    let parameters = QueryParameters { skip_metadata, ..QueryParameters::default() };
    let id = &prepared.id;
    rows(client.ask(&Request::Execute(Execute {
        id,
        result_metadata_id: known,
        parameters,
        tablet_version_block: 0,
    })))
}

#[test]
fn metadata_is_skipped_when_asked_and_the_columns_are_known() {
    let cluster = with_table();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let prepared = client.prepare("SELECT v FROM ks.t WHERE k = 1");
        let id = prepared.result_metadata_id.clone();
        let full = execute(&mut client, &prepared, id.as_deref(), false);
        assert_eq!(full.metadata.columns.as_ref().unwrap()[0].name.as_ref(), "v");
        assert_eq!(full.metadata.new_metadata_id, None);
        let skipped = execute(&mut client, &prepared, id.as_deref(), true);
        assert_eq!(skipped.metadata.columns, None);
        assert_eq!((skipped.metadata.column_count, skipped.content), (1, full.content));
    }
}

#[test]
fn a_client_that_knows_other_columns_is_told_the_new_ones() {
    let cluster = with_table();
    let mut client = Client::connect(cluster.address(0), ProtocolVersion::V5, None);
    let before = client.prepare("SELECT * FROM ks.t WHERE k = 1");
    let mut other = Client::connect(cluster.address(0), ProtocolVersion::V5, None);
    other.query("ALTER TABLE ks.t ADD w int");
    // Until somebody prepares it again, the statement is unknown.
    let stale = Request::Execute(Execute {
        id: &before.id,
        result_metadata_id: before.result_metadata_id.as_deref(),
        parameters: QueryParameters::default(),
        tablet_version_block: 0,
    });
    assert_eq!(error(client.ask(&stale)).0, 0x2500);
    let after = other.prepare("SELECT * FROM ks.t WHERE k = 1");
    assert_eq!(after.id, before.id);
    assert_ne!(after.result_metadata_id, before.result_metadata_id);
    let told = execute(&mut client, &before, before.result_metadata_id.as_deref(), true);
    assert_eq!(told.metadata.new_metadata_id, after.result_metadata_id);
    assert_eq!(told.metadata.columns.unwrap().len(), 4);
    let known = execute(&mut client, &before, after.result_metadata_id.as_deref(), true);
    assert_eq!((known.metadata.new_metadata_id, known.metadata.columns), (None, None));
}

#[test]
fn what_a_conditional_write_answers_is_always_described() {
    let cluster = with_table();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let prepared = client.prepare("INSERT INTO ks.t (k, c) VALUES (1, 1) IF NOT EXISTS");
        let answer = execute(&mut client, &prepared, prepared.result_metadata_id.as_deref(), true);
        let columns = answer.metadata.columns.unwrap();
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["[applied]", "k", "c", "v"]);
    }
}

#[test]
fn pages_follow_each_other_to_the_last_row() {
    let cluster = with_table();
    for version in ProtocolVersion::ALL {
        let mut client = Client::connect(cluster.address(0), version, None);
        let mut state: Option<Bytes> = None;
        let mut pages = Vec::new();
        loop {
            let parameters = QueryParameters {
                page_size: Some(4),
                paging_state: state.as_deref(),
                ..QueryParameters::default()
            };
            let cql = "SELECT c FROM ks.t WHERE k = 1";
            let page = rows(client.ask(&Request::Query(Query { cql, parameters })));
            pages.push(page.row_count);
            state = page.metadata.paging_state;
            if state.is_none() {
                break;
            }
        }
        assert_eq!(pages, [4, 4, 2]);
    }
}

#[test]
fn values_are_bound_by_position_and_by_name() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    let named = b"\0\x01c\0\0\0\x04\0\0\0\x03\0\x01k\0\0\0\x04\0\0\0\x01";
    let mut ask = |cql: &str, values: Values<'_>| {
        let parameters = QueryParameters { values, ..QueryParameters::default() };
        client.ask(&Request::Query(Query { cql, parameters }))
    };
    let found =
        rows(ask("SELECT v FROM ks.t WHERE k = :k AND c = :c", Values::Named { count: 2, bytes: named }));
    assert_eq!(found.content, &b"\0\0\0\x02v3"[..]);
    let positional = b"\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x03";
    let values = Values::Positional { count: 2, bytes: positional };
    assert_eq!(rows(ask("SELECT v FROM ks.t WHERE k = ? AND c = ?", values)).content, found.content);
    let missing = Values::Named { count: 1, bytes: &named[..11] };
    assert_eq!(error(ask("SELECT v FROM ks.t WHERE k = :k AND c = :c", missing)).0, 0x2200);
}

#[test]
fn a_batch_counts_a_counter_as_often_as_it_says() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    client.query("CREATE TABLE ks.hits (page text PRIMARY KEY, n counter)");
    let count = |cql| BatchEntry { statement: BatchStatement::Query(cql), values: Values::None };
    let batch = Batch {
        kind: BatchKind::Counter,
        entries: vec![
            count("UPDATE ks.hits SET n = n + 5 WHERE page = 'a'"),
            count("UPDATE ks.hits SET n = n - 2 WHERE page = 'a'"),
        ],
        consistency: Consistency::One,
        serial_consistency: None,
        timestamp: None,
        keyspace: None,
        now_in_seconds: None,
    };
    assert_eq!(client.ask(&Request::Batch(batch)), Response::Result(ResultBody::Void));
    let counted = rows(client.query("SELECT n FROM ks.hits WHERE page = 'a'"));
    assert_eq!(counted.content, &b"\0\0\0\x08\0\0\0\0\0\0\0\x03"[..]);
}

#[test]
fn a_trace_is_found_where_the_answer_says() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    let cql = b"SELECT v FROM ks.t WHERE k = 1";
    let body = [&(cql.len() as u32).to_be_bytes()[..], cql, &[0, 1, 0]].concat();
    client.send_raw(0x07, 1, flags::TRACING, &body);
    let (session, _) = client.receive_traced();
    let cql = format!("SELECT request, parameters FROM system_traces.sessions WHERE session_id = {session}");
    let found = rows(client.query(&cql));
    assert_eq!(found.row_count, 1);
    assert!(found.content.windows(18).any(|bytes| bytes == b"Execute CQL3 query"));
    let cql = format!("SELECT activity FROM system_traces.events WHERE session_id = {session}");
    assert_eq!(rows(client.query(&cql)).row_count, 1);
}

#[test]
fn each_node_tells_of_itself_and_of_the_others() {
    let cluster = EmbeddedCluster::builder().datacenter("east", 2).datacenter("west", 1).start().unwrap();
    let mut seen = Vec::new();
    for node in 0..3 {
        let mut client = Client::v4(cluster.address(node));
        let own = rows(
            client
                .query("SELECT host_id, data_center, rpc_port, tokens FROM system.local WHERE key = 'local'"),
        );
        let own: Vec<(uuid::Uuid, String, i32, Vec<String>)> = read(&own);
        assert_eq!(own[0].1, if node < 2 { "east" } else { "west" });
        assert_eq!(own[0].2, i32::from(cluster.address(node).port()));
        assert_eq!(own[0].3.len(), 16);
        let peers = rows(client.query("SELECT host_id, native_address, native_port FROM system.peers_v2"));
        let peers: Vec<(uuid::Uuid, std::net::IpAddr, i32)> = read(&peers);
        let mut addresses: Vec<std::net::SocketAddr> =
            peers.iter().map(|peer| (peer.1, peer.2 as u16).into()).collect();
        addresses.sort();
        let mut expected = cluster.addresses();
        expected.remove(node);
        expected.sort();
        assert_eq!(addresses, expected);
        let mut everybody: Vec<uuid::Uuid> = peers.iter().map(|peer| peer.0).chain([own[0].0]).collect();
        everybody.sort();
        seen.push(everybody);
        assert_eq!(rows(client.query("SELECT peer FROM system.peers")).row_count, 2);
    }
    assert!(seen.iter().all(|everybody| *everybody == seen[0]));
}

fn read<T: for<'f> chorus_protocol::FromRow<'f>>(body: &RowsBody) -> Vec<T> {
    body.rows::<T>().unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_schema_is_read_as_tables() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    client.query("CREATE TYPE ks.u (a int, b frozen<list<text>>)");
    client.query("CREATE INDEX by_v ON ks.t (v)");
    let columns = rows(client.query(
        "SELECT column_name, kind, position, type, clustering_order FROM system_schema.columns \
         WHERE keyspace_name = 'ks' AND table_name = 't'",
    ));
    let column = |name: &str, kind: &str, position, typ: &str, order: &str| {
        (name.to_owned(), kind.to_owned(), position, typ.to_owned(), order.to_owned())
    };
    let columns: Vec<(String, String, i32, String, String)> = read(&columns);
    assert_eq!(
        columns,
        [
            column("c", "clustering", 0, "int", "asc"),
            column("k", "partition_key", 0, "int", "none"),
            column("v", "regular", -1, "text", "none"),
        ]
    );
    let types = rows(
        client.query("SELECT field_names, field_types FROM system_schema.types WHERE keyspace_name = 'ks'"),
    );
    let types: Vec<(Vec<String>, Vec<String>)> = read(&types);
    assert_eq!(types[0].0, ["a", "b"]);
    assert_eq!(types[0].1, ["int", "frozen<list<text>>"]);
    let count = |client: &mut Client, cql: &str| read::<(i64,)>(&rows(client.query(cql)))[0].0;
    assert_eq!(count(&mut client, "SELECT count(*) FROM system_schema.indexes"), 1);
    assert_eq!(count(&mut client, "SELECT count(*) FROM system_schema.views"), 0);
    assert_eq!(count(&mut client, "SELECT count(*) FROM system_virtual_schema.keyspaces"), 2);
    let of_itself =
        count(&mut client, "SELECT count(*) FROM system_schema.tables WHERE keyspace_name = 'system_schema'");
    assert_eq!(of_itself, 11);
}

#[test]
fn system_tables_refuse_writes() {
    let cluster = with_table();
    let mut client = Client::v4(cluster.address(0));
    for cql in [
        "INSERT INTO system.local (key) VALUES ('x')",
        "TRUNCATE system.local",
        "DROP TABLE system.local",
        "DROP KEYSPACE system",
        "CREATE TABLE system.x (a int PRIMARY KEY)",
    ] {
        assert_eq!(error(client.query(cql)).0, 0x2100, "{cql}");
    }
}

/// A value of the wire: a length, which need not be true, and bytes.
fn cell(length: i32, bytes: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], bytes].concat()
}

#[test]
fn f107_hostile_bound_values_are_invalid_and_nothing_is_stored() {
    let cluster = with_table();
    let whole = |bytes: &[u8]| cell(bytes.len() as i32, bytes);
    let types: [(&str, &[&[u8]]); 14] = [
        ("int", &[b"", b"\0", b"\0\0\0\0\0"]),
        ("bigint", &[b"\0\0\0\0", b"\0\0\0\0\0\0\0\0\0"]),
        ("boolean", &[b"\0\0"]),
        ("uuid", &[b"\0", b"0123456789abcdef0"]),
        ("timeuuid", &[b"0123456789abcdef"]),
        ("text", &[b"\xff", b"\xc3", b"\xed\xa0\x80"]),
        ("ascii", &[b"\x80"]),
        ("inet", &[b"\x7f\0\0", b"\x7f\0\0\0\0"]),
        ("time", &[b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\0"]),
        ("duration", &[b"\x02", b"\x02\x01\x02"]),
        ("decimal", &[b"\0\0"]),
        // Counts and lengths that promise more than there is, or less than nothing.
        ("list<int>", &[b"\x7f\xff\xff\xff", b"\0\0\0\x01\x7f\xff\xff\xff\0\0\0\x01", b"\0\0"]),
        ("map<int, int>", &[b"\0\0\0\x01\0\0\0\x04\0\0\0\x01", b"\x7f\xff\xff\xff\0\0\0\x04"]),
        ("vector<float, 2>", &[b"\0\0\0\0", b"\0\0\0\0\0\0\0\0\0"]),
    ];
    for (index, (name, values)) in types.iter().enumerate() {
        let mut client = Client::v4(cluster.address(0));
        let table = format!("ks.hostile{index}");
        client.query(&format!("CREATE TABLE {table} (k int PRIMARY KEY, v {name})"));
        let prepared = client.prepare(&format!("INSERT INTO {table} (k, v) VALUES (?, ?)"));
        let mut insert = |bytes: &[u8]| {
            let values = Values::Positional { count: 2, bytes };
            let parameters = QueryParameters { values, ..QueryParameters::default() };
            let id = &prepared.id;
            client.ask(&Request::Execute(Execute {
                id,
                result_metadata_id: None,
                parameters,
                tablet_version_block: 0,
            }))
        };
        let key = whole(&7i32.to_be_bytes());
        for value in *values {
            if value.is_empty() {
                // An empty int is legacy, and no int.
                continue;
            }
            let answer = insert(&[&key[..], &whole(value)].concat());
            assert!(matches!(answer, Response::Error(_)), "{name} {value:?}: {answer:?}");
            assert_eq!(error(answer).0, 0x2200, "{name} {value:?}");
        }
        // Lengths that the message has not got are no values at all.
        for beyond in [cell(i32::MAX, b"x"), cell(5, b"x")] {
            let (code, message) = error(insert(&[&key[..], &beyond].concat()));
            assert!([0x000A, 0x2200].contains(&code), "{name}: {code:#x} {message}");
        }
        let stored = rows(client.query(&format!("SELECT k FROM {table}")));
        assert_eq!(stored.row_count, 0, "{name}");
    }
}
