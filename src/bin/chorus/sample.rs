//! A few rows of a table and their count, as text.

use chorus::bulk::TableName;
use chorus::{CqlValue, Error, Row, Session};

/// Rows shown.
const ROWS: usize = 5;
/// A column is not wider than this.
const WIDEST: usize = 24;

/// The first rows of the table, whichever those are, and how many there are.
pub(crate) async fn rows(session: &Session, table: &TableName) -> Result<String, Error> {
    let selected = session.query(format!("SELECT * FROM {table} LIMIT {ROWS}"), ()).await?;
    let mut lines: Vec<Vec<String>> =
        vec![selected.columns().iter().map(|column| shorten(&column.name)).collect()];
    for row in selected.rows::<Row>()? {
        lines.push(row?.values.iter().map(|value| shorten(&text(value.as_ref()))).collect());
    }
    let counted = session.query(format!("SELECT count(*) FROM {table}"), ()).await?;
    let (count,) = counted.single_row::<(i64,)>()?;
    let mut out = format!("\nSELECT * FROM {table} LIMIT {ROWS}\n");
    for line in aligned(&lines) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!("\nSELECT count(*) FROM {table}\n  {count}"));
    Ok(out)
}

fn text(value: Option<&CqlValue>) -> String {
    match value {
        None => "null".to_owned(),
        // For people, not for CQL: without quotes, and with times as times.
        Some(CqlValue::Text(text) | CqlValue::Ascii(text)) => text.clone(),
        Some(CqlValue::Timestamp(timestamp)) => timestamp.to_string(),
        Some(CqlValue::Date(date)) => date.to_string(),
        Some(CqlValue::Time(time)) => time.to_string(),
        Some(other) => other.to_string(),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

/// Each line with its cells padded to the widest of their column.
fn aligned(lines: &[Vec<String>]) -> Vec<String> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            let line: Vec<String> = cells.collect();
            format!("  {}", line.join("  ").trim_end())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_times() {
        let instant = CqlValue::Timestamp(chorus::CqlTimestamp(1_357_020_000_000));
        assert_eq!(text(Some(&instant)), "2013-01-01T06:00:00.000Z");
        assert_eq!(text(Some(&CqlValue::Text("it's".into()))), "it's");
        assert_eq!(text(None), "null");
    }

    #[test]
    fn cells_stand_under_their_column() {
        let line = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let lines = aligned(&[line(&["id", "name"]), line(&["1000", "é"]), line(&["1", "null"])]);
        assert_eq!(lines, ["  id    name", "  1000  é", "  1     null"]);
        assert_eq!(shorten(&"x".repeat(30)).chars().count(), WIDEST);
    }
}
