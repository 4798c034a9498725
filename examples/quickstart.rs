//! Connect, create a table, write, read.
//!
//! `cargo run --example quickstart`, or with `CHORUS_HOSTS=127.0.0.1:9042` against a server.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.builder().connect().await?;

    session
        .query(
            "CREATE KEYSPACE IF NOT EXISTS quickstart \
             WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            (),
        )
        .await?;
    session
        .query(
            "CREATE TABLE IF NOT EXISTS quickstart.orders (id bigint PRIMARY KEY, item text, total int)",
            (),
        )
        .await?;

    // Text with values is prepared behind the scenes; the values go to the markers.
    session
        .query("INSERT INTO quickstart.orders (id, item, total) VALUES (?, ?, ?)", (1_i64, "lyre", 250))
        .await?;

    // Prepared once, executed often: this is the fast way.
    let insert = session.prepare("INSERT INTO quickstart.orders (id, item, total) VALUES (?, ?, ?)").await?;
    session.execute(&insert, (2_i64, "mask", 90)).await?;
    session.execute(&insert, (3_i64, None::<&str>, 0)).await?;

    let result = session.query("SELECT id, item, total FROM quickstart.orders", ()).await?;
    for row in result.rows::<(i64, Option<&str>, i32)>()? {
        let (id, item, total) = row?;
        println!("order {id}: {} for {total}", item.unwrap_or("nothing"));
    }

    session.shutdown(std::time::Duration::from_secs(5)).await;
    Ok(())
}
