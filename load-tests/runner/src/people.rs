//! The file that is loaded: five columns, the same every time.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::Failure;

pub(crate) const FILE: &str = "people.csv";
pub(crate) const ROWS: u64 = 1_000_000;

const FIRST: [&str; 8] = ["Ada", "Barbara", "Edsger", "Grace", "Donald", "Leslie", "Tony", "Frances"];
const LAST: [&str; 8] = ["Lovelace", "Liskov", "Dijkstra", "Hopper", "Knuth", "Lamport", "Hoare", "Allen"];

/// Writes the file unless it is there.
pub(crate) fn make(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    // Half a file must not be taken for a whole one.
    let unfinished = path.with_extension("unfinished");
    let mut out = BufWriter::new(File::create(&unfinished)?);
    writeln!(out, "id,name,email,score,created")?;
    for id in 0..ROWS {
        writeln!(out, "{}", line(id))?;
    }
    out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(std::fs::rename(unfinished, path)?)
}

fn line(id: u64) -> String {
    // Numbers that follow no pattern a CPU could learn.
    let mixed = (id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pick = |from: &[&'static str; 8], shift: u32| from[(mixed >> shift) as usize % 8];
    let (first, last) = (pick(&FIRST, 20), pick(&LAST, 30));
    let (month, day) = ((mixed >> 8) % 12 + 1, (mixed >> 16) % 28 + 1);
    let (hour, minute) = ((mixed >> 24) % 24, (mixed >> 32) % 60);
    let (second, millisecond) = ((mixed >> 40) % 60, (mixed >> 44) % 1000);
    let score = (mixed >> 40) as f64 / 1e4;
    format!(
        "{id},{first} {last},{first}.{last}{id}@example.org,{score},\
         2024-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_five_cells_and_is_the_same_every_time() {
        assert_eq!(line(7).split(',').count(), 5);
        assert_eq!(line(7), line(7));
        assert_ne!(line(7), line(8));
        assert!(line(1).ends_with('Z'));
    }
}
