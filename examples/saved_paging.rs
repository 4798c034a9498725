//! A page now, the next one from another process: where a result goes on is a few bytes that can be kept.
//!
//! `cargo run --example saved_paging`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::error::Error;
use std::process::Command;

use chorus::{PagingState, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The process that goes on gets what the first one kept: the hosts, and where the next page begins.
    if let Some(kept) = std::env::args().nth(1) {
        let hosts = hosts::Hosts::from_env()?;
        let session = hosts.builder().keyspace("saved_paging").connect().await?;
        return one_page(&session, Some(kept)).await;
    }

    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("saved_paging").await?;
    session
        .query("CREATE TABLE IF NOT EXISTS readings (sensor int, at int, PRIMARY KEY (sensor, at))", ())
        .await?;
    let insert = session.prepare("INSERT INTO readings (sensor, at) VALUES (7, ?)").await?;
    session.bulk(&insert).load((0..25).map(|at| (at,))).await?;
    // Goes into a link "more", a queue, a job that is continued tomorrow.
    one_page(&session, None).await?;
    let mut kept = next(&session, None).await?;
    while let Some(state) = kept {
        let status =
            Command::new(std::env::current_exe()?).arg(&state).env("CHORUS_HOSTS", hosts.list()).status()?;
        if !status.success() {
            return Err("the process that went on failed".into());
        }
        kept = next(&session, Some(state)).await?;
    }
    Ok(())
}

/// Shows the page that begins at `kept`, or the first.
async fn one_page(session: &Session, kept: Option<String>) -> Result<(), Box<dyn Error>> {
    let page = read(session, kept).await?;
    let times: Vec<i32> = page.rows::<(i32,)>()?.map(|row| row.map(|(at,)| at)).collect::<Result<_, _>>()?;
    println!("process {} read {times:?}", std::process::id());
    Ok(())
}

/// Where the page after it begins, as text.
async fn next(session: &Session, kept: Option<String>) -> Result<Option<String>, Box<dyn Error>> {
    Ok(read(session, kept).await?.paging_state().map(|state| to_hex(state.as_bytes())))
}

async fn read(session: &Session, kept: Option<String>) -> Result<chorus::QueryResult, Box<dyn Error>> {
    // It belongs to this statement with these values, and to the version of the protocol. It may show parts of a row's key, so
    // whoever hands it to strangers encrypts it.
    let select = session.prepare("SELECT at FROM readings WHERE sensor = ?").await?.page_size(10);
    let state = kept.as_deref().map(from_hex).transpose()?.map(PagingState::new);
    Ok(session.execute_page(&select, (7,), state).await?)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16)).collect()
}
