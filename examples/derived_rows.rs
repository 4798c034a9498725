//! Rows as structs: renamed, missing, skipped and nested fields, and text that is borrowed from the page.
//!
//! `cargo run --example derived_rows`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::SystemTime;

use chorus::{FromRow, IntoRow};

#[derive(Debug, Clone, IntoRow, FromRow)]
struct Address {
    street: String,
    city: String,
}

/// Bound and read by the names of columns, in whatever order a statement has them.
#[derive(Debug, Clone, IntoRow, FromRow)]
struct Customer {
    id: i64,
    #[chorus(rename = "full_name")]
    name: String,
    /// Its fields are columns of the same row.
    #[chorus(flatten)]
    address: Address,
    /// Need not be among the columns or the markers.
    #[chorus(default)]
    note: Option<String>,
    /// Has nothing to do with the database.
    #[chorus(skip)]
    seen: Option<SystemTime>,
}

/// Borrows: text is neither copied nor allocated for, row by row.
#[derive(Debug, FromRow)]
struct Brief<'a> {
    full_name: &'a str,
    city: &'a str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("customers").await?;
    let table = "CREATE TABLE IF NOT EXISTS customers (id bigint PRIMARY KEY, full_name text, street text, city text, note text)";
    session.query(table, ()).await?;

    let insert =
        session.prepare("INSERT INTO customers (city, full_name, id, street) VALUES (?, ?, ?, ?)").await?;
    let address = Address { street: "Main".into(), city: "Ithaca".into() };
    let ada = Customer { id: 1, name: "Ada".into(), address, note: None, seen: Some(SystemTime::now()) };
    session.execute(&insert, &ada).await?;
    session.execute(&insert, Customer { id: 2, name: "Bob".into(), ..ada }).await?;

    // The type is checked against the columns once for the whole result; columns that nobody asked for are skipped.
    let result = session.query("SELECT * FROM customers", ()).await?;
    for row in result.rows::<Brief<'_>>()? {
        let Brief { full_name, city } = row?;
        println!("{full_name} of {city}");
    }
    let first: Option<Customer> = result.first_row()?;
    if let Some(first) = first {
        println!("{first:?}, seen: {}", first.seen.is_some());
    }

    // What does not fit is said with the name of the column, before the first row is read.
    let narrow = session.query("SELECT id, full_name FROM customers", ()).await?;
    println!("{}", hosts::whole(&narrow.rows::<Customer>().expect_err("there is no street")));
    Ok(())
}
