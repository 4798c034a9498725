//! The primary key of a table that is to be created.

use std::str::FromStr;

/// Column names of a primary key. Defaults to nothing: a key must be named.
///
/// Written as in CQL's `PRIMARY KEY (..)`: `a,b` has the partition key `a` and the clustering column `b`; `(a,b),c`
/// has the partition key `a, b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    partition: Vec<String>,
    clustering: Vec<String>,
}

/// A key that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a primary key: write a,b or (a,b),c with each column once")]
pub struct PrimaryKeyError(String);

impl PrimaryKey {
    /// The columns that decide where a row lives.
    #[must_use]
    pub fn partition(&self) -> &[String] {
        &self.partition
    }

    /// The columns that order rows within a partition.
    #[must_use]
    pub fn clustering(&self) -> &[String] {
        &self.clustering
    }

    /// All of them, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> + Clone {
        self.partition.iter().chain(&self.clustering).map(String::as_str)
    }

    /// The same key with every name replaced; `None` when `rename` has no name for one of them.
    pub(crate) fn renamed(&self, rename: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let all = |names: &[String]| names.iter().map(|name| rename(name)).collect::<Option<Vec<_>>>();
        Some(Self { partition: all(&self.partition)?, clustering: all(&self.clustering)? })
    }
}

impl FromStr for PrimaryKey {
    type Err = PrimaryKeyError;

    fn from_str(text: &str) -> Result<Self, PrimaryKeyError> {
        let error = || PrimaryKeyError(text.to_owned());
        let names = |list: &str| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        let trimmed = text.trim();
        let (partition, clustering) = match trimmed.strip_prefix('(') {
            Some(rest) => {
                let (inner, after) = rest.split_once(')').ok_or_else(error)?;
                let after = after.trim_start();
                match after.strip_prefix(',') {
                    Some(list) => (names(inner), names(list)),
                    None if after.is_empty() => (names(inner), Vec::new()),
                    None => return Err(error()),
                }
            }
            None => {
                let mut all = names(trimmed);
                let clustering = all.split_off(1);
                (all, clustering)
            }
        };
        let key = Self { partition, clustering };
        let all: Vec<&str> = key.columns().collect();
        let bad = |(index, name): (usize, &&str)| {
            name.is_empty() || name.contains(['(', ')']) || all[..index].contains(name)
        };
        if all.iter().enumerate().any(bad) { Err(error()) } else { Ok(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> (Vec<String>, Vec<String>) {
        let key: PrimaryKey = text.parse().unwrap();
        (key.partition, key.clustering)
    }

    #[test]
    fn keys_are_written_as_in_cql() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(key("a"), (names(&["a"]), vec![]));
        assert_eq!(key("a, b,c"), (names(&["a"]), names(&["b", "c"])));
        assert_eq!(key("(a,b)"), (names(&["a", "b"]), vec![]));
        assert_eq!(key("(a, b), c"), (names(&["a", "b"]), names(&["c"])));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "a,", ",a", "a,a", "(a", "(a)b", "()", "(a),", "a,(b)", "(a),a"] {
            assert!(bad.parse::<PrimaryKey>().is_err(), "{bad}");
        }
    }
}
