//! A keyspace and a table, as people write them.

use std::fmt;
use std::str::FromStr;

use chorus_protocol::identifier::quote;

/// `keyspace.table`, as it is spelled in the schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The keyspace, unquoted.
    pub keyspace: String,
    /// The table, unquoted.
    pub table: String,
}

impl TableName {
    /// A name spelled as in the schema; nothing is folded to lower case.
    pub fn new(keyspace: impl Into<String>, table: impl Into<String>) -> Self {
        Self { keyspace: keyspace.into(), table: table.into() }
    }
}

/// A table name that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not KEYSPACE.TABLE")]
pub struct TableNameError(String);

/// Reads it as CQL does: unquoted names are lower case, names in double quotes are taken as they are.
impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let error = || TableNameError(text.to_owned());
        let (keyspace, rest) = identifier(text).ok_or_else(error)?;
        let (table, rest) = rest.strip_prefix('.').and_then(identifier).ok_or_else(error)?;
        if rest.is_empty() { Ok(Self { keyspace, table }) } else { Err(error()) }
    }
}

/// One identifier at the start of `text`, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end =
            text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let plain = name.starts_with(|first: char| first.is_ascii_alphabetic());
        return plain.then(|| (name.to_ascii_lowercase(), rest));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if name.is_empty() => return None,
            None => return Some((name, after)),
        }
    }
}

/// As CQL needs it, quoted where it must be.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote(&self.keyspace), quote(&self.table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_cql_reads_them() {
        assert_eq!("Weather.Hourly".parse(), Ok(TableName::new("weather", "hourly")));
        assert_eq!("\"My Ks\".\"a\"\"b.c\"".parse(), Ok(TableName::new("My Ks", "a\"b.c")));
        assert_eq!(TableName::new("My Ks", "select").to_string(), "\"My Ks\".\"select\"");
        for bad in ["weather", "a.b.c", "a.", ".b", "1a.b", "a b.c", "\"a.b", "\"\".b", "a;drop.b"] {
            assert!(bad.parse::<TableName>().is_err(), "{bad}");
        }
    }
}
