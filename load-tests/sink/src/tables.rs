//! The tables the sink pretends to have, all in the keyspace `bench`, all with the key `id`.

use crate::encode::Type;

pub(crate) const KEYSPACE: &str = "bench";

/// A table; its first column is its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Type)],
    /// False: whoever writes to it waits for ever.
    pub(crate) answers: bool,
}

const KEY_AND_PAYLOAD: &[(&str, Type)] = &[("id", Type::Bigint), ("payload", Type::Blob)];

/// Each has the number of its place here.
pub(crate) const TABLES: [Table; 3] = [
    Table { name: "kv", columns: KEY_AND_PAYLOAD, answers: true },
    Table {
        name: "people",
        columns: &[
            ("id", Type::Bigint),
            ("name", Type::Text),
            ("email", Type::Text),
            ("score", Type::Double),
            ("created", Type::Timestamp),
        ],
        answers: true,
    },
    Table { name: "never", columns: KEY_AND_PAYLOAD, answers: false },
];

/// A statement on one of the tables, as far as the sink understands it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The place in [`TABLES`].
    pub(crate) table: usize,
    pub(crate) kind: Kind,
    /// Of each marker.
    pub(crate) bound: Vec<(&'static str, Type)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    ReadOne,
    ReadPage,
}

impl Statement {
    /// Reads an INSERT with its columns, or anything else whose markers stand for the first columns of its table.
    pub(crate) fn parse(text: &str) -> Option<Statement> {
        let lower = text.to_ascii_lowercase().replace('"', "");
        let table = TABLES.iter().position(|table| {
            let qualified = format!("{KEYSPACE}.{}", table.name);
            lower
                .split(|c: char| c.is_whitespace() || c == '(' || c == ';')
                .any(|word| word == qualified || word == table.name)
        })?;
        let columns = TABLES[table].columns;
        let kind = match lower.trim_start().strip_prefix("select") {
            Some(rest) if rest.contains("where") => Kind::ReadOne,
            Some(_) => Kind::ReadPage,
            None => Kind::Write,
        };
        let markers = lower.matches('?').count();
        let named =
            lower.trim_start().starts_with("insert").then(|| lower.split(['(', ')']).nth(1)).flatten();
        let bound: Option<Vec<(&'static str, Type)>> = match named {
            Some(names) => names
                .split(',')
                .take(markers)
                .map(|name| columns.iter().copied().find(|(column, _)| *column == name.trim()))
                .collect(),
            None => Some(columns.iter().copied().take(markers).collect()),
        };
        Some(Statement { table, kind, bound: bound? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_binds_its_columns_in_its_order() {
        let statement =
            Statement::parse("INSERT INTO bench.people (score, \"id\") VALUES (?, ?)").expect("known");
        assert_eq!(statement.kind, Kind::Write);
        assert_eq!(TABLES[statement.table].name, "people");
        assert_eq!(statement.bound, [("score", Type::Double), ("id", Type::Bigint)]);
        assert_eq!(Statement::parse("INSERT INTO bench.people (shoe) VALUES (?)"), None);
    }

    #[test]
    fn a_select_with_a_key_is_for_one_row() {
        let one = Statement::parse("SELECT id, payload FROM bench.kv WHERE id = ?").expect("known");
        assert_eq!((one.table, one.kind, one.bound.len()), (0, Kind::ReadOne, 1));
        let page = Statement::parse("SELECT id, payload FROM kv").expect("known");
        assert_eq!((page.table, page.kind, page.bound.len()), (0, Kind::ReadPage, 0));
        assert_eq!(Statement::parse("SELECT * FROM bench.kvx"), None);
    }
}
