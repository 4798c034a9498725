//! Options of tables: which differ from what the model says.

use std::collections::BTreeMap;

use chorus_protocol::CqlValue;
use chorus_topology::metadata::Table;

use super::{SchemaError, SyncReport, SyncWarning, plan, statements};
use crate::mapper::{TableDefinition, TableOption};

/// Options that servers take and tell nobody about, or keep elsewhere than with the others.
const UNTOLD: [&str; 5] =
    ["nodesync", "paxos_grace_seconds", "per_partition_rate_limit", "synchronous_updates", "tombstone_gc"];

/// Options that some servers tell as null while they are at their default.
const NULL_BY_DEFAULT: [&str; 5] =
    ["additional_write_policy", "allow_auto_snapshot", "cdc", "incremental_backups", "memtable"];

/// What an option is set to.
#[derive(Debug, PartialEq)]
enum Value {
    Scalar(String),
    Map(BTreeMap<String, String>),
}

/// Refuses options whose value is no CQL.
pub(super) fn check_text(table: &TableDefinition, keyspace: &str) -> Result<(), SchemaError> {
    table.options.iter().try_for_each(|option| read(option, table, keyspace).map(|_| ()))
}

/// Plans to set those that differ, in one statement.
pub(super) fn plan(
    table: &TableDefinition,
    existing: &Table,
    report: &mut SyncReport,
) -> Result<(), SchemaError> {
    let mut different: Vec<&TableOption> = Vec::new();
    for option in &table.options {
        let wanted = read(option, table, &existing.keyspace)?;
        let name = &*option.name;
        match existing.options.value(name) {
            Some(found) if differs(&wanted, &told(found)) => different.push(option),
            Some(_) => {}
            None if UNTOLD.contains(&name) => {
                let of = plan::qualified(&existing.keyspace, table);
                report.warnings.push(SyncWarning::Option { of, option: name.to_owned() });
            }
            None if NULL_BY_DEFAULT.contains(&name) => {
                if !matches!(&wanted, Value::Scalar(text) if text.eq_ignore_ascii_case("false")) {
                    different.push(option);
                }
            }
            None => {
                return Err(SchemaError::UnknownOption {
                    table: plan::qualified(&existing.keyspace, table),
                    option: name.to_owned(),
                    known: existing.options.iter().map(|(name, _)| name.to_owned()).collect(),
                });
            }
        }
    }
    if !different.is_empty() {
        let options = different.iter().map(|option| (&*option.name, &*option.value));
        report.statements.push(statements::alter_options(&existing.keyspace, &table.name, options));
        report.altered_options.extend(different.iter().map(|option| option.name.to_string()));
    }
    Ok(())
}

fn read(option: &TableOption, table: &TableDefinition, keyspace: &str) -> Result<Value, SchemaError> {
    parse(&option.value).ok_or_else(|| SchemaError::MalformedOption {
        table: plan::qualified(keyspace, table),
        option: option.name.to_string(),
        value: option.value.to_string(),
    })
}

/// What the server told.
fn told(value: &CqlValue) -> Value {
    let text = |value: &CqlValue| match value {
        CqlValue::Text(text) | CqlValue::Ascii(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        CqlValue::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| (text(key), value.as_ref().map(text).unwrap_or_default()))
                .collect(),
        ),
        scalar => Value::Scalar(text(scalar)),
    }
}

/// Whether what there is has to change. Servers add to maps what they know better, which stays.
fn differs(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Scalar(wanted), Value::Scalar(found)) => !same(wanted, found),
        (Value::Map(wanted), Value::Map(found)) => wanted.iter().any(|(key, value)| match found.get(key) {
            Some(there) if key == "class" => plan::short(value) != plan::short(there),
            Some(there) => !same(value, there),
            None => true,
        }),
        _ => true,
    }
}

/// Whether two scalars are one value: `1` and `1.0`, `TRUE` and `true`, `99PERCENTILE` and `99p`.
fn same(wanted: &str, found: &str) -> bool {
    if let (Ok(wanted), Ok(found)) = (wanted.parse::<f64>(), found.parse::<f64>()) {
        return wanted == found;
    }
    let canonical = |text: &str| {
        let text = text.to_ascii_lowercase();
        match text.strip_suffix("percentile") {
            Some(number) => format!("{}p", number.trim_end_matches(".0")),
            None => text,
        }
    };
    // A comment keeps its letters.
    wanted == found || (canonical(wanted) == canonical(found) && !wanted.contains(' '))
}

/// Reads a literal: a number, a word, a text or a map of them.
fn parse(text: &str) -> Option<Value> {
    let mut rest = text.trim();
    let value = match rest.strip_prefix('{') {
        Some(inner) => {
            rest = inner;
            Value::Map(entries(&mut rest)?)
        }
        None => Value::Scalar(scalar(&mut rest)?),
    };
    rest.trim().is_empty().then_some(value)
}

/// What follows an opening brace, up to the closing one.
fn entries(rest: &mut &str) -> Option<BTreeMap<String, String>> {
    let mut entries = BTreeMap::new();
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return Some(entries);
        }
        if !entries.is_empty() {
            *rest = rest.strip_prefix(',')?.trim_start();
        }
        let key = scalar(rest)?;
        *rest = rest.trim_start().strip_prefix(':')?.trim_start();
        entries.insert(key, scalar(rest)?);
    }
}

fn scalar(rest: &mut &str) -> Option<String> {
    let Some(quoted) = rest.strip_prefix('\'') else {
        let end = rest.find(|character: char| ",:{}' ".contains(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        *rest = after;
        return (!word.is_empty()).then(|| word.to_owned());
    };
    let mut text = String::new();
    let mut pieces = quoted.char_indices().peekable();
    while let Some((place, character)) = pieces.next() {
        if character != '\'' {
            text.push(character);
        } else if pieces.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            *rest = &quoted[place + 1..];
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Value {
        Value::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn literals_are_read() {
        let scalar = |text: &str| Some(Value::Scalar(text.to_owned()));
        for (text, value) in [
            ("3600", scalar("3600")),
            ("-0.5", scalar("-0.5")),
            (" true ", scalar("true")),
            ("'it''s, {'", scalar("it's, {")),
            ("''", scalar("")),
            ("{}", Some(map(&[]))),
            ("{'class': 'X', 'n' : 4}", Some(map(&[("class", "X"), ("n", "4")]))),
            ("{'a': 'b:}'}", Some(map(&[("a", "b:}")]))),
            ("", None),
            ("'open", None),
            ("{'a' 'b'}", None),
            ("{'a': 'b'", None),
            ("{'a': 'b'} x", None),
            ("a b", None),
        ] {
            assert_eq!(parse(text), value, "{text}");
        }
    }

    #[test]
    fn options_differ_in_meaning_and_not_in_spelling() {
        let scalar = |text: &str| Value::Scalar(text.to_owned());
        for (wanted, found) in [
            (scalar("1"), scalar("1.0")),
            (scalar("TRUE"), scalar("true")),
            (scalar("99PERCENTILE"), scalar("99p")),
            (scalar("99.0PERCENTILE"), scalar("99p")),
            (map(&[("class", "Leveled")]), map(&[("class", "org.x.Leveled"), ("min", "4")])),
            (map(&[("class", "org.x.Leveled"), ("min", "4")]), map(&[("class", "Leveled"), ("min", "4")])),
        ] {
            assert!(!differs(&wanted, &found), "{wanted:?} {found:?}");
        }
        for (wanted, found) in [
            (scalar("1"), scalar("2")),
            (scalar("a Comment"), scalar("a comment")),
            (scalar("x"), map(&[])),
            (map(&[("class", "Leveled")]), map(&[("class", "Tiered")])),
            (map(&[("min", "4")]), map(&[("class", "Tiered")])),
        ] {
            assert!(differs(&wanted, &found), "{wanted:?} {found:?}");
        }
    }
}
