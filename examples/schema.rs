//! What a session knows of the schema: tables, columns, types; as CQL; and how it follows changes.
//!
//! `cargo run --example schema`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::{ClusterEvent, SchemaScope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("library").await?;
    let mut events = session.events();
    for statement in [
        "CREATE TYPE IF NOT EXISTS author (name text, born date)",
        "CREATE TABLE IF NOT EXISTS books (shelf text, title text, written_by frozen<author>, pages int, PRIMARY KEY (shelf, title)) \
         WITH CLUSTERING ORDER BY (title DESC)",
    ] {
        // Returns when all hosts know the change and the session has read it.
        session.query(statement, ()).await?;
    }

    // A snapshot: nothing in it changes while it is looked at.
    let state = session.state();
    let books = state.table("library", "books").ok_or("it was just created")?;
    let key: Vec<_> = books.partition_key().iter().map(|column| &*column.name).collect();
    println!("partition key {key:?}");
    for column in books.columns.iter() {
        println!("  {} {}", column.name, column.typ);
    }
    let keyspace = state.keyspace("library").ok_or("it was just created")?;
    println!("{}", keyspace.describe());

    // User-defined types, for values that are put together while the program runs.
    for (name, typ) in session.user_type("library", "author")?.fields() {
        println!("  {name} {typ}");
    }
    println!("{}", session.user_type("library", "editor").expect_err("there is none"));

    // Changes are told with what they changed.
    session.query("ALTER TABLE books ADD isbn text", ()).await?;
    while let Some(event) = events.next().await {
        if let ClusterEvent::Schema(difference) = event {
            println!("changed: {difference}");
            if difference.to_string().ends_with("was changed") {
                break;
            }
        }
    }

    // Changes are learned without asking; whoever wants to be sure asks for a part or the whole.
    session.refresh_schema_of(SchemaScope::Keyspace("library".into())).await?;
    println!("all hosts agree: {}", session.await_schema_agreement().await?);
    Ok(())
}
