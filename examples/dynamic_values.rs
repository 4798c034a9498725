//! Statements and rows that are only known when the program runs: values of any type, by name, as text.
//!
//! `cargo run --example dynamic_values`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::collections::BTreeMap;

use chorus::{CqlType, CqlValue, Row, RowView};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("dynamic").await?;
    session
        .query(
            "CREATE TABLE IF NOT EXISTS things (id int PRIMARY KEY, name text, sizes map<text, double>)",
            (),
        )
        .await?;

    // Values of any type, in the order of the markers. They are checked against the types the server told.
    let insert = session.prepare("INSERT INTO things (id, name, sizes) VALUES (?, ?, ?)").await?;
    let sizes = CqlValue::map([("height".into(), 1.5.into())]);
    session.execute(&insert, [CqlValue::from(1), "door".into(), sizes]).await?;
    // Or by the names of the markers; null is None.
    let named: BTreeMap<&str, Option<CqlValue>> =
        [("id", Some(2.into())), ("name", Some("gate".into())), ("sizes", None)].into();
    session.execute(&insert, named).await?;
    let error = session.execute(&insert, [CqlValue::from("one"), "door".into(), CqlValue::Empty]).await;
    println!("{}", hosts::whole(&error.expect_err("text is no int")));

    let result = session.query("SELECT id, name, sizes FROM things", ()).await?;
    // Every value of every row.
    for row in result.rows::<Row>()? {
        let row = row?;
        let cells = result.columns().iter().zip(&row.values).map(|(column, value)| match value {
            Some(value) => format!("{} = {value}", column.name),
            None => format!("{} is null", column.name),
        });
        println!("{}", cells.collect::<Vec<_>>().join(", "));
    }
    // Only some of them, each as what it is expected to be, without decoding the others.
    for row in result.rows::<RowView<'_>>()? {
        let row = row?;
        println!("{}: {}", row.value::<i32>("id")?, row.value::<Option<&str>>("name")?.unwrap_or("-"));
    }
    // By name, where all have one type.
    let result = session.query("SELECT name FROM things WHERE id = 1", ()).await?;
    let named: BTreeMap<String, String> = result.single_row()?;
    println!("{named:?}");

    // Types can be asked.
    for column in insert.bind_columns() {
        let kind = if matches!(column.typ, CqlType::Map(_)) { "a map" } else { "no map" };
        println!("{} is {} ({kind})", column.name, column.typ);
    }
    Ok(())
}
