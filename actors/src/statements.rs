//! The statements a session has prepared, for hosts that do not know them yet.
//!
//! Callers add what they prepare; pools read, before they let requests onto the first connection to a host. Statements
//! are held weakly: what no caller holds any more is not taught to anybody.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::request::Preparation;

/// Forgotten statements are cleared out when there are this many, and again whenever their number has doubled.
const FIRST_SWEEP: usize = 256;

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    all: Vec<Weak<Preparation>>,
    next_sweep: usize,
}

impl Statements {
    /// Remembers a statement for as long as somebody holds it.
    pub(crate) fn add(&self, statement: &Arc<Preparation>) {
        // A panic elsewhere cannot leave a list of pointers in a bad state.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.all.len() >= known.next_sweep.max(FIRST_SWEEP) {
            known.all.retain(|statement| statement.strong_count() > 0);
            known.next_sweep = known.all.len() * 2;
        }
        known.all.push(Arc::downgrade(statement));
    }

    /// Those that somebody holds. Of several with the same text in the same keyspace, one.
    pub(crate) fn alive(&self) -> Vec<Arc<Preparation>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alive: Vec<_> = known.all.iter().filter_map(Weak::upgrade).collect();
        drop(known);
        alive.sort_by(|a, b| key(a).cmp(&key(b)));
        alive.dedup_by(|a, b| key(a) == key(b));
        alive
    }
}

/// By keyspace first, so that those of one keyspace stand together.
fn key(statement: &Preparation) -> (Option<&str>, Option<&str>, &str) {
    (statement.session_keyspace.as_deref(), statement.keyspace.as_deref(), &statement.cql)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(cql: &str, keyspace: Option<&str>) -> Arc<Preparation> {
        let id = cql.as_bytes().to_vec().into();
        Arc::new(Preparation::new(id, cql.into(), None, keyspace.map(Arc::from), Arc::new([])))
    }

    #[test]
    fn statements_nobody_holds_are_forgotten_and_equal_ones_are_one() {
        let statements = Statements::default();
        let kept = [statement("b", Some("ks")), statement("a", Some("ks")), statement("a", None)];
        kept.iter().for_each(|statement| statements.add(statement));
        statements.add(&statement("gone", None));
        let again = statement("a", Some("ks"));
        statements.add(&again);
        let alive: Vec<_> = statements
            .alive()
            .iter()
            .map(|one| (one.session_keyspace.clone(), one.cql.to_string()))
            .collect();
        let ks: Option<Arc<str>> = Some("ks".into());
        assert_eq!(alive, [(None, "a".into()), (ks.clone(), "a".into()), (ks, "b".into())]);
    }

    #[test]
    fn a_program_that_prepares_for_ever_does_not_make_the_list_grow() {
        let statements = Statements::default();
        (0..10_000).for_each(|n| statements.add(&statement(&n.to_string(), None)));
        assert!(statements.known.lock().unwrap().all.len() <= FIRST_SWEEP);
        assert!(statements.alive().is_empty());
    }
}
