//! What is different between two states of the schema.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Schema;
use crate::metadata::function::FunctionSignature;

/// A difference between the schema as it was known and as it is known now.
///
/// It comes from comparing what was read, not from what a server announced: a change whose announcement was lost is told
/// with the next read, and one that was announced twice is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaDifference {
    /// What happened.
    pub kind: DifferenceKind,
    /// The keyspace it happened in, or to.
    pub keyspace: Arc<str>,
    /// What it happened to.
    pub object: SchemaObject,
}

/// What happened to an object of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// It was not there before.
    Created,
    /// It is another than before.
    Updated,
    /// It is not there any more.
    Dropped,
}

/// An object of the schema, by its name without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaObject {
    /// The keyspace itself. What a new or a dropped one contains is not told one by one.
    Keyspace,
    /// A table, its indexes and triggers included.
    Table(Arc<str>),
    /// A materialized view.
    View(Arc<str>),
    /// A user-defined type.
    UserType(Arc<str>),
    /// A function.
    Function(FunctionSignature),
    /// An aggregate.
    Aggregate(FunctionSignature),
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyspace = &self.keyspace;
        match &self.object {
            SchemaObject::Keyspace => write!(f, "keyspace {keyspace}")?,
            SchemaObject::Table(name) => write!(f, "table {keyspace}.{name}")?,
            SchemaObject::View(name) => write!(f, "view {keyspace}.{name}")?,
            SchemaObject::UserType(name) => write!(f, "type {keyspace}.{name}")?,
            SchemaObject::Function(signature) => write!(f, "function {keyspace}.{signature}")?,
            SchemaObject::Aggregate(signature) => write!(f, "aggregate {keyspace}.{signature}")?,
        }
        f.write_str(match self.kind {
            DifferenceKind::Created => " was created",
            DifferenceKind::Updated => " was changed",
            DifferenceKind::Dropped => " was dropped",
        })
    }
}

/// What is different in `now`, keyspace by keyspace in name order. Cheap where nothing is: what did not change is shared
/// between the two.
pub fn differences(before: &Schema, now: &Schema) -> Vec<SchemaDifference> {
    let mut found = Vec::new();
    compare(before, now, |name, kind| {
        let of = |object, kind| SchemaDifference { kind, keyspace: name.clone(), object };
        let (Some(before), Some(now)) = (before.get(name), now.get(name)) else {
            found.push(of(SchemaObject::Keyspace, kind));
            return;
        };
        let own = (before.durable_writes, &before.replication, &before.consistency, &before.graph_engine);
        if own != (now.durable_writes, &now.replication, &now.consistency, &now.graph_engine) {
            found.push(of(SchemaObject::Keyspace, kind));
        }
        compare(&before.user_types, &now.user_types, |name, kind| {
            found.push(of(SchemaObject::UserType(name.clone()), kind));
        });
        compare(&before.functions, &now.functions, |signature, kind| {
            found.push(of(SchemaObject::Function(signature.clone()), kind));
        });
        compare(&before.aggregates, &now.aggregates, |signature, kind| {
            found.push(of(SchemaObject::Aggregate(signature.clone()), kind));
        });
        compare(&before.tables, &now.tables, |name, kind| {
            found.push(of(SchemaObject::Table(name.clone()), kind));
        });
        compare(&before.views, &now.views, |name, kind| {
            found.push(of(SchemaObject::View(name.clone()), kind));
        });
    });
    found
}

/// Tells each key whose value is another, or is on one side only, in key order.
fn compare<K: Ord, V: PartialEq>(
    before: &BTreeMap<K, Arc<V>>,
    now: &BTreeMap<K, Arc<V>>,
    mut tell: impl FnMut(&K, DifferenceKind),
) {
    let (mut old, mut new) = (before.iter().peekable(), now.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some((name, _)), None) => {
                tell(name, DifferenceKind::Dropped);
                old.next();
            }
            (None, Some((name, _))) => {
                tell(name, DifferenceKind::Created);
                new.next();
            }
            (Some((left, was)), Some((right, is))) => match left.cmp(right) {
                std::cmp::Ordering::Less => {
                    tell(left, DifferenceKind::Dropped);
                    old.next();
                }
                std::cmp::Ordering::Greater => {
                    tell(right, DifferenceKind::Created);
                    new.next();
                }
                std::cmp::Ordering::Equal => {
                    if !Arc::ptr_eq(was, is) && was != is {
                        tell(left, DifferenceKind::Updated);
                    }
                    old.next();
                    new.next();
                }
            },
        }
    }
}
