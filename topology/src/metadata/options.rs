//! The options of a table or materialized view.

use std::collections::BTreeMap;
use std::time::Duration;

use chorus_protocol::CqlValue;

/// The options of a table or materialized view, as the server told them: those this driver knows by methods, any other by
/// name. An option that the server does not have, or left at its default by telling null, is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableOptions {
    values: BTreeMap<String, CqlValue>,
}

macro_rules! options {
    ($( $(#[$doc:meta])* $name:ident: $read:ident -> $typ:ty; )+) => {
        impl TableOptions {
            $( $(#[$doc])* pub fn $name(&self) -> $typ { self.$read(stringify!($name)) } )+
        }
    };
}

options! {
    /// When the coordinator of a write sends it to a further replica.
    additional_write_policy: text -> Option<&str>;
    /// Whether a snapshot is taken before the table is dropped or truncated.
    allow_auto_snapshot: boolean -> Option<bool>;
    /// The share of needless disk reads that bloom filters may let through.
    bloom_filter_fp_chance: fraction -> Option<f64>;
    /// What is kept in memory: `keys` and `rows_per_partition`.
    caching: map -> BTreeMap<&str, &str>;
    /// Whether changes are logged for consumers.
    cdc: boolean -> Option<bool>;
    /// How files are merged: `class` and its options.
    compaction: map -> BTreeMap<&str, &str>;
    /// How files are compressed: `class` and its options.
    compression: map -> BTreeMap<&str, &str>;
    /// How often checksums are verified when data is read, from 0 to 1.
    crc_check_chance: fraction -> Option<f64>;
    /// Whether files are linked for backups.
    incremental_backups: boolean -> Option<bool>;
    /// The most entries between two samples of the index.
    max_index_interval: integer -> Option<i32>;
    /// The memtable configuration, by name.
    memtable: text -> Option<&str>;
    /// The fewest entries between two samples of the index.
    min_index_interval: integer -> Option<i32>;
    /// Whether reads that find differences repair them before they are answered.
    read_repair: text -> Option<&str>;
    /// When the coordinator of a read asks a further replica.
    speculative_retry: text -> Option<&str>;
}

impl TableOptions {
    pub(super) fn new(values: BTreeMap<String, CqlValue>) -> TableOptions {
        TableOptions { values }
    }

    /// What somebody wrote about the table; empty for most.
    pub fn comment(&self) -> &str {
        self.text("comment").unwrap_or_default()
    }

    /// How long values live whose statement does not say; `None` for ever.
    pub fn default_time_to_live(&self) -> Option<Duration> {
        self.seconds("default_time_to_live").filter(|time| !time.is_zero())
    }

    /// How long deletions are remembered.
    pub fn gc_grace(&self) -> Option<Duration> {
        self.seconds("gc_grace_seconds")
    }

    /// How often memtables are written to disk whatever their size; `None` for never.
    pub fn memtable_flush_period(&self) -> Option<Duration> {
        let period = self.integer("memtable_flush_period_in_ms")?;
        u64::try_from(period).ok().filter(|period| *period > 0).map(Duration::from_millis)
    }

    /// What other software keeps with the table, by key.
    pub fn extensions(&self) -> BTreeMap<&str, &[u8]> {
        fn bytes(entry: &(CqlValue, Option<CqlValue>)) -> Option<(&str, &[u8])> {
            match entry {
                (CqlValue::Text(key), Some(CqlValue::Blob(bytes))) => Some((key, bytes)),
                _ => None,
            }
        }
        self.entries("extensions").iter().filter_map(bytes).collect()
    }

    /// An option by the name of its column in `system_schema.tables`.
    pub fn value(&self, name: &str) -> Option<&CqlValue> {
        self.values.get(name)
    }

    /// All options by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &CqlValue)> {
        self.values.iter().map(|(name, value)| (&**name, value))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            CqlValue::Text(text) | CqlValue::Ascii(text) => Some(text),
            _ => None,
        }
    }

    fn boolean(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            CqlValue::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn integer(&self, name: &str) -> Option<i32> {
        match self.value(name)? {
            CqlValue::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn fraction(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            CqlValue::Double(value) => Some(*value),
            _ => None,
        }
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.integer(name).and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
    }

    fn map(&self, name: &str) -> BTreeMap<&str, &str> {
        fn text(entry: &(CqlValue, Option<CqlValue>)) -> Option<(&str, &str)> {
            match entry {
                (CqlValue::Text(key), Some(CqlValue::Text(value))) => Some((key, value)),
                _ => None,
            }
        }
        self.entries(name).iter().filter_map(text).collect()
    }

    fn entries(&self, name: &str) -> &[(CqlValue, Option<CqlValue>)] {
        match self.value(name) {
            Some(CqlValue::Map(entries)) => entries,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(values: &[(&str, CqlValue)]) -> TableOptions {
        TableOptions::new(values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn known_options_have_types_and_unknown_ones_are_kept() {
        let text = CqlValue::from;
        let told = options(&[
            ("comment", text("orders")),
            ("default_time_to_live", CqlValue::Int(60)),
            ("gc_grace_seconds", CqlValue::Int(0)),
            ("memtable_flush_period_in_ms", CqlValue::Int(5)),
            ("bloom_filter_fp_chance", CqlValue::Double(0.1)),
            ("cdc", CqlValue::Boolean(true)),
            ("compaction", CqlValue::map([(text("class"), text("X")), (text("n"), text("4"))])),
            ("extensions", CqlValue::map([(text("key"), CqlValue::Blob(vec![1, 2]))])),
            ("speculative_retry", text("99p")),
            ("from_the_future", CqlValue::Int(7)),
        ]);
        assert_eq!(told.comment(), "orders");
        assert_eq!(told.default_time_to_live(), Some(Duration::from_secs(60)));
        assert_eq!(told.gc_grace(), Some(Duration::ZERO));
        assert_eq!(told.memtable_flush_period(), Some(Duration::from_millis(5)));
        assert_eq!(told.bloom_filter_fp_chance(), Some(0.1));
        assert_eq!(told.cdc(), Some(true));
        assert_eq!(told.compaction(), BTreeMap::from([("class", "X"), ("n", "4")]));
        assert_eq!(told.extensions(), BTreeMap::from([("key", &[1, 2][..])]));
        assert_eq!(told.speculative_retry(), Some("99p"));
        assert_eq!(told.value("from_the_future"), Some(&CqlValue::Int(7)));
        assert_eq!(told.iter().len(), 10);
    }

    #[test]
    fn what_is_absent_or_of_another_type_is_not_there() {
        let odd = options(&[
            ("comment", CqlValue::Int(1)),
            ("default_time_to_live", CqlValue::Int(0)),
            ("gc_grace_seconds", CqlValue::Int(-1)),
            ("compaction", CqlValue::from("class")),
            ("cdc", CqlValue::from("yes")),
        ]);
        for told in [&odd, &TableOptions::default()] {
            assert_eq!((told.comment(), told.default_time_to_live(), told.gc_grace()), ("", None, None));
            assert_eq!((told.compaction().len(), told.cdc(), told.read_repair()), (0, None, None));
            assert_eq!((told.memtable_flush_period(), told.extensions().len()), (None, 0));
        }
    }
}
