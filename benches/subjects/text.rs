//! Rows on their way into a file.

use std::hint::black_box;

use chorus::bulk::{RowText, TextStyle};

use super::Subject;
use super::in_memory::InMemory;

/// Rows of the page that is written again and again.
pub(crate) const ROWS: u64 = 1000;

/// Writes whole pages of rows of eight columns as text, until so many rows were written.
pub(crate) fn row_text(style: TextStyle) -> Subject {
    let scene = InMemory::connect();
    scene.create(
        "CREATE TABLE bench.orders (id bigint PRIMARY KEY, customer uuid, at timestamp, total double, price decimal, items int, \
         name text, tags set<text>)",
    );
    let page = scene.run(async {
        for id in 0..ROWS {
            let (name, hour) = (["plain", "with, comma"][id as usize % 2], id % 24);
            let row = format!(
                "INSERT INTO bench.orders (id, customer, at, total, price, items, name, tags) VALUES ({id}, \
                 123e4567-e89b-42d3-a456-426614174000, '2013-01-01T{hour:02}:30:00Z', {id}.25, {id}.90, {id}, '{name}', \
                 {{'new', 'paid'}})"
            );
            scene.session.query(row, ()).await.expect("it is stored");
        }
        scene.session.query("SELECT * FROM bench.orders", ()).await.expect("they are there")
    });
    assert_eq!(page.row_count() as u64, ROWS);
    let mut text = RowText::new(style, page.columns()).expect("all types have a text");
    let mut out = Vec::new();
    Box::new(move |times| {
        for _ in 0..times.div_ceil(ROWS) {
            out.clear();
            text.rows(&page, &mut out).expect("none looks like null");
            black_box(&out);
        }
    })
}
