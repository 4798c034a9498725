//! The WITH options of a table: checked, stored, shown, and for two of them obeyed.

use std::collections::BTreeMap;

use super::scylla::{RATE_LIMIT, RateLimit};
use crate::cql::CqlError;
use crate::cql::ast::OptionValue as Written;

/// The value of a table option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// A string, number or boolean, as text.
    Text(String),
    /// A map, such as compaction has.
    Map(BTreeMap<String, String>),
}

/// Which values an option takes.
enum Shape {
    Text,
    Integer,
    Fraction,
    Boolean,
    Map,
}

/// Name, shape and default of every option, as Apache Cassandra 5 has them. The defaults of maps are written `key=value`.
const OPTIONS: [(&str, Shape, &str); 19] = [
    ("additional_write_policy", Shape::Text, "99p"),
    ("allow_auto_snapshot", Shape::Boolean, "true"),
    ("bloom_filter_fp_chance", Shape::Fraction, "0.01"),
    ("caching", Shape::Map, "keys=ALL,rows_per_partition=NONE"),
    ("cdc", Shape::Boolean, "false"),
    ("comment", Shape::Text, ""),
    (
        "compaction",
        Shape::Map,
        "class=org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy,max_threshold=32,min_threshold=4",
    ),
    ("compression", Shape::Map, "chunk_length_in_kb=16,class=org.apache.cassandra.io.compress.LZ4Compressor"),
    ("crc_check_chance", Shape::Fraction, "1.0"),
    ("default_time_to_live", Shape::Integer, "0"),
    ("extensions", Shape::Map, ""),
    ("gc_grace_seconds", Shape::Integer, "864000"),
    ("incremental_backups", Shape::Boolean, "true"),
    ("max_index_interval", Shape::Integer, "2048"),
    ("memtable", Shape::Text, "default"),
    ("memtable_flush_period_in_ms", Shape::Integer, "0"),
    ("min_index_interval", Shape::Integer, "128"),
    ("read_repair", Shape::Text, "BLOCKING"),
    ("speculative_retry", Shape::Text, "99p"),
];

/// Twenty years: a longer time to live is refused.
pub(crate) const MAX_TTL: i32 = 20 * 365 * 24 * 60 * 60;

/// The options of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    values: BTreeMap<&'static str, OptionValue>,
    /// Seconds that values live when their statement does not say; 0 for ever.
    pub default_time_to_live: i32,
    /// Seconds that tombstones are kept for late, older writes.
    pub gc_grace_seconds: i32,
    /// How often one partition may be asked for; ScyllaDB only.
    pub rate_limit: RateLimit,
}

impl Default for TableOptions {
    fn default() -> Self {
        let values = OPTIONS
            .iter()
            .map(|(name, shape, default)| {
                let value = match shape {
                    Shape::Map => OptionValue::Map(
                        default
                            .split(',')
                            .filter_map(|entry| entry.split_once('='))
                            .map(|(key, value)| (key.to_owned(), value.to_owned()))
                            .collect(),
                    ),
                    _ => OptionValue::Text((*default).to_owned()),
                };
                (*name, value)
            })
            .collect();
        Self { values, default_time_to_live: 0, gc_grace_seconds: 864_000, rate_limit: RateLimit::default() }
    }
}

impl TableOptions {
    /// Every option, set or by default, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &OptionValue)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// The option of that name, as text; `None` for a map or an unknown name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            OptionValue::Text(text) => Some(text),
            OptionValue::Map(_) => None,
        }
    }

    /// The option of that name, as a map; `None` for a text or an unknown name.
    pub fn map(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        match self.values.get(name)? {
            OptionValue::Text(_) => None,
            OptionValue::Map(map) => Some(map),
        }
    }

    /// Takes over what a WITH clause says.
    pub(crate) fn apply(&mut self, written: &[(String, Written)]) -> Result<(), CqlError> {
        for (name, value) in written {
            if name == RATE_LIMIT {
                self.rate_limit = RateLimit::parse(value)?;
                continue;
            }
            let Some((name, shape, _)) = OPTIONS.iter().find(|(known, ..)| known == name) else {
                return Err(CqlError::syntax(format!("Unknown property '{name}'")));
            };
            let value = shape.check(name, value)?;
            match (*name, &value) {
                ("default_time_to_live", OptionValue::Text(text)) => {
                    let seconds = text.parse().unwrap_or(-1);
                    if !(0..=MAX_TTL).contains(&seconds) {
                        return Err(CqlError::config(format!(
                            "default_time_to_live must be between 0 and {MAX_TTL} (got {text})"
                        )));
                    }
                    self.default_time_to_live = seconds;
                }
                ("gc_grace_seconds", OptionValue::Text(text)) => {
                    self.gc_grace_seconds =
                        text.parse().ok().filter(|seconds| *seconds >= 0).ok_or_else(|| {
                            CqlError::config(format!("gc_grace_seconds must be at least 0 (got {text})"))
                        })?;
                }
                _ => {}
            }
            self.values.insert(name, value);
        }
        Ok(())
    }
}

impl Shape {
    fn check(&self, name: &str, value: &Written) -> Result<OptionValue, CqlError> {
        match (self, value) {
            (Self::Map, Written::Map(entries)) => {
                let mut map: BTreeMap<String, String> = entries.iter().cloned().collect();
                if let Some(class) = map.get_mut("class")
                    && !class.contains('.')
                {
                    let package = match name {
                        "compaction" => "org.apache.cassandra.db.compaction.",
                        "compression" => "org.apache.cassandra.io.compress.",
                        _ => "",
                    };
                    class.insert_str(0, package);
                }
                Ok(OptionValue::Map(map))
            }
            (Self::Map, Written::Text(_)) => {
                Err(CqlError::syntax(format!("Invalid value for property '{name}'. It should be a map.")))
            }
            (_, Written::Map(_)) => {
                Err(CqlError::syntax(format!("Invalid value for property '{name}'. It should be a string.")))
            }
            (Self::Text, Written::Text(text)) => Ok(OptionValue::Text(text.clone())),
            (Self::Integer, Written::Text(text)) => match text.parse::<i32>() {
                Ok(number) => Ok(OptionValue::Text(number.to_string())),
                Err(_) => Err(CqlError::syntax(format!("Invalid integer value {text} for '{name}'"))),
            },
            (Self::Fraction, Written::Text(text)) => match text.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(OptionValue::Text(format!("{number:?}"))),
                _ => Err(CqlError::syntax(format!("Invalid double value {text} for '{name}'"))),
            },
            (Self::Boolean, Written::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(OptionValue::Text("true".to_owned())),
                "false" | "no" | "0" => Ok(OptionValue::Text("false".to_owned())),
                _ => Err(CqlError::syntax(format!("Invalid boolean value {text} for '{name}'"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &str) -> Vec<(String, Written)> {
        vec![(name.to_owned(), Written::Text(value.to_owned()))]
    }

    #[test]
    fn options_are_stored_and_shown_beside_the_defaults() {
        let mut options = TableOptions::default();
        options.apply(&text("comment", "hello")).expect("an option");
        options.apply(&text("default_time_to_live", "60")).expect("an option");
        let compaction = Written::Map(vec![("class".into(), "LeveledCompactionStrategy".into())]);
        options.apply(&[("compaction".to_owned(), compaction)]).expect("an option");
        assert_eq!(options.text("comment"), Some("hello"));
        assert_eq!(options.default_time_to_live, 60);
        assert_eq!(
            options.map("compaction").and_then(|map| map.get("class")).map(String::as_str),
            Some("org.apache.cassandra.db.compaction.LeveledCompactionStrategy")
        );
        assert_eq!(options.text("gc_grace_seconds"), Some("864000"));
        assert_eq!(options.map("caching").map(BTreeMap::len), Some(2));
    }

    #[test]
    fn unknown_options_and_wrong_values_are_refused() {
        let mut options = TableOptions::default();
        for (name, value) in [
            ("no_such_option", "1"),
            ("default_time_to_live", "-1"),
            ("default_time_to_live", "630720001"),
            ("gc_grace_seconds", "x"),
            ("bloom_filter_fp_chance", "2"),
            ("cdc", "perhaps"),
            ("compaction", "Leveled"),
        ] {
            options.apply(&text(name, value)).expect_err(name);
        }
        assert_eq!(options, TableOptions::default());
    }
}
