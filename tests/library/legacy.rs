//! Servers from before Cassandra 3.0, which tell their schema in other tables.

use chorus::schema::{ColumnKind, IndexKind, Table};
use chorus::{DbError, ProtocolVersion, SchemaScope, Session};
use chorus_node::{EmbeddedCluster, Release, StartError};

const KEYSPACE: &str = "CREATE KEYSPACE old WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2} AND durable_writes = false";
const TYPE: &str = "CREATE TYPE old.wind (speed float, gusts frozen<list<int>>)";
const TABLE: &str = "CREATE TABLE old.\"Readings\" (station text, day timestamp, at timeuuid, altitude int static, \
                     tags map<text, int>, seen frozen<set<inet>>, wind frozen<wind>, note text, \
                     PRIMARY KEY ((station, day), at)) WITH CLUSTERING ORDER BY (at DESC) AND comment = 'it''s' \
                     AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': '160'}";

/// Keep the cluster for as long as the session is used.
async fn stage(release: Release) -> (EmbeddedCluster, Session) {
    let cluster = EmbeddedCluster::builder().nodes(2).release(release).start().expect("the nodes start");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        // Old servers tell no ports.
        .port(cluster.address(0).port())
        .wait_for_all_hosts(true)
        .connect()
        .await
        .expect("the nodes are reachable");
    for cql in [
        KEYSPACE,
        TYPE,
        TABLE,
        "CREATE INDEX by_note ON old.\"Readings\" (note)",
        "CREATE INDEX by_tag ON old.\"Readings\" (KEYS(tags))",
        "CREATE TABLE old.counts (k int, c int, n counter, PRIMARY KEY (k, c))",
    ] {
        session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }
    (cluster, session)
}

/// What of a table both kinds of server tell.
fn essence(table: &Table) -> impl PartialEq + std::fmt::Debug {
    let columns: Vec<_> = (table.columns.iter())
        .map(|column| {
            (
                column.name.clone(),
                column.kind,
                column.typ.clone(),
                column.declared_type.clone(),
                column.descending,
            )
        })
        .collect();
    let indexes: Vec<_> = table
        .indexes
        .values()
        .map(|index| (index.name.clone(), index.kind.clone(), index.target.clone()))
        .collect();
    let options = &table.options;
    let compaction = options.compaction().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    (
        columns,
        indexes,
        options.comment().to_owned(),
        options.gc_grace(),
        compaction.collect::<Vec<_>>(),
        table.compact_storage,
    )
}

#[tokio::test]
async fn the_schema_of_a_server_before_version_three_is_what_a_newer_one_tells() {
    let (_old_cluster, old) = stage(Release::Cassandra22).await;
    let (_new_cluster, new) = stage(Release::Cassandra50).await;
    assert_eq!(old.protocol_version(), ProtocolVersion::V4);
    let host = &old.state().hosts[0];
    let version = host.server_version().expect("it is told");
    assert_eq!((version.major(), version.minor(), version.pre_release()), (2, 2, Some("embedded")));
    assert_eq!(old.state().hosts.len(), 2);

    let (then, now) = (&old.state().keyspaces["old"], &new.state().keyspaces["old"]);
    assert_eq!((&then.replication, then.durable_writes), (&now.replication, now.durable_writes));
    assert_eq!(then.user_types["wind"].typ, now.user_types["wind"].typ);
    assert_eq!(then.user_types["wind"].declared_types, now.user_types["wind"].declared_types);
    assert_eq!(then.tables.len(), 2);
    for (name, table) in &then.tables {
        assert_eq!(essence(table), essence(&now.tables[name]), "{name}");
        assert_eq!(table.problems, []);
    }
    let readings = &then.tables["Readings"];
    assert_eq!(readings.column("altitude").expect("there").kind, ColumnKind::Static);
    assert_eq!(readings.indexes["by_tag"].kind, IndexKind::Composites);
    assert!(readings.id.is_some() && then.all_problems().next().is_none());
    assert!(
        old.state().keyspaces.contains_key("system") && !old.state().keyspaces.contains_key("system_schema")
    );
}

#[tokio::test]
async fn parts_of_an_old_schema_are_read_again_when_they_change() {
    let (_cluster, session) = stage(Release::Cassandra22).await;
    session.query("ALTER TABLE old.\"Readings\" ADD more list<int>", ()).await.expect("changed");
    session.query("ALTER TYPE old.wind ADD direction int", ()).await.expect("changed");
    session.query("DROP TABLE old.counts", ()).await.expect("changed");
    let state = session.state();
    let keyspace = &state.keyspaces["old"];
    assert_eq!(&*keyspace.tables["Readings"].column("more").expect("added").declared_type, "list<int>");
    assert_eq!(keyspace.user_types["wind"].typ.fields.len(), 3);
    assert!(!keyspace.tables.contains_key("counts"));
    session.refresh_schema_of(SchemaScope::keyspace("old")).await.expect("read");
    session.refresh_schema_of(SchemaScope::table("old", "Readings")).await.expect("read");
    assert_eq!(session.state().keyspaces["old"], *keyspace);
}

#[tokio::test]
async fn an_old_server_is_written_to_and_read_from_like_any() {
    let (cluster, session) = stage(Release::Cassandra22).await;
    let insert = session
        .prepare("INSERT INTO old.\"Readings\" (station, day, at, note) VALUES (?, '2020-01-01', now(), ?)")
        .await
        .expect("prepared");
    let rows = (0..500).map(|row| (format!("s{row}"), "dry"));
    session.execute_concurrent_with_args(&insert, rows).run().await.expect("written");
    let read = session.query("SELECT count(*) FROM old.\"Readings\"", ()).await.expect("read");
    assert_eq!(read.single_row::<(i64,)>().expect("one row"), (500,));
    // The key is told by the schema: with version 3 of the protocol no answer names it.
    let counts = cluster.routing_report().total();
    assert_eq!(counts.elsewhere, 0, "{counts:?}");
    let error = session.query("SELECT * FROM system_schema.tables", ()).await.expect_err("not there");
    assert!(matches!(error.db().map(|db| &db.error), Some(DbError::Invalid)), "{error}");
}

#[test]
fn nodes_with_shards_pose_as_no_release_of_cassandra() {
    let builder = EmbeddedCluster::builder().shards(2).release(Release::Cassandra22);
    assert!(matches!(builder.start(), Err(StartError::ReleaseWithShards)));
}
