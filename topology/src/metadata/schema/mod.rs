//! The schema: keyspaces and all they hold, from schema rows.
//!
//! * `part`: the rows of one keyspace put together.
//! * `partial`: taking over less than a keyspace.
//! * `changes`: what is different afterwards.

mod changes;
#[cfg(test)]
mod legacy_tests;
mod part;
mod partial;
#[cfg(test)]
mod partial_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keyspace::Keyspace;
use super::warning::Warning;
use crate::rows::{KeyspaceRow, SchemaRows, SchemaScope};
use part::{Part, distribute};

pub use changes::{DifferenceKind, SchemaDifference, SchemaObject, differences};

/// All keyspaces by name, unquoted.
pub type Schema = BTreeMap<Arc<str>, Arc<Keyspace>>;

/// The schema after reading `rows` of the part `scope`. What is as it was keeps its `Arc`.
pub(super) fn read(
    scope: &SchemaScope,
    rows: &SchemaRows,
    previous: &Schema,
    warnings: &mut Vec<Warning>,
) -> Schema {
    let unreadable = rows.unreadable.iter();
    warnings.extend(unreadable.map(|(table, error)| Warning::UnreadableRow {
        table: table.name(rows.layout).unwrap_or("a schema table"),
        error: error.clone(),
    }));
    match scope {
        SchemaScope::All => whole(rows, previous, warnings),
        SchemaScope::Keyspace(name) => {
            let mut schema = previous.clone();
            schema.remove(name);
            for (name, keyspace) in whole(rows, previous, warnings) {
                if scope.keyspace_name() == Some(&name) {
                    schema.insert(name, keyspace);
                }
            }
            schema
        }
        part => partly(part, rows, previous, warnings),
    }
}

/// Every keyspace that has a row of its own.
fn whole(rows: &SchemaRows, previous: &Schema, warnings: &mut Vec<Warning>) -> Schema {
    let mut names: BTreeMap<&str, &KeyspaceRow> = BTreeMap::new();
    let mut parts: BTreeMap<&str, Part<'_>> = BTreeMap::new();
    let real = rows.keyspaces.iter().map(|row| (row, false));
    let computed = rows.virtual_keyspaces.iter().map(|row| (row, true));
    for (row, is_virtual) in computed.chain(real) {
        names.insert(&row.keyspace_name, row);
        parts.insert(&row.keyspace_name, Part::new(is_virtual));
    }
    distribute(rows, &mut parts);
    let keyspaces = parts.into_values().zip(names.into_values()).map(|(part, row)| {
        let keyspace = part.keyspace(row, warnings);
        warnings.extend(keyspace.all_problems().cloned());
        let keyspace = shared(keyspace, previous);
        (keyspace.name.clone(), keyspace)
    });
    keyspaces.collect()
}

/// Less than a keyspace. One that is not known, or is virtual, is left alone: it was dropped meanwhile.
fn partly(scope: &SchemaScope, rows: &SchemaRows, previous: &Schema, warnings: &mut Vec<Warning>) -> Schema {
    let mut schema = previous.clone();
    let known = scope.keyspace_name().and_then(|name| previous.get(name));
    let Some(known) = known.filter(|known| !known.is_virtual) else {
        return schema;
    };
    let mut parts = BTreeMap::from([(&*known.name, Part::new(false))]);
    distribute(rows, &mut parts);
    let part = parts.into_values().next().unwrap_or_default();
    let keyspace = match scope {
        SchemaScope::UserTypes(_) => partial::user_types(known, &part),
        SchemaScope::Table { table, .. } => partial::table(known, &part, table, warnings),
        SchemaScope::Functions { name, .. } => partial::functions(known, &part, name),
        SchemaScope::Aggregates { name, .. } => partial::aggregates(known, &part, name),
        SchemaScope::All | SchemaScope::Keyspace(_) => return schema,
    };
    warnings
        .extend(keyspace.all_problems().filter(|now| !known.all_problems().any(|old| old == *now)).cloned());
    let keyspace = shared(keyspace, previous);
    schema.insert(keyspace.name.clone(), keyspace);
    schema
}

/// The keyspace, with everything in it that is as it was in the `Arc` it was in; or the whole of it in its own.
fn shared(mut keyspace: Keyspace, previous: &Schema) -> Arc<Keyspace> {
    let Some(known) = previous.get(&keyspace.name) else { return Arc::new(keyspace) };
    keep(&mut keyspace.tables, &known.tables);
    keep(&mut keyspace.views, &known.views);
    keep(&mut keyspace.user_types, &known.user_types);
    keep(&mut keyspace.functions, &known.functions);
    keep(&mut keyspace.aggregates, &known.aggregates);
    if **known == keyspace { known.clone() } else { Arc::new(keyspace) }
}

fn keep<K: Ord, V: PartialEq>(objects: &mut BTreeMap<K, Arc<V>>, known: &BTreeMap<K, Arc<V>>) {
    for (name, object) in objects {
        if let Some(same) = known.get(name).filter(|known| *known == object) {
            *object = same.clone();
        }
    }
}
