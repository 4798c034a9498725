//! What was asked of a load, as far as it decides what is written.
//!
//! Hosts, users, passwords, consistency, concurrency and limits are not part of it: they may differ when a load is
//! resumed, and nothing secret is written down.

use serde::{Deserialize, Serialize};

/// Table, mapping and how cells are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) table: String,
    pub(crate) delimiter: String,
    pub(crate) quote: String,
    pub(crate) record_limit: usize,
    pub(crate) mapping: Vec<String>,
    pub(crate) nulls: Vec<String>,
    pub(crate) write_nulls: bool,
    pub(crate) epoch: String,
}

impl Asked {
    /// Each difference as half a sentence.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let lists = |list: &[String]| match list {
            [] => "none".to_owned(),
            some => some.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", "),
        };
        let fields = [
            ("the table", self.table.clone(), now.table.clone()),
            ("the delimiter", format!("{:?}", self.delimiter), format!("{:?}", now.delimiter)),
            ("the quote", format!("{:?}", self.quote), format!("{:?}", now.quote)),
            ("the longest record", self.record_limit.to_string(), now.record_limit.to_string()),
            ("the mapping", lists(&self.mapping), lists(&now.mapping)),
            ("the texts that mean null", lists(&self.nulls), lists(&now.nulls)),
            ("whether nulls are written", yes(self.write_nulls), yes(now.write_nulls)),
            ("the unit of whole numbers as timestamps", self.epoch.clone(), now.epoch.clone()),
        ];
        let different = fields.into_iter().filter(|(_, was, is)| was != is);
        different.map(|(what, was, is)| format!("{what} was {was} and is {is}")).collect()
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let asked = Asked {
            table: "ks.t".to_owned(),
            delimiter: ",".to_owned(),
            quote: "\"".to_owned(),
            record_limit: 100,
            mapping: vec!["a=b".to_owned()],
            nulls: Vec::new(),
            write_nulls: false,
            epoch: "milliseconds".to_owned(),
        };
        assert_eq!(asked.differences(&asked), Vec::<String>::new());
        let now = Asked {
            table: "ks.u".to_owned(),
            nulls: vec!["NA".to_owned()],
            mapping: Vec::new(),
            write_nulls: true,
            ..asked.clone()
        };
        assert_eq!(
            asked.differences(&now),
            [
                "the table was ks.t and is ks.u",
                "the mapping was \"a=b\" and is none",
                "the texts that mean null was none and is \"NA\"",
                "whether nulls are written was no and is yes",
            ]
        );
    }
}
