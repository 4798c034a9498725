//! Logged batches that span partitions, warned about once a session.
//!
//! Such a batch is written to a log on two more hosts before anything else happens, and then partition by partition: it is slower
//! than its members would be one by one, and now and then what is wanted. So it is sent as it is, and the log says so once.

use std::sync::atomic::{AtomicBool, Ordering};

use chorus_protocol::token::Token;

use crate::statement::BatchType;

/// Whether a session has warned.
#[derive(Debug, Default)]
pub(crate) struct SpanningBatches {
    warned: AtomicBool,
}

/// The partitions of one batch, as far as they are known.
#[derive(Debug)]
pub(super) struct Partitions {
    watched: bool,
    first: Option<Token>,
    several: bool,
}

impl SpanningBatches {
    /// For a batch of that kind. Those that would not be warned about are not looked at.
    pub(super) fn watch(&self, kind: BatchType) -> Partitions {
        let watched = kind == BatchType::Logged && !self.warned.load(Ordering::Relaxed);
        Partitions { watched, first: None, several: false }
    }

    /// Whether the batch is the first to be warned about.
    pub(super) fn is_news(&self, partitions: &Partitions) -> bool {
        partitions.watched && partitions.several && !self.warned.swap(true, Ordering::Relaxed)
    }
}

impl Partitions {
    /// Whether it matters where the members are.
    pub(super) fn are_watched(&self) -> bool {
        self.watched
    }

    /// A member is about the partition with this token.
    pub(super) fn add(&mut self, token: Token) {
        let first = *self.first.get_or_insert(token);
        self.several |= first != token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_logged_batch_of_several_partitions_is_warned_about_and_no_other() {
        let session = SpanningBatches::default();
        let news = |kind, tokens: &[i64]| {
            let mut partitions = session.watch(kind);
            tokens.iter().for_each(|token| partitions.add(Token(*token)));
            session.is_news(&partitions)
        };
        assert!(!news(BatchType::Logged, &[]), "nothing is known of them");
        assert!(!news(BatchType::Logged, &[1, 1, 1]));
        assert!(!news(BatchType::Unlogged, &[1, 2]));
        assert!(!news(BatchType::Counter, &[1, 2]));
        assert!(news(BatchType::Logged, &[1, 1, 2]));
        assert!(!news(BatchType::Logged, &[1, 2]), "once");
    }
}
