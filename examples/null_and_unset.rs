//! Null, unset, empty: three things that are easily taken for one.
//!
//! `cargo run --example null_and_unset`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use chorus::{FromRow, MaybeEmpty, MaybeUnset, Unset};

#[derive(Debug, FromRow)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Entry {
    name: Option<String>,
    age: Option<i32>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("address_book").await?;
    session.query("CREATE TABLE IF NOT EXISTS people (id int PRIMARY KEY, name text, age int)", ()).await?;
    let insert = session.prepare("INSERT INTO people (id, name, age) VALUES (?, ?, ?)").await?;
    let select = session.prepare("SELECT name, age FROM people WHERE id = ?").await?;
    let entry =
        async || -> Result<Entry, chorus::Error> { session.execute(&select, (1,)).await?.single_row() };

    session.execute(&insert, (1, "ada", 36)).await?;
    println!("written:         {:?}", entry().await?);

    // Unset leaves a column alone. Nothing of it is written, and no tombstone.
    session.execute(&insert, (1, Unset, 37)).await?;
    println!("name left alone: {:?}", entry().await?);

    // Where a program finds out late whether there is something to write.
    let correction: Option<&str> = None;
    session.execute(&insert, (1, MaybeUnset::from(correction), 38)).await?;
    println!("and again:       {:?}", entry().await?);

    // Null deletes, and leaves a tombstone for a while.
    session.execute(&insert, (1, None::<&str>, 39)).await?;
    println!("name deleted:    {:?}", entry().await?);

    // An empty text is a text.
    session.execute(&insert, (1, "", 40)).await?;
    println!("name empty:      {:?}", entry().await?);

    // Types other than text and blobs have an empty value too, from the times of Thrift. It is read as null unless asked for.
    session.execute(&insert, (1, "ada", MaybeEmpty::<i32>::Empty)).await?;
    println!("age empty:       {:?}", entry().await?);
    let result = session.execute(&select, (1,)).await?;
    let (_, age): (&str, MaybeEmpty<i32>) = result.single_row()?;
    println!("as it is:        {age:?}");

    // A column of the partition key must have a value; that is said before anything is sent.
    let error = session.execute(&insert, (Unset, "eve", 1)).await.expect_err("which partition?");
    println!("{}", hosts::whole(&error));
    // Where null cannot be, it is an error of its row, with the name of the column.
    session.execute(&insert, (1, None::<&str>, 1)).await?;
    let result = session.execute(&select, (1,)).await?;
    println!("{}", hosts::whole(&result.single_row::<(&str, i32)>().expect_err("a text is never null")));
    Ok(())
}
