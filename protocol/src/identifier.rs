//! Names in CQL text.

use std::borrow::Cow;

/// Words that mean something else when left bare. Sorted.
const RESERVED: &[&str] = &[
    "active",
    "add",
    "allow",
    "alter",
    "and",
    "any",
    "application",
    "applications",
    "apply",
    "asc",
    "authentication",
    "authorize",
    "batch",
    "begin",
    "by",
    "call",
    "calls",
    "cast",
    "cluster",
    "columnfamily",
    "columns",
    "commit",
    "config",
    "create",
    "default",
    "delegation",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "executor",
    "executors",
    "field",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "indices",
    "infinity",
    "insert",
    "internal",
    "into",
    "is",
    "java",
    "kerberos",
    "keyspace",
    "ldap",
    "limit",
    "lowercasestring",
    "materialized",
    "mbean",
    "mbeans",
    "method",
    "modify",
    "nan",
    "no",
    "node",
    "nodes",
    "norecursive",
    "not",
    "null",
    "object",
    "of",
    "on",
    "or",
    "order",
    "plan",
    "primary",
    "profiles",
    "rebuild",
    "redact",
    "reload",
    "remote",
    "rename",
    "renew",
    "replace",
    "restrict",
    "revoke",
    "rows",
    "schema",
    "scheme",
    "schemes",
    "scylla_clustering_bound",
    "scylla_counter_shard_list",
    "scylla_timeuuid_list_index",
    "search",
    "select",
    "set",
    "std_err",
    "std_out",
    "submission",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unrestrict",
    "unset",
    "update",
    "use",
    "using",
    "view",
    "where",
    "with",
    "workpool",
];

/// The name as it must stand in CQL: bare where that is safe, otherwise in double quotes with inner ones doubled.
///
/// Bare means `[a-z][a-z0-9_]*` and not a reserved word of Cassandra, ScyllaDB or DSE.
pub fn quote(name: &str) -> Cow<'_, str> {
    if is_bare(name) { Cow::Borrowed(name) } else { Cow::Owned(always_quote(name)) }
}

/// The name in double quotes, inner ones doubled.
pub fn always_quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// True for reserved words, in any case.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}

fn is_bare(name: &str) -> bool {
    let mut characters = name.bytes();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !is_reserved(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_names_stay_bare() {
        for name in ["a", "user_id", "t1", "text", "key", "ttl", "values"] {
            assert!(matches!(quote(name), Cow::Borrowed(bare) if bare == name));
        }
    }

    #[test]
    fn everything_else_is_quoted() {
        for (name, quoted) in [
            ("", "\"\""),
            ("select", "\"select\""),
            ("node", "\"node\""),
            ("Mixed", "\"Mixed\""),
            ("1a", "\"1a\""),
            ("_a", "\"_a\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("\u{e9}", "\"\u{e9}\""),
        ] {
            assert_eq!(quote(name), quoted);
        }
    }

    #[test]
    fn reserved_words_are_found_in_any_case() {
        assert!(RESERVED.is_sorted());
        for word in RESERVED {
            assert!(is_reserved(&word.to_uppercase()));
        }
        assert!(!is_reserved("timestamp"));
    }
}
