//! Parts of a source that are still to be loaded.

use serde::{Deserialize, Serialize};

use crate::bulk::csv::{Place, Position};

/// A part of the decompressed source that is to be read, in whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// Where it begins.
    #[serde(flatten)]
    pub(crate) at: Position,
    /// Where it ends, not included; nothing for the end of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<u64>,
    /// The write timestamp of its first record. Each record after it has one more, so that a row that is written again
    /// is written with the timestamp it had.
    pub(crate) timestamp: i64,
}

impl Span {
    /// A whole source, before its header.
    pub(crate) fn whole(timestamp: i64) -> Self {
        Self { at: Position::default(), to: None, timestamp }
    }

    /// The spans that these rows take, given with their timestamps in any order. Rows that follow each other in the
    /// source make one: every record has a timestamp of its own, so nothing is between two whose timestamps are neighbours.
    pub(crate) fn of_rows(mut rows: Vec<(i64, Place)>) -> Vec<Self> {
        rows.sort_unstable_by_key(|(timestamp, _)| *timestamp);
        let mut spans: Vec<Self> = Vec::new();
        let mut latest = None;
        for (timestamp, place) in rows {
            let end = Some(place.offset + u64::from(place.length));
            match spans.last_mut() {
                Some(span) if latest == timestamp.checked_sub(1) => span.to = end,
                _ => {
                    let at = Position { offset: place.offset, line: place.line, ..Position::default() };
                    spans.push(Self { at, to: end, timestamp });
                }
            }
            latest = Some(timestamp);
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(timestamp: i64, offset: u64) -> (i64, Place) {
        (timestamp, Place { offset, length: 3, line: offset / 4 + 1 })
    }

    #[test]
    fn neighbours_make_one_span_and_others_their_own() {
        let spans = Span::of_rows(vec![row(12, 8), row(10, 0), row(11, 4), row(20, 40), row(22, 48)]);
        let seen: Vec<_> = spans.iter().map(|span| (span.at.offset, span.to, span.timestamp)).collect();
        assert_eq!(seen, [(0, Some(11), 10), (40, Some(43), 20), (48, Some(51), 22)]);
        assert_eq!(spans[1].at.line, 11);
        assert_eq!(Span::of_rows(Vec::new()), []);
    }

    #[test]
    fn a_span_is_written_without_what_it_has_not() {
        let span =
            Span { at: Position { offset: 7, line: 2, ..Position::default() }, to: None, timestamp: 5 };
        let text = serde_json::to_string(&span).unwrap();
        assert_eq!(text, r#"{"offset":7,"line":2,"timestamp":5}"#);
        assert_eq!(serde_json::from_str::<Span>(&text).unwrap(), span);
    }
}
