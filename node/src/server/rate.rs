//! Limits on how often one partition may be asked for.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use chorus_protocol::response::{DbError, OperationKind};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::reply::Reply;
use super::requests::Refused;
use super::session::Session;
use crate::catalog::RateLimit;
use crate::execute::PreparedPlan;

/// The time a limit is counted in.
const WINDOW: Duration = Duration::from_secs(1);

/// Partitions that are counted at a time; when there are more, those whose window is over are forgotten.
const MOST_PARTITIONS: usize = 1 << 16;

/// What is done with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Read,
    Write,
}

/// How often each partition was asked for within the second that began with its first request.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    windows: Mutex<FxHashMap<(Uuid, i64, Operation), Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    count: u32,
}

impl RateLimiter {
    /// Whether one more request for the partition at `token` is within the limit. Those that are not do not count.
    pub(super) fn admits(
        &self,
        table: Uuid,
        token: i64,
        operation: Operation,
        limit: RateLimit,
        now: Instant,
    ) -> bool {
        let most = match operation {
            Operation::Read => limit.reads,
            Operation::Write => limit.writes,
        };
        let Some(most) = most else { return true };
        let mut windows = self.windows.lock().expect("no code panics with the lock held");
        if windows.len() >= MOST_PARTITIONS {
            windows.retain(|_, window| now.saturating_duration_since(window.begun) < WINDOW);
        }
        let window = windows.entry((table, token, operation)).or_insert(Window { begun: now, count: 0 });
        if now.saturating_duration_since(window.begun) >= WINDOW {
            *window = Window { begun: now, count: 0 };
        }
        let admitted = window.count < most;
        window.count += u32::from(admitted);
        admitted
    }
}

impl Session {
    /// Whether the table allows one more request for the partition at `token`.
    pub(super) fn check_rate(&self, plan: &PreparedPlan, token: Option<i64>) -> Result<(), Refused> {
        let (Some(table), Some(token)) = (plan.plan.table(), token) else { return Ok(()) };
        let limit = table.options.rate_limit;
        if limit == RateLimit::default() {
            return Ok(());
        }
        let operation = if plan.is_read { Operation::Read } else { Operation::Write };
        match self.node.shared.rates.admits(table.id, token, operation, limit, Instant::now()) {
            true => Ok(()),
            false => Err(Refused::TooOften(operation)),
        }
    }

    /// Answers with the error of the extension, or where the client does not know it, with one that it knows.
    pub(super) fn refuse_as_too_often(&self, reply: Reply<'_>, operation: Operation) {
        let (operation, name) = match operation {
            Operation::Read => (OperationKind::Read, "read"),
            Operation::Write => (OperationKind::Write, "write"),
        };
        let message = format!("Per-partition rate limit reached for a {name}, rejected by the coordinator");
        let error = match self.shape.rate_limit_code {
            Some(_) => DbError::RateLimitReached { operation, rejected_by_coordinator: true },
            None => DbError::ConfigError,
        };
        reply.error(error, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { reads: Some(2), writes: Some(0) };

    #[test]
    fn a_partition_is_served_so_often_a_second_and_others_are_not_concerned() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        let read = |token, at| limiter.admits(Uuid::nil(), token, Operation::Read, LIMIT, at);
        assert_eq!([0; 3].map(|token| read(token, start)), [true, true, false]);
        assert!(read(1, start), "another partition");
        assert!(!read(0, start + Duration::from_millis(999)));
        assert_eq!([0; 3].map(|token| read(token, start + WINDOW)), [true, true, false]);
        assert!(!limiter.admits(Uuid::nil(), 5, Operation::Write, LIMIT, start), "a limit of 0");
        assert!(limiter.admits(Uuid::nil(), 0, Operation::Write, RateLimit::default(), start), "no limit");
    }

    #[test]
    fn partitions_of_the_past_are_forgotten() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        for token in 0..MOST_PARTITIONS as i64 {
            assert!(limiter.admits(Uuid::nil(), token, Operation::Read, LIMIT, start));
        }
        assert!(limiter.admits(Uuid::nil(), -1, Operation::Read, LIMIT, start + WINDOW));
        assert_eq!(limiter.windows.lock().unwrap().len(), 1);
    }
}
