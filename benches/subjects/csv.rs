//! A file of comma-separated values on its way into a table.

use std::fmt::Write as _;
use std::io::Cursor;

use bytes::Bytes;
use chorus::bulk::{BulkLoader, Source};

use super::Subject;
use super::in_memory::InMemory;

/// The most that one call may ask for.
pub(crate) const MOST_ROWS: u64 = 100_000;

/// Loads a file of so many rows of five columns through the loader: bytes to records, fields to values, rows to chunks, and
/// their answers counted. The text is there before; that a thread of its own reads it counts with nobody.
pub(crate) fn csv_rows() -> Subject {
    let scene = InMemory::connect();
    let (text, ends) = weather();
    let table = "CREATE TABLE bench.weather (origin text, hour timestamp, temperature double, wind double, station int, PRIMARY KEY ((origin, hour)))";
    scene.create(table);
    Box::new(move |times| {
        let text = text.slice(..ends[times as usize]);
        let source = Source::reader("weather", Cursor::new(text)).open().expect("it is not empty");
        let loader = BulkLoader::new(&scene.session, "bench.weather".parse().expect("a name"));
        let report = scene.run(loader.load(source)).expect("it can begin");
        assert_eq!(report.written, times, "{report}");
    })
}

/// The text of a file with a header, and where it ends when it has so many rows.
fn weather() -> (Bytes, Vec<usize>) {
    let mut text = String::from("origin,hour,temperature,wind,station\n");
    let mut ends = vec![text.len()];
    for row in 0..MOST_ROWS {
        let (day, hour) = (1 + row / 24 % 28, row % 24);
        let (temperature, wind) = (row % 40, row % 17);
        writeln!(text, "EWR,2013-01-{day:02}T{hour:02}:00:00Z,{temperature}.{},{wind}.25,{row}", row % 10)
            .expect("text takes text");
        ends.push(text.len());
    }
    (text.into(), ends)
}
