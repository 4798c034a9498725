//! How fast hosts answer, and whether the servers have too much to do: read off counters ten times a second, so that no answer
//! pays for it.

use super::{CoordinatorActor, pools::Pools};

/// How often it is done while the reactor is busy.
const PERIOD_US: u64 = 100_000;

/// Totals of one connection when they were last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Answers, those that were waited for in vain included.
    pub(crate) answers: u64,
    /// The sum of their times, microseconds.
    pub(crate) sum_us: u64,
}

impl CoordinatorActor {
    /// Brings everything up to date that is derived from counters.
    pub(super) fn measure(&mut self, now_us: u64) {
        if now_us.saturating_sub(self.measured_us) < PERIOD_US && self.measured_us != 0 {
            return;
        }
        self.measured_us = now_us.max(1);
        self.port.pools.borrow_mut().measure(now_us);
        let (ok, otherwise) = self.port.ended();
        self.pressure.observe(self.port.stats.borrow().refused_for_load, ok + otherwise);
    }

    /// Whether more requests would make matters worse.
    pub(super) fn is_overloaded(&self) -> bool {
        !self.waiting.is_empty() || self.pressure.is_high() || self.budget.is_half_spent()
    }
}

impl Pools {
    /// Takes over what the connections have counted since the last time.
    fn measure(&mut self, now_us: u64) {
        self.measure_each(|pool| {
            let (mut answers, mut sum_us) = (0, 0);
            for connection in pool.connections() {
                let now = connection.stats.borrow().measured();
                let before = connection.measured.replace(now);
                answers += now.answers.saturating_sub(before.answers);
                sum_us += now.sum_us.saturating_sub(before.sum_us);
            }
            pool.note_latency(answers, sum_us, now_us);
        });
    }
}

/// How many answers say that the server has too much to do, over the last second or so.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    refused: f64,
    ended: f64,
    /// The totals when it last looked.
    seen: (u64, u64),
}

/// What is left of the past after one period: a second ago counts a third.
const FADES: f64 = 0.9;
/// The share of refusals that is more than a hiccup of one host.
const HIGH: f64 = 0.01;

impl Pressure {
    /// Notes the totals of refusals and of requests that ended.
    fn observe(&mut self, refused: u64, ended: u64) {
        let (refused_before, ended_before) = std::mem::replace(&mut self.seen, (refused, ended));
        self.refused = self.refused * FADES + refused.saturating_sub(refused_before) as f64;
        self.ended = self.ended * FADES + ended.saturating_sub(ended_before) as f64;
    }

    fn is_high(&self) -> bool {
        // One refusal fades away within a few seconds, however little else happens.
        self.refused > 0.1 && self.refused > self.ended * HIGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_high_when_more_than_one_answer_in_a_hundred_is_a_refusal() {
        let mut pressure = Pressure::default();
        for (period, refusals_a_thousand, high) in [(1, 0, false), (2, 9, false), (3, 40, true)] {
            let refused: u64 = [0, 0, 9, 49][period];
            pressure.observe(refused, period as u64 * 1_000);
            assert_eq!(pressure.is_high(), high, "{refusals_a_thousand} of 1000");
        }
    }

    #[test]
    fn pressure_fades_within_seconds_and_one_refusal_on_a_quiet_session_does_too() {
        let mut pressure = Pressure::default();
        pressure.observe(500, 1_000);
        assert!(pressure.is_high());
        let periods = (1..200).find(|period| {
            pressure.observe(500, 1_000 + period * 1_000);
            !pressure.is_high()
        });
        assert!(periods.is_some_and(|periods| (10..40).contains(&periods)), "{periods:?} tenths of a second");

        let mut quiet = Pressure::default();
        quiet.observe(1, 1);
        assert!(quiet.is_high());
        (0..30).for_each(|_| quiet.observe(1, 1));
        assert!(!quiet.is_high());
    }
}
