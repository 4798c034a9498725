//! How long a reactor works at a time, and how much of its time.

use std::cell::{Cell, RefCell};

/// Upper bounds of a [`BucketHistogram`] in microseconds; those of every latency that is exported.
pub const LATENCY_BOUNDS_US: [u64; 17] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// A tick longer than this delays everybody on its reactor: something in it did not give way.
pub(crate) const STALL_US: u64 = 10_000;

/// A latency histogram that keeps no more than what is exported. Cheap enough for every tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct BucketHistogram {
    /// Values at most the bound of the same place and above the one before; the last counts the rest.
    pub buckets: [u64; 18],
    /// The sum of all values, microseconds.
    pub sum_us: u64,
}

impl BucketHistogram {
    /// Counts one value.
    #[inline]
    pub(crate) fn record(&mut self, micros: u64) {
        let bucket = if micros <= LATENCY_BOUNDS_US[0] {
            0
        } else {
            LATENCY_BOUNDS_US.partition_point(|bound| *bound < micros)
        };
        self.buckets[bucket] += 1;
        self.sum_us += micros;
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
        self.sum_us += other.sum_us;
    }

    /// How many values were recorded. One that was read from elsewhere may count beyond what a number holds: then as many as it holds.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(*bucket))
    }
}

/// Kept by a reactor, read by its coordinator.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    ticks: RefCell<BucketHistogram>,
    stalls: Cell<u64>,
}

impl Pulse {
    /// A tick is over.
    #[inline]
    pub(crate) fn beat(&self, micros: u64) {
        self.ticks.borrow_mut().record(micros);
        if micros > STALL_US {
            self.stalls.set(self.stalls.get() + 1);
        }
    }

    /// The lengths of all ticks so far.
    pub(crate) fn ticks(&self) -> BucketHistogram {
        self.ticks.borrow().clone()
    }

    /// How many of them were too long.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_fall_into_the_bucket_of_their_bound_and_long_ones_are_stalls() {
        let pulse = Pulse::default();
        for micros in [0, 100, 101, 250, 251, 10_000, 10_001, 30_000_000, 30_000_001] {
            pulse.beat(micros);
        }
        let ticks = pulse.ticks();
        assert_eq!(ticks.buckets[..4], [2, 2, 1, 0]);
        assert_eq!((ticks.buckets[6], ticks.buckets[7], ticks.buckets[16], ticks.buckets[17]), (1, 1, 1, 1));
        assert_eq!((ticks.count(), pulse.stalls()), (9, 3));
    }
}
