//! Where the time of requests goes, as sums that add up.
//!
//! A request carries five times: when its caller handed it over, when the coordinator took it, when it was given to a
//! connection, when that wrote it, and when it ended. The differences are its stages:
//!
//! ```text
//!  caller ──admission──> coordinator ──coordinator──> queue ──connection──> wire ──service──> end
//!                             └──── (failed attempt, retry gap)* ────┘
//! ```
//! Only the sums of the five times are kept while requests end well; the stages are their differences. What earlier attempts of
//! a request took is noted on it when they fail, and added when it has ended, so the stages of what ended add up to its
//! total exactly, retries included.

/// Times of one request on its way, microseconds of its reactor's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// When its caller handed it over.
    pub(crate) entered_us: u64,
    /// When the coordinator took it.
    pub(crate) admitted_us: u64,
    /// When its latest attempt was given to a connection.
    pub(crate) queued_us: u64,
    /// When its latest attempt was written to the connection's buffer.
    pub(crate) written_us: u64,
}

impl Stamps {
    /// All of them at once: nothing waited anywhere.
    pub(crate) fn at(now_us: u64) -> Self {
        Self { entered_us: now_us, admitted_us: now_us, queued_us: now_us, written_us: now_us }
    }
}

/// What attempts took that failed before a request ended, microseconds. Says nothing before the first has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// In the queues of connections.
    pub(crate) connection_us: u64,
    /// From being written to the failure.
    pub(crate) service_us: u64,
    /// Between a failure and the next attempt.
    pub(crate) gap_us: u64,
}

impl Earlier {
    /// Notes that an attempt failed; `since_us` is when the one before did.
    pub(crate) fn failed(&mut self, stamps: &Stamps, since_us: u64, written: bool, now_us: u64) {
        if since_us == 0 {
            *self = Self::default();
        } else {
            self.gap_us += stamps.queued_us.saturating_sub(since_us);
        }
        let left_us = if written { stamps.written_us } else { now_us };
        self.connection_us += left_us.saturating_sub(stamps.queued_us);
        self.service_us += now_us.saturating_sub(left_us);
    }
}

/// Sums over requests that ended. They wrap; their differences do not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StageSums {
    stamps: Stamps,
    ended_us: u64,
    earlier: Earlier,
}

impl StageSums {
    /// Adds a request that ended without a failed attempt.
    #[inline(always)]
    pub(crate) fn add(&mut self, stamps: &Stamps, now_us: u64) {
        self.add_many(stamps, now_us, 1);
    }

    /// Adds as many that went together.
    #[inline(always)]
    pub(crate) fn add_many(&mut self, stamps: &Stamps, now_us: u64, requests: u64) {
        let sums = &mut self.stamps;
        sums.entered_us = sums.entered_us.wrapping_add(stamps.entered_us.wrapping_mul(requests));
        sums.admitted_us = sums.admitted_us.wrapping_add(stamps.admitted_us.wrapping_mul(requests));
        sums.queued_us = sums.queued_us.wrapping_add(stamps.queued_us.wrapping_mul(requests));
        sums.written_us = sums.written_us.wrapping_add(stamps.written_us.wrapping_mul(requests));
        self.ended_us = self.ended_us.wrapping_add(now_us.wrapping_mul(requests));
    }

    /// Adds what the attempts before the last one took; `since_us` is when the latest of them failed.
    #[cold]
    pub(crate) fn add_earlier(&mut self, earlier: &Earlier, since_us: u64, queued_us: u64) {
        self.earlier.connection_us += earlier.connection_us;
        self.earlier.service_us += earlier.service_us;
        self.earlier.gap_us += earlier.gap_us + queued_us.saturating_sub(since_us);
    }

    /// The stages.
    pub(crate) fn times(&self) -> StageTimes {
        let Self { stamps, ended_us, earlier } = self;
        let before = earlier.connection_us + earlier.service_us + earlier.gap_us;
        // Clocks of callers may be ahead by a moment; a stage is never less than nothing.
        let between = |from: u64, to: u64| u64::try_from(to.wrapping_sub(from) as i64).unwrap_or(0);
        StageTimes {
            admission_us: between(stamps.entered_us, stamps.admitted_us),
            coordinator_us: between(stamps.admitted_us, stamps.queued_us).saturating_sub(before),
            connection_us: between(stamps.queued_us, stamps.written_us) + earlier.connection_us,
            service_us: between(stamps.written_us, *ended_us) + earlier.service_us,
            retry_gap_us: earlier.gap_us,
        }
    }
}

/// Where the time of ended requests went: sums over all of them, in microseconds, which add up to the sum of their latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct StageTimes {
    /// From the caller handing a request over to its coordinator taking it.
    #[cfg_attr(feature = "json", serde(rename = "admission"))]
    pub admission_us: u64,
    /// Waiting at the coordinator for a connection with room.
    #[cfg_attr(feature = "json", serde(rename = "coordinator"))]
    pub coordinator_us: u64,
    /// From the coordinator choosing a connection to the request being in its write buffer.
    #[cfg_attr(feature = "json", serde(rename = "connection"))]
    pub connection_us: u64,
    /// From the write buffer to the answer, or to the failure of the attempt.
    #[cfg_attr(feature = "json", serde(rename = "service"))]
    pub service_us: u64,
    /// Between the failure of an attempt and the next one: pauses, statements prepared again, speculation that waits.
    #[cfg_attr(feature = "json", serde(rename = "retry_gap"))]
    pub retry_gap_us: u64,
}

impl StageTimes {
    /// The names of the stages, as the values of the label.
    pub const NAMES: [&'static str; 5] = ["admission", "coordinator", "connection", "service", "retry_gap"];

    /// The sums in the order of [`NAMES`](Self::NAMES).
    pub fn all(&self) -> [u64; 5] {
        [self.admission_us, self.coordinator_us, self.connection_us, self.service_us, self.retry_gap_us]
    }

    /// All of it.
    pub fn total_us(&self) -> u64 {
        self.all().iter().sum()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.admission_us += other.admission_us;
        self.coordinator_us += other.coordinator_us;
        self.connection_us += other.connection_us;
        self.service_us += other.service_us;
        self.retry_gap_us += other.retry_gap_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(entered_us: u64, admitted_us: u64, queued_us: u64, written_us: u64) -> Stamps {
        Stamps { entered_us, admitted_us, queued_us, written_us }
    }

    #[test]
    fn stages_of_requests_and_of_rows_together_add_up_to_their_totals() {
        let mut sums = StageSums::default();
        sums.add(&stamps(100, 110, 130, 170), 400);
        sums.add_many(&stamps(500, 500, 501, 503), 510, 1_000);
        let times = sums.times();
        assert_eq!(times.admission_us, 10);
        assert_eq!(times.coordinator_us, 20 + 1_000);
        assert_eq!(times.connection_us, 40 + 2_000);
        assert_eq!(times.service_us, 230 + 7_000);
        assert_eq!(times.total_us(), 300 + 10_000);
    }

    #[test]
    fn attempts_that_failed_and_the_pauses_after_them_are_stages_too() {
        // Taken at 10, queued at 15, written at 18, failed at 40; queued again at 90, lost unwritten at 95; then at 100.
        let (mut earlier, mut sums) = (Earlier { gap_us: 77, ..Earlier::default() }, StageSums::default());
        earlier.failed(&stamps(5, 10, 15, 18), 0, true, 40);
        earlier.failed(&stamps(5, 10, 90, 18), 40, false, 95);
        let last = stamps(5, 10, 100, 104);
        sums.add(&last, 150);
        sums.add_earlier(&earlier, 95, last.queued_us);
        let times = sums.times();
        assert_eq!(times.all(), [5, 5, 3 + 5 + 4, 22 + 46, 50 + 5]);
        assert_eq!(times.total_us(), 145);
    }

    #[test]
    fn sums_that_wrap_leave_the_differences_right() {
        let mut sums = StageSums::default();
        let late = u64::MAX / 3;
        (0..10).for_each(|_| sums.add(&stamps(late, late + 1, late + 3, late + 6), late + 10));
        assert_eq!(sums.times().all(), [10, 20, 30, 40, 0]);
    }
}
