//! The object mapper: structs as rows, read, written, watched for changes.
//!
//! `cargo run --example mapper`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::collections::BTreeSet;
use std::time::Duration;

use chorus::Model;
use chorus::mapper::{Counter, Mapper, MapperError};
use futures::TryStreamExt;

#[derive(Debug, Model)]
struct User {
    #[chorus(partition_key)]
    id: i64,
    #[chorus(max_len = 40)]
    name: String,
    email: Option<String>,
    tags: BTreeSet<String>,
    version: i32,
}

#[derive(Debug, Model)]
struct Login {
    #[chorus(partition_key)]
    user: i64,
    #[chorus(clustering_key(descending))]
    at: i32,
    from: String,
}

#[derive(Debug, Model)]
struct Visits {
    #[chorus(partition_key)]
    page: String,
    seen: Counter,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("mapped").await?;
    for table in [
        "user (id bigint PRIMARY KEY, name text, email text, tags set<text>, version int)",
        "login (user bigint, at int, \"from\" text, PRIMARY KEY (user, at)) WITH CLUSTERING ORDER BY (at DESC)",
        "visits (page text PRIMARY KEY, seen counter)",
    ] {
        session.query(format!("CREATE TABLE IF NOT EXISTS {table}"), ()).await?;
        session.query(format!("TRUNCATE {}", table.split(' ').next().unwrap_or_default()), ()).await?;
    }
    let mapper = Mapper::new(&session);

    // One row. Options stand on the operation; it is sent when it is awaited.
    let ada = User { id: 1, name: "Ada".into(), email: None, tags: BTreeSet::new(), version: 1 };
    mapper.insert(&ada).if_not_exists().await?;
    match mapper.insert(&ada).if_not_exists().await {
        Err(MapperError::NotApplied { existing, .. }) => println!("there already: {existing:?}"),
        other => println!("unexpected: {other:?}"),
    }

    // A row that knows what has changed of it: one UPDATE of two columns, the set by its difference.
    let mut ada = mapper.get::<User>((1,)).tracked().await?;
    ada.email = Some("ada@example.org".into());
    ada.tags.insert("first".into());
    println!("to be saved: {:?}", ada.changed());
    ada.save(&mapper).if_(User::VERSION.eq(1)).await?;

    // Changes without reading first.
    mapper.update::<User>((1,)).add(User::TAGS, ["seer"]).set(User::VERSION, 2).await?;
    mapper.update::<Visits>(("/".into(),)).increment(Visits::SEEN, 1).await?;

    // Many rows: one prepared statement, as fast as the servers take them.
    let logins = (0..1000).map(|at| Login { user: 1, at, from: "127.0.0.1".into() });
    let report = mapper.insert_all::<Login>(logins).ttl(Duration::from_secs(86_400)).await?;
    println!("{} logins in {:?}", report.written, report.elapsed);

    // Rows that are chosen by filters: whole, some columns of them, one by one.
    let of_ada = || mapper.select::<Login>().filter(Login::USER.eq(1));
    println!("newest: {:?}", of_ada().first().await?);
    let times = of_ada().filter(Login::AT.lt(3)).order_by(Login::AT.asc()).only(Login::AT).all().await?;
    println!("first: {times:?} of {}", of_ada().count().await?);
    let mut stream = of_ada().page_size(100).stream().await?;
    let mut places = BTreeSet::new();
    while let Some(login) = stream.try_next().await? {
        places.insert(login.from);
    }
    println!("from: {places:?}");

    // Several writes that take effect together.
    mapper
        .batch()
        .push(mapper.delete_where([Login::USER.eq(1), Login::AT.lt(500)]))
        .push(mapper.update::<User>((1,)).clear(User::EMAIL))
        .after(|| println!("forgotten"))
        .await?;
    println!("{:?}, {} logins", mapper.get::<User>((1,)).await?, of_ada().count().await?);
    Ok(())
}
