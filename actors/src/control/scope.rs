//! What is to be read of the cluster: parts gathered from events and callers until they are read together.

use std::collections::BTreeSet;

use chorus_topology::{RouteScope, SchemaScope};

/// What to read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The members.
    pub(crate) topology: bool,
    /// How much of the schema.
    pub(crate) schema: SchemaParts,
    /// The routes to hosts.
    pub(crate) routes: Option<RouteScope>,
}

impl Scope {
    /// The members alone.
    pub(crate) fn topology() -> Self {
        Self { topology: true, ..Self::default() }
    }

    /// A part of the schema alone.
    pub(crate) fn schema(part: SchemaScope) -> Self {
        Self { schema: SchemaParts::of(part), ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.topology && self.schema.is_empty() && self.routes.is_none()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.topology |= other.topology;
        self.schema.add(other.schema);
        match (&mut self.routes, other.routes) {
            (Some(routes), Some(more)) => routes.add(more),
            (none, Some(routes)) => *none = Some(routes),
            (_, None) => {}
        }
    }
}

/// Parts of the schema, none of which covers another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SchemaParts(BTreeSet<SchemaScope>);

/// More parts of one keyspace than this are read faster as the whole keyspace.
const MOST_OF_A_KEYSPACE: usize = 8;

/// More parts than this are read faster as the whole schema.
const MOST: usize = 32;

impl SchemaParts {
    /// One part.
    pub(crate) fn of(part: SchemaScope) -> Self {
        Self(BTreeSet::from([part]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts in the order in which they must be taken over.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SchemaScope> {
        self.0.iter()
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        for part in other.0 {
            self.add_part(part);
        }
    }

    fn add_part(&mut self, part: SchemaScope) {
        if self.0.iter().any(|known| known.covers(&part)) {
            return;
        }
        self.0.retain(|known| !part.covers(known));
        let keyspace = part.keyspace_name().cloned();
        self.0.insert(part);
        let of_it = self.0.iter().filter(|known| known.keyspace_name() == keyspace.as_ref()).count();
        match keyspace {
            _ if self.0.len() > MOST => self.0 = BTreeSet::from([SchemaScope::All]),
            Some(keyspace) if of_it > MOST_OF_A_KEYSPACE => self.add_part(SchemaScope::Keyspace(keyspace)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[SchemaScope]) -> SchemaParts {
        let mut all = SchemaParts::default();
        parts.iter().for_each(|part| all.add(SchemaParts::of(part.clone())));
        all
    }

    #[test]
    fn what_is_part_of_something_read_anyway_is_not_read_twice() {
        let (table, keyspace) = (SchemaScope::table("a", "t"), SchemaScope::keyspace("a"));
        let other = SchemaScope::table("b", "t");
        for order in [[&table, &keyspace], [&keyspace, &table]] {
            let all = parts(&[order[0].clone(), other.clone(), order[1].clone(), other.clone()]);
            assert_eq!(all.iter().collect::<Vec<_>>(), [&keyspace, &other]);
        }
        assert_eq!(parts(&[table, SchemaScope::All, other]), parts(&[SchemaScope::All]));
    }

    #[test]
    fn many_parts_become_a_keyspace_and_very_many_the_whole_schema() {
        let tables = |keyspace: &str, count: usize| -> Vec<SchemaScope> {
            (0..count).map(|number| SchemaScope::table(keyspace, &number.to_string())).collect()
        };
        assert_eq!(parts(&tables("a", MOST_OF_A_KEYSPACE)).iter().count(), MOST_OF_A_KEYSPACE);
        assert_eq!(parts(&tables("a", 100)), parts(&[SchemaScope::keyspace("a")]));
        let keyspaces: Vec<_> = (0..MOST).map(|number| SchemaScope::keyspace(&number.to_string())).collect();
        assert_eq!(parts(&keyspaces).iter().count(), MOST);
        let more = [&keyspaces[..], &tables("a", 1)].concat();
        assert_eq!(parts(&more), parts(&[SchemaScope::All]));
    }
}
