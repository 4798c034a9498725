//! Results of many pages: as a stream of rows, page by page, and continued by somebody else.
//!
//! `cargo run --example paging`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::PagingState;
use futures::TryStreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("paging").await?;
    session
        .query("CREATE TABLE IF NOT EXISTS paging.readings (sensor int, at int, value double, PRIMARY KEY (sensor, at))", ())
        .await?;
    let insert = session.prepare("INSERT INTO paging.readings (sensor, at, value) VALUES (?, ?, ?)").await?;
    let rows = (0..1_000).map(|at| (7, at, f64::from(at) / 2.0));
    session.execute_concurrent_with_args(&insert, rows).run().await?;

    let select =
        session.prepare("SELECT at, value FROM paging.readings WHERE sensor = ?").await?.page_size(100);

    // A stream of rows. While one page is read, the next is on its way.
    let mut rows = session.execute_iter(&select, (7,)).await?.rows::<(i32, f64)>()?;
    let (mut count, mut sum) = (0, 0.0);
    while let Some((_, value)) = rows.try_next().await? {
        count += 1;
        sum += value;
    }
    println!("{count} rows, sum {sum}");

    // The pages themselves, to borrow from them.
    let mut pages = session.execute_iter(&select, (7,)).await?;
    let mut sizes = Vec::new();
    while let Some(page) = pages.next_page().await? {
        sizes.push(page.row_count());
    }
    println!("{} pages of {:?} rows", sizes.len(), sizes.first());

    // One page, whose end is handed to somebody who goes on from there.
    let first = session.execute_page(&select, (7,), None).await?;
    let kept: Vec<u8> = first.paging_state().map(|state| state.as_bytes().to_vec()).unwrap_or_default();
    let second = session.execute_page(&select, (7,), Some(PagingState::new(kept))).await?;
    println!("the second page begins at {:?}", second.first_row::<(i32, f64)>()?);
    Ok(())
}
