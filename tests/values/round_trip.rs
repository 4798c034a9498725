//! Every type, nested three deep, through a server and back.

use chorus::{CqlType, CqlValue, PreparedStatement, Row, Session};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::cells::{Cell, bytes, canonical, cell};
use crate::shapes::{Shapes, column};

/// Columns of a table.
const COLUMNS: usize = 40;

struct Table {
    types: Vec<CqlType>,
    insert: PreparedStatement,
    select: PreparedStatement,
}

impl Table {
    async fn create(session: &Session, keyspace: &str, number: usize, types: &[CqlType]) -> Self {
        let columns: Vec<_> =
            types.iter().enumerate().map(|(index, typ)| format!("c{index} {}", column(typ))).collect();
        let create =
            format!("CREATE TABLE {keyspace}.t{number} (id int PRIMARY KEY, {})", columns.join(", "));
        session.query(&*create, ()).await.unwrap_or_else(|error| panic!("{create}: {error}"));
        let names: Vec<_> = (0..types.len()).map(|index| format!("c{index}")).collect();
        let insert = format!(
            "INSERT INTO {keyspace}.t{number} (id, {}) VALUES (?{})",
            names.join(", "),
            ", ?".repeat(types.len())
        );
        let select = format!("SELECT {} FROM {keyspace}.t{number} WHERE id = ?", names.join(", "));
        let insert = session.prepare(insert).await.expect("prepared");
        // What the server says the types are.
        for (marker, typ) in insert.bind_columns()[1..].iter().zip(types) {
            assert_eq!(marker.typ, *typ);
        }
        Self { types: types.to_vec(), insert, select: session.prepare(select).await.expect("prepared") }
    }

    async fn comes_back(&self, session: &Session, id: i32, row: Vec<Cell>) -> Result<(), TestCaseError> {
        let key = Cell::Set(Some(CqlValue::Int(id)));
        let values: Vec<&Cell> = std::iter::once(&key).chain(&row).collect();
        session.execute(&self.insert, values).await.map_err(|error| failed(&error))?;
        let result = session.execute(&self.select, (id,)).await.map_err(|error| failed(&error))?;
        let read: Row = result.single_row().map_err(|error| failed(&error))?;
        for ((typ, sent), read) in self.types.iter().zip(row).zip(read) {
            let sent = match sent {
                Cell::Set(value) => value,
                Cell::Unset => None,
            };
            let plain =
                |value: &Option<CqlValue>| value.as_ref().map(|value| bytes(&canonical(value, typ), typ));
            prop_assert_eq!(plain(&read), plain(&sent), "{}: {:?} became {:?}", typ, sent, read);
        }
        Ok(())
    }
}

fn failed(error: &dyn std::error::Error) -> TestCaseError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    TestCaseError::fail(text)
}

/// Writes and reads `cases` rows of each table, whose keyspace must be there.
pub(crate) fn every_type_comes_back(
    runtime: &tokio::runtime::Runtime,
    session: &Session,
    keyspace: &str,
    cases: u32,
) {
    let shapes = Shapes::all(keyspace);
    let tables: Vec<Table> = runtime.block_on(async {
        for user_type in &shapes.user_types {
            session.query(&**user_type, ()).await.unwrap_or_else(|error| panic!("{user_type}: {error}"));
        }
        let mut tables = Vec::new();
        for (number, types) in shapes.types.chunks(COLUMNS).enumerate() {
            tables.push(Table::create(session, keyspace, number, types).await);
        }
        tables
    });
    for table in &tables {
        let row: Vec<BoxedStrategy<Cell>> = table.types.iter().map(cell).collect();
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let mut id = std::cell::Cell::new(0);
        let comes_back = |row: Vec<Cell>| {
            id.set(id.get() + 1);
            runtime.block_on(table.comes_back(session, id.get(), row))
        };
        runner.run(&row, comes_back).unwrap_or_else(|error| panic!("{error}"));
        assert!(*id.get_mut() >= i32::try_from(cases).expect("few"));
    }
}
