//! A program without a runtime.
//!
//! `cargo run --example blocking`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::blocking::Session;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = Session::connect(hosts.builder())?;
    session.query(
        "CREATE KEYSPACE IF NOT EXISTS blocking \
         WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        (),
    )?;
    session.query("CREATE TABLE IF NOT EXISTS blocking.visits (page text PRIMARY KEY, visits bigint)", ())?;
    let insert = session.prepare("INSERT INTO blocking.visits (page, visits) VALUES (?, ?)")?;

    // Threads share the session, its connections and their packets.
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (session, insert) = (&session, &insert);
            scope.spawn(move || {
                for page in 0..25_i64 {
                    let written = session.execute(insert, (format!("/{thread}/{page}"), page));
                    if let Err(error) = written {
                        eprintln!("{error}");
                    }
                }
            });
        }
    });

    let mut visits = 0;
    for row in session.query_iter("SELECT page, visits FROM blocking.visits", ())?.rows::<(String, i64)>()? {
        visits += row?.1;
    }
    println!("{visits} visits");

    let report = session.shutdown(std::time::Duration::from_secs(5));
    println!("{} connections closed", report.connections);
    Ok(())
}
