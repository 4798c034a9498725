//! Write only if: conditional statements, and what was there when the condition did not hold.
//!
//! `cargo run --example lightweight_transactions`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::{FromRow, SerialConsistency};

/// What the answer to a conditional statement looks like: `[applied]`, and the row as it is when the condition did not hold.
#[derive(Debug, FromRow)]
struct Outcome<'a> {
    #[chorus(rename = "[applied]")]
    applied: bool,
    #[chorus(default)]
    owner: Option<&'a str>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("seats").await?;
    session.query("CREATE TABLE IF NOT EXISTS seats (seat text PRIMARY KEY, owner text)", ()).await?;
    session.query("TRUNCATE seats", ()).await?;

    // Conditional statements are not idempotent: after a lost answer nobody knows whether it was this one that was applied. So
    // they are not retried behind the program's back.
    let take = session
        .prepare("INSERT INTO seats (seat, owner) VALUES (?, ?) IF NOT EXISTS")
        .await?
        .serial_consistency(SerialConsistency::LocalSerial);

    let first = session.execute(&take, ("A1", "ada")).await?;
    println!("ada has the seat: {}", first.was_applied()?);

    let second = session.execute(&take, ("A1", "bob")).await?;
    let outcome: Outcome<'_> = second.single_row()?;
    println!("bob has it: {}, because {:?} was first", outcome.applied, outcome.owner);

    // Compare and set.
    let hand_over = session.prepare("UPDATE seats SET owner = ? WHERE seat = ? IF owner = ?").await?;
    let handed = session.execute(&hand_over, ("bob", "A1", "ada")).await?;
    println!("handed over: {}", handed.was_applied()?);

    // Asking an unconditional write is an error, and not a guess.
    let plain = session.query("INSERT INTO seats (seat, owner) VALUES ('B1', 'eve')", ()).await?;
    println!("{}", plain.was_applied().expect_err("it is not conditional"));

    // A read that sees every write that was decided.
    let select = session
        .prepare("SELECT owner FROM seats WHERE seat = ?")
        .await?
        .consistency(chorus::Consistency::LocalSerial);
    let (owner,): (String,) = session.execute(&select, ("A1",)).await?.single_row()?;
    println!("A1 belongs to {owner}");
    Ok(())
}
