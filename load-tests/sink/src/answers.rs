//! The bodies of answers that are made when they are asked for: everything but writes and reads of rows.

use crate::catalog::{Catalog, Row, type_of};
use crate::encode::{Type, cell, int, short, string};
use crate::host::Host;
use crate::rows;
use crate::tables::{KEYSPACE, Kind, Statement, TABLES, Table};

pub(crate) const ROWS: i32 = 2;
const SET_KEYSPACE: i32 = 3;
const PREPARED: i32 = 4;
pub(crate) const GLOBAL_TABLE: i32 = 1;
pub(crate) const NO_METADATA: i32 = 4;

/// The first byte of a prepared id says what to do with it; the second is the number of its table.
pub(crate) mod prepared {
    pub(crate) const WRITE: u8 = b'w';
    pub(crate) const NEVER: u8 = b'n';
    pub(crate) const READ_ONE: u8 = b'r';
    pub(crate) const READ_PAGE: u8 = b'p';
}

/// `[column]...` of one table, with the table in front.
pub(crate) fn column_specs(table: &Table, columns: &[(&str, Type)], out: &mut Vec<u8>) {
    string(KEYSPACE, out);
    string(table.name, out);
    for (name, typ) in columns {
        string(name, out);
        typ.put(out);
    }
}

/// SUPPORTED: no extension but shards, so that everybody is measured without.
pub(crate) fn supported(host: &Host, shard: u16) -> Vec<u8> {
    let settings = &host.settings;
    let compression: &[&str] = if settings.lz4 { &["lz4"] } else { &[] };
    let mut options: Vec<(&str, Vec<String>)> = vec![
        ("CQL_VERSION", vec!["3.4.6".to_owned()]),
        ("COMPRESSION", compression.iter().map(ToString::to_string).collect()),
    ];
    if settings.shards > 0 {
        let port =
            if settings.tls.is_some() { "SCYLLA_SHARD_AWARE_PORT_SSL" } else { "SCYLLA_SHARD_AWARE_PORT" };
        options.extend([
            ("SCYLLA_SHARD", vec![shard.to_string()]),
            ("SCYLLA_NR_SHARDS", vec![settings.shards.to_string()]),
            ("SCYLLA_PARTITIONER", vec!["org.apache.cassandra.dht.Murmur3Partitioner".to_owned()]),
            ("SCYLLA_SHARDING_ALGORITHM", vec!["biased-token-round-robin".to_owned()]),
            ("SCYLLA_SHARDING_IGNORE_MSB", vec!["12".to_owned()]),
            (port, vec![settings.shard_aware_port.to_string()]),
        ]);
    }
    let mut out = Vec::new();
    short(options.len() as u16, &mut out);
    for (name, values) in options {
        string(name, &mut out);
        short(values.len() as u16, &mut out);
        values.iter().for_each(|value| string(value, &mut out));
    }
    out
}

/// Whether a STARTUP asks for LZ4.
pub(crate) fn wants_lz4(startup: &[u8]) -> bool {
    // The only value of this kind that any client sends.
    startup.windows(3).any(|value| value.eq_ignore_ascii_case(b"lz4"))
}

pub(crate) fn error(code: i32, message: &str) -> Vec<u8> {
    let mut out = Vec::new();
    int(code, &mut out);
    string(message, &mut out);
    out
}

const INVALID: i32 = 0x2200;

/// The answer to PREPARE, or why there is none.
pub(crate) fn prepare(query: &str, version: u8) -> Result<Vec<u8>, Vec<u8>> {
    let Some(Statement { table: number, kind, bound }) = Statement::parse(query) else {
        return Err(error(INVALID, "the sink prepares statements on its own tables only"));
    };
    let table = &TABLES[number];
    let id = match kind {
        Kind::Write if !table.answers => prepared::NEVER,
        Kind::Write => prepared::WRITE,
        Kind::ReadOne => prepared::READ_ONE,
        Kind::ReadPage => prepared::READ_PAGE,
    };
    let mut out = Vec::new();
    int(PREPARED, &mut out);
    short(2, &mut out);
    out.extend([id, number as u8]);
    int(GLOBAL_TABLE, &mut out);
    int(bound.len() as i32, &mut out);
    if version >= 4 {
        let key = bound.iter().position(|(name, _)| *name == "id");
        int(i32::from(key.is_some()), &mut out);
        key.iter().for_each(|place| short(*place as u16, &mut out));
    }
    column_specs(table, &bound, &mut out);
    if kind == Kind::Write {
        int(NO_METADATA, &mut out);
        int(0, &mut out);
    } else {
        int(GLOBAL_TABLE, &mut out);
        int(table.columns.len() as i32, &mut out);
        column_specs(table, table.columns, &mut out);
    }
    Ok(out)
}

/// The answer to an unprepared query, or why there is none.
pub(crate) fn query(query: &str, catalog: &Catalog) -> Result<Vec<u8>, Vec<u8>> {
    let lower = query.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words.first() {
        Some(&"use") => {
            let mut out = Vec::new();
            int(SET_KEYSPACE, &mut out);
            string(KEYSPACE, &mut out);
            Ok(out)
        }
        Some(&"select") => {
            let table = words.iter().skip_while(|word| **word != "from").nth(1).copied().unwrap_or_default();
            let table = table.trim_end_matches(';');
            match Statement::parse(&lower) {
                Some(Statement { table: 0, kind: Kind::ReadOne, .. }) => {
                    return Ok(rows::ONE.body(false).plain.clone());
                }
                Some(Statement { table: 0, .. }) => return Ok(rows::PAGE.body(false).plain.clone()),
                _ => {}
            }
            let Some((all, rows)) = catalog.table(table) else {
                return Err(error(INVALID, &format!("unconfigured table {table}")));
            };
            let listed =
                lower.trim_start().strip_prefix("select").and_then(|rest| rest.split(" from ").next());
            let listed: Vec<&str> = listed.unwrap_or_default().split(',').map(str::trim).collect();
            let columns = if listed == ["*"] { all.to_vec() } else { listed };
            Ok(rows_of(table, &columns, &rows))
        }
        // Whatever creates, writes or deletes has already happened as far as the sink is concerned.
        _ => Ok(VOID.to_vec()),
    }
}

pub(crate) const VOID: [u8; 4] = [0, 0, 0, 1];

fn rows_of(table: &str, columns: &[&str], rows: &[Row]) -> Vec<u8> {
    let (keyspace, table) = table.split_once('.').unwrap_or(("system", table));
    let mut out = Vec::new();
    int(ROWS, &mut out);
    int(GLOBAL_TABLE, &mut out);
    int(columns.len() as i32, &mut out);
    string(keyspace, &mut out);
    string(table, &mut out);
    // `what AS name`: the name is only for the reader.
    let selected: Vec<(&str, &str)> =
        columns.iter().map(|column| column.split_once(" as ").unwrap_or((column, column))).collect();
    for (column, name) in &selected {
        string(name, &mut out);
        type_of(column).put(&mut out);
    }
    int(rows.len() as i32, &mut out);
    for row in rows {
        for (column, _) in &selected {
            let value = row.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_slice());
            cell(value, &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::host::test_host;

    #[test]
    fn a_write_is_prepared_with_the_place_of_its_key_and_no_result() {
        let body = prepare("INSERT INTO bench.kv (payload, id) VALUES (?, ?)", 4).expect("it is ours");
        assert_eq!(body[..8], [0, 0, 0, 4, 0, 2, b'w', 0]);
        assert_eq!(body[8..22], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1]);
        assert_eq!(body[body.len() - 8..], [0, 0, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn a_projection_names_its_columns_and_unknown_tables_are_refused() {
        let catalog = Catalog::new(&[Ipv4Addr::LOCALHOST], 0, 9042);
        let body = query("SELECT rack FROM system.local WHERE key='local'", &catalog).expect("it is known");
        let mut expected = vec![0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1];
        string("system", &mut expected);
        string("local", &mut expected);
        string("rack", &mut expected);
        expected.extend([0, 0x0D, 0, 0, 0, 1, 0, 0, 0, 5]);
        expected.extend(b"rack1");
        assert_eq!(body, expected);
        assert!(query("SELECT * FROM system.nothing", &catalog).is_err());
    }

    #[test]
    fn only_a_host_with_shards_speaks_of_them() {
        let says = |host: &Host| String::from_utf8_lossy(&supported(host, 1)).into_owned();
        assert!(!says(&test_host(0, false)).contains("SHARD"));
        let sharded = says(&test_host(2, true));
        assert!(sharded.contains("SCYLLA_SHARD_AWARE_PORT\0\u{1}\0\u{5}19042"), "{sharded:?}");
        assert!(sharded.contains("COMPRESSION\0\u{1}\0\u{3}lz4"), "{sharded:?}");
    }
}
