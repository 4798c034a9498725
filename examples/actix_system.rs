//! A program of actix actors: one of them has the session, and its handlers carry out requests.
//!
//! A session works inside an actix `System` without preparation: the engine's own actors live beside the program's, on the
//! same thread. Handlers get a clone of the session, which is cheap.
//!
//! `cargo run --example actix_system`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use chorus::{Error, PreparedStatement, Session};

/// Counts visits, in the database.
struct Counter {
    session: Session,
    count: PreparedStatement,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
struct Visit {
    page: &'static str,
}

impl Handler<Visit> for Counter {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, visit: Visit, _: &mut Self::Context) -> Self::Result {
        let (session, count) = (self.session.clone(), self.count.clone());
        // The actor takes the next message meanwhile.
        Box::pin(async move { session.execute(&count, (1_i64, visit.page)).await.map(drop) })
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("company").await?;
    session.query("CREATE TABLE IF NOT EXISTS company.visits (page text PRIMARY KEY, n counter)", ()).await?;
    let count = session.prepare("UPDATE company.visits SET n = n + ? WHERE page = ?").await?;

    let counter = Counter { session: session.clone(), count }.start();
    for page in ["/", "/about", "/", "/"] {
        counter.send(Visit { page }).await??;
    }
    let visits = session.query("SELECT page, n FROM company.visits", ()).await?;
    for row in visits.rows::<(&str, i64)>()? {
        let (page, n) = row?;
        println!("{page}: {n}");
    }
    Ok(())
}
