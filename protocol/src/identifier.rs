//! Names in CQL text.

use std::borrow::Cow;

/// Words that mean something else when left bare: those of CQL, and those that ScyllaDB or DataStax Enterprise reserve beyond.
/// Sorted.
pub const RESERVED_KEYWORDS: &[&str] = &[
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

/// Words of CQL that are names all the same, and need no quotes. Sorted.
pub const UNRESERVED_KEYWORDS: &[&str] = &[
    "aggregate",
    "all",
    "as",
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "called",
    "clustering",
    "compact",
    "contains",
    "count",
    "counter",
    "custom",
    "date",
    "decimal",
    "deterministic",
    "distinct",
    "double",
    "exists",
    "filtering",
    "finalfunc",
    "float",
    "frozen",
    "function",
    "functions",
    "inet",
    "initcond",
    "input",
    "int",
    "json",
    "key",
    "keys",
    "keyspaces",
    "language",
    "list",
    "login",
    "map",
    "monotonic",
    "nologin",
    "nosuperuser",
    "options",
    "password",
    "permission",
    "permissions",
    "returns",
    "role",
    "roles",
    "sfunc",
    "smallint",
    "static",
    "storage",
    "stype",
    "superuser",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "trigger",
    "ttl",
    "tuple",
    "type",
    "user",
    "users",
    "uuid",
    "values",
    "varchar",
    "varint",
    "writetime",
];

/// Every word that means something in CQL, whether it is reserved or not.
pub fn keywords() -> impl Iterator<Item = &'static str> {
    RESERVED_KEYWORDS.iter().chain(UNRESERVED_KEYWORDS).copied()
}

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
    RESERVED_KEYWORDS.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
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
        assert!(RESERVED_KEYWORDS.is_sorted());
        for word in RESERVED_KEYWORDS {
            assert!(is_reserved(&word.to_uppercase()));
        }
        assert!(!is_reserved("timestamp"));
    }

    #[test]
    fn a_keyword_is_reserved_or_not_and_stands_once() {
        assert!(UNRESERVED_KEYWORDS.is_sorted());
        for word in UNRESERVED_KEYWORDS {
            assert!(!is_reserved(word), "{word}");
            assert_eq!(quote(word), *word);
        }
        let all: std::collections::BTreeSet<_> = keywords().collect();
        assert_eq!(all.len(), RESERVED_KEYWORDS.len() + UNRESERVED_KEYWORDS.len());
    }
}
