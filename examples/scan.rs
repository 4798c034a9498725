//! A whole table, read by token ranges: page by page while another task watches, in two shares, and counted.
//!
//! `cargo run --example scan`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use chorus::scan::ScanRange;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("scan").await?;
    session
        .query("CREATE TABLE IF NOT EXISTS scan.orders (customer int, id int, total int, PRIMARY KEY (customer, id))", ())
        .await?;
    let insert = session.prepare("INSERT INTO scan.orders (customer, id, total) VALUES (?, ?, ?)").await?;
    // The first customers are the best ones.
    let rows = (0..20_000).map(|id| (id % 100 * (id % 7), id, id % 500));
    session.bulk(&insert).load(rows).await?;

    // Page by page. Pages of one piece come in order; any task may look at how far it is.
    let scan = session.scan("scan", "orders").columns(["id", "total"]).page_size(500);
    let progress = scan.progress();
    let watch = tokio::spawn(async move {
        while progress.share() < 1.0 {
            println!("{:>3.0} % of the tokens, {} rows", progress.share() * 100.0, progress.rows());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut scan = scan.open().await?;
    let (mut rows, mut sum) = (0, 0);
    while let Some(page) = scan.next_page().await? {
        for row in page.rows::<(i32, i32)>()? {
            let (_, total) = row?;
            rows += 1;
            sum += i64::from(total);
        }
    }
    watch.await?;
    println!("{rows} rows, sum {sum}");

    // Two programs, each with its share of the tokens.
    let middle = session.state().partitioner.parse_token("0")?;
    for share in [ScanRange::new(None, middle.clone()), ScanRange::new(middle, None)] {
        let counted = session.scan("scan", "orders").ranges([share.clone()]).count().await?;
        println!("tokens {share}: {:?} rows", counted.total());
    }

    // Only some rows, and where they are.
    let large = session.scan("scan", "orders").filter("total >= 490").allow_filtering(true).count().await?;
    println!("{large} with a large total");
    for (host, rows) in large.by_host() {
        println!("  {rows} of them at {:?}", host.map(|host| host.address));
    }

    // The partitions to worry about.
    for partition in session.scan("scan", "orders").top_partitions(3).await?.largest {
        println!("customer {:?} has {} orders", partition.key, partition.rows);
    }
    Ok(())
}
