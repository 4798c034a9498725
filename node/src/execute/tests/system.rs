use std::sync::Arc;

use super::*;
use crate::catalog::{Catalog, KeyspaceKind};

struct Peers;

impl SystemTables for Peers {
    fn keyspaces(&self) -> Vec<SystemKeyspace> {
        vec![SystemKeyspace {
            name: "system".to_owned(),
            is_virtual: false,
            definitions: vec![
                "CREATE TABLE local (key text PRIMARY KEY, tokens set<text>, node int)".to_owned(),
                "CREATE TABLE tables (b text, a text, n int, PRIMARY KEY (a, b))".to_owned(),
            ],
        }]
    }

    fn rows(&self, coordinator: usize, _: &str, table: &str, catalog: &Catalog) -> Vec<Vec<Option<Bytes>>> {
        let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
        if table == "local" {
            let tokens = [&[0, 0, 0, 2, 0, 0, 0, 1][..], b"9", &[0, 0, 0, 1], b"1"].concat();
            return vec![vec![
                text("local"),
                Some(tokens.into()),
                Some(Bytes::copy_from_slice(&int(coordinator as i32))),
            ]];
        }
        let tables = catalog.keyspaces().flat_map(|keyspace| keyspace.tables());
        tables.map(|table| vec![text(&table.name), text(&table.keyspace)]).collect()
    }
}

fn fixture() -> Fixture {
    let database =
        Database::with_system_tables(DatabaseOptions::default(), Arc::new(Peers)).expect("valid definitions");
    let fixture = Fixture { database };
    fixture.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}");
    fixture
}

#[test]
fn system_tables_answer_select_like_any_other() {
    let fixture = fixture();
    assert_eq!(fixture.lines("SELECT key, node FROM system.local WHERE key = 'local'"), ["\"local\" 0"]);
    let tokens = rows_of(&fixture.run("SELECT tokens FROM system.local")).rows();
    assert_eq!(tokens[0][0].as_ref().map(Bytes::len), Some(4 + 2 * 5));
    fixture.run("CREATE TABLE mine (k int PRIMARY KEY)");
    assert_eq!(fixture.lines("SELECT a, b, n FROM system.tables WHERE a = 'ks'"), ["\"ks\" \"mine\" null"]);
    assert_eq!(fixture.lines("SELECT b FROM system.tables WHERE a = 'system'"), ["\"local\"", "\"tables\""]);
    assert_eq!(fixture.lines("SELECT b FROM system.tables WHERE a = 'system' AND b > 'm'"), ["\"tables\""]);
    assert_eq!(fixture.lines("SELECT count(*) FROM system.tables"), ["3"]);
    let context = ExecContext { coordinator: 2, ..ExecContext::new(None) };
    let outcome = fixture.database.query("SELECT node FROM system.local", &context, &[]).expect("valid");
    assert_eq!(shown(&outcome), [["2"]]);
}

#[test]
fn nobody_writes_to_system_tables() {
    let fixture = fixture();
    for cql in [
        "INSERT INTO system.local (key) VALUES ('x')",
        "UPDATE system.local SET node = 1 WHERE key = 'local'",
        "DELETE FROM system.local WHERE key = 'local'",
        "TRUNCATE system.local",
        "DROP TABLE system.local",
        "ALTER TABLE system.local ADD x int",
        "CREATE TABLE system.mine (k int PRIMARY KEY)",
        "DROP KEYSPACE system",
        "ALTER KEYSPACE system WITH durable_writes = false",
    ] {
        assert_eq!(fixture.attempt(cql).expect_err(cql).kind, CqlErrorKind::Unauthorized, "{cql}");
    }
    let catalog = fixture.database.catalog();
    assert_eq!(catalog.keyspace("system").map(|keyspace| keyspace.kind), Some(KeyspaceKind::System));
}
