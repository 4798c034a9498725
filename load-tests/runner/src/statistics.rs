//! What several runs have in common.

use crate::plan::CellResult;
use crate::run::Report;

/// The middle of some numbers, and their ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// None of no numbers. The median of an even number of them is the mean of the two in the middle.
    pub(crate) fn of(mut numbers: Vec<f64>) -> Option<Spread> {
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
        Some(Spread { median: (low + high) / 2.0, least, most })
    }

    /// The highest over the lowest: a ratio between clients that is closer to one says nothing.
    pub(crate) fn factor(self) -> Option<f64> {
        (self.least > 0.0).then(|| self.most / self.least)
    }
}

/// Something a run measures.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    /// As in the JSON.
    pub(crate) name: &'static str,
    of: fn(&Report) -> Option<f64>,
}

impl Metric {
    const fn new(name: &'static str, of: fn(&Report) -> Option<f64>) -> Metric {
        Metric { name, of }
    }
}

/// A megabyte is a million bytes.
const MB_A_KIB: f64 = 1024.0 / 1e6;

pub(crate) const RATE: Metric = Metric::new("operations_per_second", |report| {
    Some(report.operations_per_second).filter(|_| report.operations > 0)
});
pub(crate) const CPU: Metric = Metric::new("cpu_us_per_operation", |report| report.cpu_us_per_operation);
pub(crate) const CPU_PERCENT: Metric = Metric::new("cpu_percent", |report| report.cpu_percent);
pub(crate) const P50: Metric = Metric::new("p50_us", |report| report.p50_us);
pub(crate) const P99: Metric = Metric::new("p99_us", |report| report.p99_us);
pub(crate) const P999: Metric = Metric::new("p999_us", |report| report.p999_us);
pub(crate) const LATENESS: Metric = Metric::new("worst_lateness_us", |report| report.worst_lateness_us);
pub(crate) const RESIDENT: Metric =
    Metric::new("resident_mb", |report| report.resident_kib.map(|kib| kib as f64 * MB_A_KIB));
pub(crate) const PEAK: Metric =
    Metric::new("peak_resident_mb", |report| Some(report.peak_resident_kib as f64 * MB_A_KIB));
pub(crate) const SINK_CPU: Metric = Metric::new("sink_cpu_percent", |report| report.sink_cpu_percent);

/// All of them.
pub(crate) const METRICS: [Metric; 10] =
    [RATE, CPU, CPU_PERCENT, P50, P99, P999, LATENESS, RESIDENT, PEAK, SINK_CPU];

impl CellResult {
    pub(crate) fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.reports.iter().filter_map(metric.of).collect())
    }

    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        self.spread(metric).map(|spread| spread.median)
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_ignores_an_outlier_and_the_spread_does_not() {
        let spread = Spread::of(vec![3.0, 1.0, 100.0]).expect("there are numbers");
        assert_eq!(spread, Spread { median: 3.0, least: 1.0, most: 100.0 });
        assert_eq!(spread.factor(), Some(100.0));
        assert_eq!(Spread::of(vec![4.0, 2.0]).map(|spread| spread.median), Some(3.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
