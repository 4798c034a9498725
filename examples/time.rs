//! Who wins when two write the same: timestamps; how long it stays: time to live; and what time it is.
//!
//! `cargo run --example time`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::sync::Arc;
use std::time::Duration;

use chorus::{MonotonicTimestampGenerator, ProtocolVersion};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    drop(hosts.session_in("clocks").await?);
    // Timestamps are made here, so that writes of this program are ordered as it issued them, whichever host they went to. That is
    // the default; this one warns in the log when it has to run ahead of the clock by more than 100 ms.
    let timestamps =
        MonotonicTimestampGenerator::new().warn(Duration::from_millis(100), Duration::from_secs(60));
    let session =
        hosts.builder().keyspace("clocks").timestamp_generator(Arc::new(timestamps)).connect().await?;
    session.query("CREATE TABLE IF NOT EXISTS notes (id int PRIMARY KEY, text text)", ()).await?;
    session.query("TRUNCATE notes", ()).await?;
    let insert = session.prepare("INSERT INTO notes (id, text) VALUES (?, ?)").await?;
    let select = session.prepare("SELECT text, WRITETIME(text), TTL(text) FROM notes WHERE id = ?").await?;
    let read = async |id: i32| -> Result<(String, i64, Option<i32>), chorus::Error> {
        session.execute(&select, (id,)).await?.single_row()
    };

    session.execute(&insert, (1, "now")).await?;
    let (_, written, _) = read(1).await?;
    // A statement may bring its own: something that happened earlier does not replace what is newer.
    session.execute(&insert.clone().timestamp(written - 1_000_000), (1, "a second earlier")).await?;
    println!("{:?}", read(1).await?);

    let fading = session.prepare("INSERT INTO notes (id, text) VALUES (?, ?) USING TTL ?").await?;
    session.execute(&fading, (2, "for an hour", 3_600)).await?;
    println!("{:?}", read(2).await?);

    // What has expired is decided by the server's clock, unless a statement says what time it is.
    if session.protocol_version() >= ProtocolVersion::V5 {
        let now = i32::try_from(written / 1_000_000)?;
        for later in [1_800, 7_200] {
            let then = select.clone().now_in_seconds(now + later);
            let rows = session.execute(&then, (2,)).await?.row_count();
            println!("{later} seconds later there will be {rows} rows");
        }
    }
    Ok(())
}
