//! What happened between two snapshots, by the second.

use std::time::Duration;

use super::{LatencySnapshot, MetricsSnapshot};
use crate::RequestOutcome;

/// What happened between two snapshots of one session. Rates are by the second.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rates {
    /// The time between the two.
    pub over: Duration,
    /// Requests that ended.
    pub requests: f64,
    /// Those that ended with an error or a timeout.
    pub failures: f64,
    /// Requests sent again.
    pub retries: f64,
    /// Attempts written.
    pub attempts: f64,
    /// Bytes written.
    pub bytes_sent: f64,
    /// Bytes read.
    pub bytes_received: f64,
    /// The latencies of the requests that ended.
    pub latency: LatencySnapshot,
    /// What servers took.
    pub service: LatencySnapshot,
    /// The share of its time that each reactor worked, in their order.
    pub busy: Vec<f64>,
}

impl MetricsSnapshot {
    /// What happened since an `earlier` snapshot of the same session. All rates are zero when no time has passed.
    pub fn rates_since(&self, earlier: &Self) -> Rates {
        let over = match (self.taken, earlier.taken) {
            (Some(now), Some(then)) => now.saturating_duration_since(then),
            _ => Duration::ZERO,
        };
        let rate = |of: fn(&Self) -> u64| {
            let more = of(self).saturating_sub(of(earlier)) as f64;
            if over.is_zero() { 0.0 } else { more / over.as_secs_f64() }
        };
        let busy = self.reactors.iter().map(|reactor| {
            let before = earlier.reactors.iter().find(|known| known.index == reactor.index);
            let micros = reactor.ticks.sum_us.saturating_sub(before.map_or(0, |before| before.ticks.sum_us));
            if over.is_zero() { 0.0 } else { micros as f64 / 1e6 / over.as_secs_f64() }
        });
        Rates {
            over,
            requests: rate(Self::requests_total),
            failures: rate(|snapshot| {
                let of = |outcome: RequestOutcome| {
                    snapshot.requests.iter().map(|kind| kind[outcome as usize]).sum::<u64>()
                };
                of(RequestOutcome::Error) + of(RequestOutcome::Timeout)
            }),
            retries: rate(Self::retries),
            attempts: rate(|snapshot| snapshot.traffic.attempts),
            bytes_sent: rate(|snapshot| snapshot.traffic.bytes_sent),
            bytes_received: rate(|snapshot| snapshot.traffic.bytes_received),
            latency: self.latency.since(&earlier.latency),
            service: self.traffic.service.since(&earlier.traffic.service),
            busy: busy.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::metrics::{BucketHistogram, LatencyRecorder, ReactorSnapshot};

    #[test]
    fn what_happened_in_two_seconds_is_half_of_it_by_the_second() {
        let (began, mut latency) = (Instant::now(), LatencyRecorder::default());
        latency.record_many(500, 10);
        let reactor = |sum_us| ReactorSnapshot {
            ticks: BucketHistogram { sum_us, ..BucketHistogram::default() },
            ..ReactorSnapshot::default()
        };
        let mut before =
            MetricsSnapshot { taken: Some(began), latency: latency.snapshot(), ..Default::default() };
        before.requests[0] = [10, 0, 0, 0];
        before.reactors = vec![reactor(1_000_000)];
        latency.record_many(900, 10);
        let taken = Some(began + Duration::from_secs(2));
        let mut after = MetricsSnapshot { taken, latency: latency.snapshot(), ..Default::default() };
        after.requests[0] = [14, 3, 2, 1];
        after.reactors = vec![reactor(2_500_000)];
        let rates = after.rates_since(&before);
        assert_eq!((rates.requests, rates.failures), (5.0, 2.5));
        assert_eq!((rates.latency.count(), rates.latency.sum_us()), (10, 9_000));
        assert!(rates.latency.percentile_us(1.0) > 800, "what was there before is not in it");
        assert_eq!(rates.busy, [0.75]);
        assert_eq!(after.rates_since(&after).requests, 0.0);
    }
}
