//! User-defined types as structs, by the names of their fields.
//!
//! `cargo run --example user_types`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::{FromCql, ToCql};

/// Fields are matched by name; their order in the type does not matter.
#[derive(Debug, Clone, PartialEq, ToCql, FromCql)]
struct Address {
    street: String,
    #[chorus(rename = "zipCode")]
    zip: i32,
    /// A type altered later: values written before have no country, and a schema without it is no reason to fail.
    #[chorus(default)]
    country: Option<String>,
}

/// Types nest, and borrow: text is read where it lies in the page.
#[derive(Debug, PartialEq, FromCql)]
struct Contact<'a> {
    name: &'a str,
    addresses: Vec<Address>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("people").await?;
    for statement in [
        "CREATE TYPE IF NOT EXISTS address (\"zipCode\" int, street text)",
        "CREATE TYPE IF NOT EXISTS contact (name text, addresses list<frozen<address>>)",
        "CREATE TABLE IF NOT EXISTS people (id int PRIMARY KEY, contact frozen<contact>, home frozen<address>)",
    ] {
        session.query(statement, ()).await?;
    }
    let home = Address { street: "Main".into(), zip: 12345, country: None };
    session.query("INSERT INTO people (id, home) VALUES (?, ?)", (1, &home)).await?;
    session
        .query(
            "UPDATE people SET contact = {name: 'ada', addresses: [{\"zipCode\": 1, street: 'Side'}]} WHERE id = 1",
            (),
        )
        .await?;

    let result = session.query("SELECT home, contact FROM people WHERE id = ?", (1,)).await?;
    let (read, contact): (Address, Contact<'_>) = result.single_row()?;
    println!("{read:?}");
    println!("{contact:?}");

    // A field that the type does not have is noticed before anything is sent.
    #[derive(ToCql)]
    struct Wrong {
        street: String,
        planet: String,
    }
    let wrong = Wrong { street: "Main".into(), planet: "Mars".into() };
    let error = session.query("INSERT INTO people (id, home) VALUES (?, ?)", (2, wrong)).await;
    println!("{}", hosts::whole(&error.expect_err("there is no planet")));
    Ok(())
}
