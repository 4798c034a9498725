//! The database as its users see it: CQL in, rows out.

mod batches;
mod conditions;
mod expiry;
mod paging;
mod prepared;
mod schema;
mod select;
mod speed;
mod system;
mod types;
mod writes;

use bytes::Bytes;
use chorus_protocol::BoundValue;

use super::*;
use crate::cql::{CqlError, CqlErrorKind};
use crate::value::to_json;

/// A database with a keyspace `ks` in use.
struct Fixture {
    database: Database,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { database: Database::default() };
        fixture.run(
            "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        );
        fixture
    }

    /// With a table or more.
    fn with(definitions: &[&str]) -> Self {
        let fixture = Self::new();
        for definition in definitions {
            fixture.run(definition);
        }
        fixture
    }

    #[track_caller]
    fn run(&self, cql: &str) -> Outcome {
        self.attempt(cql).unwrap_or_else(|error| panic!("{cql}: {error}"))
    }

    fn attempt(&self, cql: &str) -> Result<Outcome, CqlError> {
        self.database.query(cql, &ExecContext::new(Some("ks")), &[])
    }

    /// The message a statement is refused with, as invalid.
    #[track_caller]
    fn refused(&self, cql: &str) -> String {
        let error = self.attempt(cql).expect_err(cql);
        assert_eq!(error.kind, CqlErrorKind::Invalid, "{cql}: {error}");
        error.message
    }

    #[track_caller]
    fn rows(&self, cql: &str) -> Vec<Vec<String>> {
        shown(&self.run(cql))
    }

    /// Rows in one line each, cells as JSON.
    #[track_caller]
    fn lines(&self, cql: &str) -> Vec<String> {
        self.rows(cql).into_iter().map(|row| row.join(" ")).collect()
    }

    #[track_caller]
    fn bound(&self, cql: &str, values: &[BoundValue<'_>]) -> Result<Outcome, CqlError> {
        self.database.query(cql, &ExecContext::new(Some("ks")), values)
    }

    /// At another time, in microseconds.
    #[track_caller]
    fn at(&self, now: i64, cql: &str) -> Outcome {
        let context = ExecContext { now, ..ExecContext::new(Some("ks")) };
        self.database.query(cql, &context, &[]).unwrap_or_else(|error| panic!("{cql}: {error}"))
    }
}

#[track_caller]
fn rows_of(outcome: &Outcome) -> &RowSet {
    match outcome {
        Outcome::Rows(rows) => rows,
        other => panic!("rows were expected, not {other:?}"),
    }
}

/// Cells as JSON.
#[track_caller]
fn shown(outcome: &Outcome) -> Vec<Vec<String>> {
    let set = rows_of(outcome);
    let show = |row: Vec<Option<Bytes>>| {
        row.iter().zip(set.columns.iter()).map(|(cell, spec)| to_json(&spec.typ, cell.as_deref())).collect()
    };
    set.rows().into_iter().map(show).collect()
}

#[track_caller]
fn names(outcome: &Outcome) -> Vec<String> {
    rows_of(outcome).columns.iter().map(|column| column.name.to_string()).collect()
}

fn int(number: i32) -> [u8; 4] {
    number.to_be_bytes()
}
