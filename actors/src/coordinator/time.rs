//! Deadlines, pauses before retries, and the tick that watches them.

use std::time::Duration;

use super::{CoordinatorActor, Parked, elsewhere::has_expired};
use crate::request::{AttemptError, Request, RequestErrorKind};

/// How coarse deadlines are.
const TICK: Duration = Duration::from_millis(5);
/// How coarse speculation is, while it is on.
const FINE_TICK: Duration = Duration::from_millis(1);

impl CoordinatorActor {
    /// Sweeps deadlines while anything is in flight; no timer runs on an idle reactor.
    #[inline]
    pub(super) fn keep_time(&mut self) {
        if !self.tick.is_set() || self.tick.rang() {
            self.look_at_tick();
        }
    }

    fn look_at_tick(&mut self) {
        loop {
            if !self.tick.is_set() {
                if !self.is_busy() {
                    return;
                }
                self.tick.set(self.tick_length());
            }
            if !self.tick.is_over() {
                return;
            }
            self.on_tick();
        }
    }

    fn tick_length(&self) -> Duration {
        if self.speculation.is_armed() { FINE_TICK } else { TICK }
    }

    /// Deadlines first: a request that has expired is not sent to one more host.
    fn on_tick(&mut self) {
        let now = self.port.clock().now_us();
        if !self.speculation.is_armed() || now.saturating_sub(self.swept_us) >= TICK.as_micros() as u64 {
            self.swept_us = now;
            self.sweep();
            self.measure(now);
        }
        self.look_for_late(now);
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.port.tablets().is_empty()
            || !self.waiting.is_empty()
            || !self.stranded.is_empty()
            || self.reprepares.are_aside()
            || !self.parked.is_empty()
            || self.port.any_open(|connection| connection.in_flight() > connection.orphans())
            || self.port.any_open(|connection| connection.queue_depth() > 0)
    }

    pub(super) fn sweep(&mut self) {
        self.port.tablets().send();
        self.port.any_open(|connection| {
            connection.sweep();
            false
        });
        let now = self.port.clock().now_us();
        let mut held = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.stranded));
        self.expire_jobs(&mut held.0, now);
        self.expire_jobs(&mut held.1, now);
        (self.waiting, self.stranded) = held;
        for request in self.reprepares.take_expired(now) {
            self.expire(request);
        }
        if self.neighbour_was_full {
            self.retry_stranded();
        }
        let mut index = 0;
        while index < self.parked.len() {
            let Parked { due_us, request, .. } = &self.parked[index];
            let expired = has_expired(request, now);
            if !expired && *due_us > now {
                index += 1;
                continue;
            }
            let Parked { request, host, .. } = self.parked.swap_remove(index);
            if expired { self.expire(request) } else { self.resume(request, host) }
        }
    }

    pub(super) fn expire(&self, request: Box<Request>) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        let after = request.options.timeout.unwrap_or_default();
        let written = request.progress.attempts.iter().any(|attempt| {
            !matches!(
                attempt.error,
                AttemptError::NotConnected | AttemptError::ConnectionLost { written: false, .. }
            )
        });
        self.port.fail(request, RequestErrorKind::Timeout { after, written, in_flight: 0 });
    }
}
