//! The body of every answer.

use crate::catalog::{Catalog, Row, type_of};
use crate::encode::{Type, cell, int, short, string};

/// What a prepared statement will be answered with. Its number is its id on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Prepared {
    Write = b'w',
    ReadOne = b'r',
    ReadPage = b'p',
}

/// Rows of a page that asks for many.
const PAGE_ROWS: i32 = 5000;
const PAYLOAD: [u8; 100] = [0x70; 100];

const ROWS: i32 = 2;
const SET_KEYSPACE: i32 = 3;
const PREPARED: i32 = 4;
const GLOBAL_TABLE: i32 = 1;
const NO_METADATA: i32 = 4;

/// The answers that never change, made once.
pub(crate) struct Canned {
    one: Vec<u8>,
    page: Vec<u8>,
    one_bare: Vec<u8>,
    page_bare: Vec<u8>,
}

impl Canned {
    pub(crate) fn new() -> Canned {
        Canned {
            one: rows_of_kv(1, true),
            page: rows_of_kv(PAGE_ROWS, true),
            one_bare: rows_of_kv(1, false),
            page_bare: rows_of_kv(PAGE_ROWS, false),
        }
    }

    /// The rows of a prepared read, with or without the metadata that the client may have kept from PREPARE.
    pub(crate) fn rows(&self, statement: Prepared, skip_metadata: bool) -> &[u8] {
        match (statement, skip_metadata) {
            (Prepared::ReadPage, false) => &self.page,
            (Prepared::ReadPage, true) => &self.page_bare,
            (_, false) => &self.one,
            (_, true) => &self.one_bare,
        }
    }
}

fn rows_of_kv(rows: i32, metadata: bool) -> Vec<u8> {
    let mut out = Vec::new();
    int(ROWS, &mut out);
    if metadata {
        kv_columns(&mut out);
    } else {
        int(NO_METADATA, &mut out);
        int(2, &mut out);
    }
    int(rows, &mut out);
    for row in 0..rows {
        cell(Some(&i64::from(row).to_be_bytes()), &mut out);
        cell(Some(&PAYLOAD), &mut out);
    }
    out
}

fn kv_columns(out: &mut Vec<u8>) {
    int(GLOBAL_TABLE, out);
    int(2, out);
    kv_column_specs(out);
}

fn kv_column_specs(out: &mut Vec<u8>) {
    string("bench", out);
    string("kv", out);
    string("id", out);
    Type::Bigint.put(out);
    string("payload", out);
    Type::Blob.put(out);
}

/// SUPPORTED: no compression and no extensions, so that everybody is measured without them.
pub(crate) fn supported() -> Vec<u8> {
    let mut out = Vec::new();
    short(2, &mut out);
    string("CQL_VERSION", &mut out);
    short(1, &mut out);
    string("3.4.6", &mut out);
    string("COMPRESSION", &mut out);
    short(0, &mut out);
    out
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
    let lower = query.to_ascii_lowercase();
    let statement = if !lower.contains("kv") {
        return Err(error(INVALID, "the sink prepares statements on bench.kv only"));
    } else if !lower.trim_start().starts_with("select") {
        Prepared::Write
    } else if lower.contains("where") {
        Prepared::ReadOne
    } else {
        Prepared::ReadPage
    };
    let mut out = Vec::new();
    int(PREPARED, &mut out);
    short(1, &mut out);
    out.push(statement as u8);
    let markers = query.matches('?').count();
    int(GLOBAL_TABLE, &mut out);
    int(markers.min(2) as i32, &mut out);
    if version >= 4 {
        // The partition key is bound first, in every statement we know.
        int(markers.min(1) as i32, &mut out);
        (0..markers.min(1)).for_each(|_| short(0, &mut out));
    }
    string("bench", &mut out);
    string("kv", &mut out);
    for (name, typ) in [("id", Type::Bigint), ("payload", Type::Blob)].into_iter().take(markers) {
        string(name, &mut out);
        typ.put(&mut out);
    }
    match statement {
        Prepared::Write => {
            int(NO_METADATA, &mut out);
            int(0, &mut out);
        }
        Prepared::ReadOne | Prepared::ReadPage => kv_columns(&mut out),
    }
    Ok(out)
}

/// The answer to an unprepared query, or why there is none.
pub(crate) fn query(query: &str, catalog: &Catalog, canned: &Canned) -> Result<Vec<u8>, Vec<u8>> {
    let lower = query.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words.first() {
        Some(&"use") => {
            let mut out = Vec::new();
            int(SET_KEYSPACE, &mut out);
            string("bench", &mut out);
            Ok(out)
        }
        Some(&"select") => {
            let table = words.iter().skip_while(|word| **word != "from").nth(1).copied().unwrap_or_default();
            let table = table.trim_end_matches(';');
            if table.ends_with("kv") {
                let statement = if words.contains(&"where") { Prepared::ReadOne } else { Prepared::ReadPage };
                return Ok(canned.rows(statement, false).to_vec());
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

    #[test]
    fn a_write_is_prepared_with_its_key_first_and_no_result() {
        let body = prepare("INSERT INTO bench.kv (id, payload) VALUES (?, ?)", 4).expect("it is ours");
        assert_eq!(body[..7], [0, 0, 0, 4, 0, 1, b'w']);
        assert_eq!(body[7..21], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0]);
        assert_eq!(body[body.len() - 8..], [0, 0, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn a_projection_names_its_columns_and_unknown_tables_are_refused() {
        let catalog = Catalog::new(&[Ipv4Addr::LOCALHOST], 0, 9042);
        let canned = Canned::new();
        let body =
            query("SELECT rack FROM system.local WHERE key='local'", &catalog, &canned).expect("it is known");
        let mut expected = vec![0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1];
        string("system", &mut expected);
        string("local", &mut expected);
        string("rack", &mut expected);
        expected.extend([0, 0x0D, 0, 0, 0, 1, 0, 0, 0, 5]);
        expected.extend(b"rack1");
        assert_eq!(body, expected);
        assert!(query("SELECT * FROM system.nothing", &catalog, &canned).is_err());
    }
}
