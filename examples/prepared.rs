//! Prepared statements: named values, unset values, options, rows as structs, conditional updates, batches.
//!
//! `cargo run --example prepared`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use chorus::{Batch, Consistency, FromRow, IntoRow, MaybeUnset, Unset};

/// Fields are columns, by name.
#[derive(Debug, IntoRow, FromRow)]
struct Play {
    title: String,
    author: String,
    #[chorus(rename = "first_performed")]
    year: Option<i32>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("theatre").await?;
    session
        .query(
            "CREATE TABLE IF NOT EXISTS plays (title text PRIMARY KEY, author text, first_performed int)",
            (),
        )
        .await?;

    // Options sit on the statement; a clone with other options is cheap.
    let insert = session
        .prepare("INSERT INTO plays (title, author, first_performed) VALUES (?, ?, ?)")
        .await?
        .idempotent(true)
        .timeout(Duration::from_secs(2));
    let everywhere = insert.clone().consistency(Consistency::All);

    let antigone = Play { title: "Antigone".into(), author: "Sophocles".into(), year: Some(-441) };
    session.execute(&everywhere, antigone).await?;
    // Null deletes what was there; unset leaves it alone.
    session.execute(&insert, ("Ajax", "Sophocles", None::<i32>)).await?;
    session.execute(&insert, ("Medea", "Euripides", Unset)).await?;
    session.execute(&insert, ("Medea", MaybeUnset::<&str>::Unset, -431)).await?;

    // Several writes as one request.
    let mut batch = Batch::unlogged();
    batch.bind(&insert, ("The Frogs", "Aristophanes", -405))?;
    batch.bind(&insert, ("The Birds", "Aristophanes", -414))?;
    session.batch(&batch).await?;

    let select = session.prepare("SELECT title, author, first_performed FROM plays WHERE title = ?").await?;
    for title in ["Antigone", "Ajax", "Medea", "The Frogs"] {
        let result = session.execute(&select, (title,)).await?;
        let play: Play = result.single_row()?;
        println!("{play:?}");
    }

    // What can be asked of an error.
    let error = session.prepare("SELECT plot FROM plays").await.expect_err("there is no such column");
    println!("{error}");
    println!("kind: {}, code: {:#06x}", error.kind(), error.db().map_or(0, |body| body.code));
    Ok(())
}
