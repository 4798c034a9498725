//! Lists, sets, maps, tuples, vectors, and all of them within each other.
//!
//! `cargo run --example collections`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("collections").await?;
    session
        .query(
            "CREATE TABLE IF NOT EXISTS recipes (name text PRIMARY KEY, steps list<text>, tags set<text>, \
             grams map<text, int>, size tuple<int, double>, near vector<float, 3>, \
             variants map<text, frozen<list<frozen<tuple<int, text>>>>>)",
            (),
        )
        .await?;
    let insert = session
        .prepare("INSERT INTO recipes (name, steps, tags, grams, size, near, variants) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .await?;
    let variants = BTreeMap::from([("summer", vec![(1, "mint"), (2, "lemon")])]);
    session
        .execute(
            &insert,
            (
                "tea",
                ["boil", "wait"],
                BTreeSet::from(["hot", "simple"]),
                HashMap::from([("leaves", 5), ("water", 250)]),
                (1, 0.25),
                [0.1_f32, 0.2, 0.3],
                variants,
            ),
        )
        .await?;

    // A part of a collection at a time.
    let add = session.prepare("UPDATE recipes SET tags = tags + ?, grams[?] = ? WHERE name = ?").await?;
    session.execute(&add, (["sweet"], "sugar", 10, "tea")).await?;

    let result = session.query("SELECT steps, tags, grams, size, near FROM recipes", ()).await?;
    // Elements may borrow from the page. The lengths of arrays are checked against the type of a vector.
    type Recipe<'a> = (Vec<&'a str>, BTreeSet<&'a str>, BTreeMap<&'a str, i32>, (i32, f64), [f32; 3]);
    let (steps, tags, grams, size, near): Recipe<'_> = result.single_row()?;
    println!("{steps:?} {tags:?} {grams:?} {size:?} {near:?}");

    let result = session.query("SELECT variants FROM recipes WHERE name = ?", ("tea",)).await?;
    let (variants,): (HashMap<String, Vec<(i32, &str)>>,) = result.single_row()?;
    println!("{variants:?}");

    // Servers do not tell an empty collection from none; whoever wants to see that there is none reads an Option.
    session.query("INSERT INTO recipes (name) VALUES ('water')", ()).await?;
    let result = session.query("SELECT steps, tags FROM recipes WHERE name = 'water'", ()).await?;
    let (steps, tags): (Vec<&str>, Option<BTreeSet<&str>>) = result.single_row()?;
    println!("{steps:?} {tags:?}");
    Ok(())
}
