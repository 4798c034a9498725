//! Results as columns: Arrow record batches, page by page.
//!
//! `cargo run --example arrow --features arrow`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::arrow::array::cast::AsArray as _;
use chorus::arrow::array::types::{Float64Type, Int32Type};
use futures::TryStreamExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("columns").await?;
    session
        .query(
            "CREATE TABLE IF NOT EXISTS readings (sensor int, at int, celsius double, tags set<text>, PRIMARY KEY (sensor, at))",
            (),
        )
        .await?;
    let insert =
        session.prepare("INSERT INTO readings (sensor, at, celsius, tags) VALUES (?, ?, ?, ?)").await?;
    let rows = (0..10_000).map(|n| {
        let tags = (n % 2 == 0).then_some(["even"]);
        (n % 7, n, (n % 10 != 0).then(|| f64::from(n) / 100.0), tags)
    });
    session.bulk(&insert).load(rows).await?;

    // The page size is the size of a batch; the next page is on its way while one is looked at.
    let select = session.prepare("SELECT sensor, at, celsius, tags FROM readings").await?.page_size(2_000);
    let mut batches = session.execute_iter(&select, ()).await?.record_batches()?;
    for field in batches.schema().fields() {
        println!("{}: {} ({})", field.name(), field.data_type(), field.metadata()[chorus::arrow::CQL_TYPE]);
    }
    let (mut sum, mut measured, mut sizes) = (0.0, 0, Vec::new());
    while let Some(batch) = batches.try_next().await? {
        // Nulls are beside the values, not among them.
        let celsius = batch.column(2).as_primitive::<Float64Type>();
        sum += celsius.iter().flatten().sum::<f64>();
        measured += celsius.iter().flatten().count();
        sizes.push(batch.num_rows());
    }
    println!("batches of {sizes:?} rows; {measured} values, mean {:.3}", sum / f64::from(measured as u32));

    // One page at once.
    let result = session.query("SELECT at FROM readings WHERE sensor = 3 LIMIT 3", ()).await?;
    let batch = result.record_batch()?;
    println!("{:?}", batch.column(0).as_primitive::<Int32Type>().values());
    Ok(())
}
