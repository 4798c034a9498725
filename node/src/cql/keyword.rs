//! The words that are not free to be identifiers.

use std::borrow::Cow;

/// The reserved words of CQL, sorted.
#[rustfmt::skip]
const RESERVED: [&str; 63] = [
    "add", "allow", "alter", "and", "any", "apply", "asc", "authorize", "batch", "begin", "by", "columnfamily",
    "create", "default", "delete", "desc", "describe", "drop", "entries", "execute", "from", "full", "grant", "if",
    "in", "index", "infinity", "insert", "into", "is", "keyspace", "limit", "materialized", "mbean", "mbeans",
    "modify", "nan", "norecursive", "not", "null", "of", "on", "or", "order", "primary", "rename", "replace",
    "revoke", "schema", "select", "set", "table", "to", "token", "truncate", "unlogged", "unset", "update", "use",
    "using", "view", "where", "with",
];

/// Whether a word, in any case, may only be an identifier between double quotes.
pub(crate) fn is_reserved(word: &str) -> bool {
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    RESERVED.binary_search_by(|reserved| reserved.as_bytes().cmp(lower)).is_ok()
}

/// An identifier the way CQL text has to spell it.
pub(crate) fn quote(identifier: &str) -> Cow<'_, str> {
    let plain = identifier.starts_with(|c: char| c.is_ascii_lowercase())
        && identifier.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !is_reserved(identifier);
    if plain {
        Cow::Borrowed(identifier)
    } else {
        Cow::Owned(format!("\"{}\"", identifier.replace('"', "\"\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(RESERVED.is_sorted());
        assert!(RESERVED.iter().all(|word| is_reserved(word) && is_reserved(&word.to_uppercase())));
        assert!(
            !is_reserved("key") && !is_reserved("ttl") && !is_reserved("a_word_longer_than_any_reserved")
        );
    }

    #[test]
    fn only_identifiers_that_need_quotes_get_them() {
        assert_eq!(quote("simple_1"), "simple_1");
        assert_eq!(quote("Mixed"), "\"Mixed\"");
        assert_eq!(quote("table"), "\"table\"");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote("1a"), "\"1a\"");
        assert_eq!(quote(""), "\"\"");
    }
}
