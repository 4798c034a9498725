//! Several writes as one request: when that pays, and when it does not.
//!
//! `cargo run --example batches`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::Batch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("batches").await?;
    for table in [
        "CREATE TABLE IF NOT EXISTS carts (cart int, item text, pieces int, PRIMARY KEY (cart, item))",
        "CREATE TABLE IF NOT EXISTS carts_by_owner (owner text, cart int, PRIMARY KEY (owner, cart))",
        "CREATE TABLE IF NOT EXISTS views (item text PRIMARY KEY, n counter)",
    ] {
        session.query(table, ()).await?;
    }
    let add = session.prepare("INSERT INTO carts (cart, item, pieces) VALUES (?, ?, ?)").await?;

    // One partition: all of it is written in one piece, and that is what batches are good for.
    let mut cart = Batch::unlogged();
    cart.bind(&add, (7, "lyre", 1))?.bind(&add, (7, "mask", 3))?;
    session.batch(&cart).await?;

    // Two tables that must agree in the end: a logged batch. It is written to a log on two more hosts first, so it costs more
    // than its members; a session says in its log when the first one spans partitions.
    let mut both = Batch::logged().idempotent(true);
    both.bind(&add, (8, "flute", 2))?;
    // A text with values is prepared behind the scenes, and remembered.
    let by_owner = "INSERT INTO carts_by_owner (owner, cart) VALUES (?, ?)";
    both.push(session.bind(by_owner, ("ada", 8)).await?);
    // A text without values is sent as it is.
    both.push("DELETE FROM carts WHERE cart = 9");
    session.batch(&both).await?;

    // Counters have batches of their own.
    let count = session.prepare("UPDATE views SET n = n + ? WHERE item = ?").await?;
    let mut views = Batch::counter();
    views.bind(&count, (1_i64, "lyre"))?.bind(&count, (1_i64, "mask"))?;
    session.batch(&views).await?;

    let result = session.query("SELECT item, pieces FROM carts WHERE cart = 7", ()).await?;
    for row in result.rows::<(&str, i32)>()? {
        let (item, pieces) = row?;
        println!("{pieces} x {item}");
    }

    // Many rows of many partitions are no batch: that is what `Session::bulk` is for.
    let rows = (100..1_100).map(|cart| (cart, "programme", 1));
    let report = session.bulk(&add).load(rows).await?;
    println!("{} rows written without a batch", report.written);
    Ok(())
}
