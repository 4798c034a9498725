//! Tablets that answers told of, on their way to the cluster actor.
//!
//! A range that many requests miss is told by each of their answers: what is gathered here between two ticks goes as one
//! message, each tablet once.

use std::cell::{Cell, OnceCell, RefCell};

use chorus_protocol::token::Token;
use chorus_topology::{TableId, TabletHint};
use rustc_hash::FxHashMap;

use crate::cluster::{ClusterActor, LearnTablets};
use crate::mail::Mail;

/// Tablets gathered between two ticks; further ones are dropped, servers tell them again.
const MOST: usize = 1024;

/// See the module documentation.
#[derive(Default)]
pub(crate) struct TabletNews {
    cluster: OnceCell<Mail<ClusterActor>>,
    /// By table and last token: the latest word on a range counts.
    told: RefCell<FxHashMap<(TableId, Token), TabletHint>>,
    pub(super) taken: Cell<u64>,
    pub(super) refused: Cell<u64>,
}

impl TabletNews {
    /// Where they go. The first one counts; there is one cluster actor in a session.
    pub(crate) fn introduce(&self, cluster: Mail<ClusterActor>) {
        let _ = self.cluster.set(cluster);
    }

    /// An answer told of a tablet.
    pub(crate) fn tell(&self, table: TableId, hint: TabletHint) {
        self.taken.set(self.taken.get() + 1);
        let mut told = self.told.borrow_mut();
        if told.len() < MOST || told.contains_key(&(table, hint.last)) {
            told.insert((table, hint.last), hint);
        }
    }

    /// An answer's payload made no sense.
    pub(crate) fn refuse(&self) {
        self.refused.set(self.refused.get() + 1);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.borrow().is_empty()
    }

    /// Sends what was gathered.
    pub(super) fn send(&self) {
        if self.is_empty() {
            return;
        }
        let told = std::mem::take(&mut *self.told.borrow_mut());
        if let Some(cluster) = self.cluster.get() {
            cluster.offer(LearnTablets(told.into_iter().map(|((table, _), hint)| (table, hint)).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(first: i64, last: i64) -> TabletHint {
        TabletHint { first: Token(first), last: Token(last), replicas: Vec::new(), version: None }
    }

    #[test]
    fn a_range_told_by_many_answers_is_kept_once_and_the_number_of_ranges_is_bounded() {
        let news = TabletNews::default();
        for first in 0..3 {
            news.tell(TableId(1), hint(first, 10));
        }
        assert_eq!(news.told.borrow().len(), 1);
        assert_eq!(news.told.borrow()[&(TableId(1), Token(10))], hint(2, 10));
        for last in 11..10_000 {
            news.tell(TableId(1), hint(10, last));
        }
        news.tell(TableId(1), hint(5, 10));
        assert_eq!((news.told.borrow().len(), news.taken.get()), (MOST, 9_993));
        assert_eq!(news.told.borrow()[&(TableId(1), Token(10))], hint(5, 10), "the latest word counts");
        news.send();
        assert!(news.is_empty());
    }
}
