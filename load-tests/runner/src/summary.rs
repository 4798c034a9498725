//! Medians, spread, the table and the JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::clients::{Client, Report};
use crate::plan::CellResult;
use crate::{Compare, Failure};

/// The middle of an odd number of values, the mean of the two middle ones of an even number.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

impl CellResult {
    fn median(&self, of: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
        median(self.reports.iter().filter_map(of).collect())
    }

    fn cpu(&self) -> Option<f64> {
        self.median(|report| Some(report.cpu_us_per_operation))
    }

    /// How far apart the runs are: the highest CPU cost over the lowest.
    fn spread(&self) -> Option<f64> {
        let costs = || self.reports.iter().map(|report| report.cpu_us_per_operation);
        let (low, high) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
        (low > 0.0 && low.is_finite()).then_some(high / low)
    }
}

/// A Markdown table for each scenario. The last column compares client CPU with the scylla crate at its best.
pub(crate) fn table(results: &[CellResult], compare: &Compare) -> String {
    let mut text = String::new();
    for cell in &compare.scenarios {
        let rows: Vec<&CellResult> = results.iter().filter(|result| result.cell == *cell).collect();
        let best =
            rows.iter().find(|result| result.client == Client::ScyllaTuned).and_then(|result| result.cpu());
        let _ = writeln!(text, "\n### {cell}\n");
        let _ = writeln!(
            text,
            "| client | ops/s | CPU µs/op | spread | p50 µs | p99 µs | p99.9 µs | peak MB | allocations/op | system calls/op | CPU to scylla-tuned |"
        );
        let _ = writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        for result in rows {
            let ratio = result.cpu().zip(best).map(|(own, best)| own / best);
            let cells = [
                number(result.median(|report| Some(report.operations_per_second)), 0),
                number(result.cpu(), 3),
                number(result.spread(), 2),
                number(result.median(|report| report.p50_us), 0),
                number(result.median(|report| report.p99_us), 0),
                number(result.median(|report| report.p999_us), 0),
                number(result.median(|report| Some(report.peak_resident_kib as f64 / 1024.0)), 0),
                number(result.allocations, 3),
                number(result.system_calls, 4),
                number(ratio, 2),
            ];
            let _ = writeln!(text, "| {} | {} |", result.client, cells.join(" | "));
            for failure in &result.failures {
                let _ = writeln!(text, "| {} failed: {failure} | | | | | | | | | | |", result.client);
            }
        }
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
}

/// Everything: settings, machine, medians and each run.
pub(crate) fn json(results: &[CellResult], compare: &Compare) -> Result<String, Failure> {
    let cells: Vec<Value> = results
        .iter()
        .map(|result| {
            json!({
                "client": result.client.name(),
                "scenario": result.cell.to_string(),
                "median": {
                    "operations_per_second": result.median(|report| Some(report.operations_per_second)),
                    "cpu_us_per_operation": result.cpu(),
                    "p50_us": result.median(|report| report.p50_us),
                    "p99_us": result.median(|report| report.p99_us),
                    "p999_us": result.median(|report| report.p999_us),
                    "peak_resident_kib": result.median(|report| Some(report.peak_resident_kib as f64)),
                },
                "cpu_spread": result.spread(),
                "allocations_per_operation": result.allocations,
                "system_calls_per_operation": result.system_calls,
                "runs": result.reports,
                "failures": result.failures,
            })
        })
        .collect();
    let all = json!({
        "machine": { "cpu": processor(), "cores": std::thread::available_parallelism()?.get() },
        "settings": {
            "runs": compare.runs,
            "seconds": compare.seconds,
            "warm_up": compare.warm_up,
            "hosts": compare.hosts,
            "delay_ms": compare.delay_ms,
            "pinned": !compare.unpinned,
        },
        "results": cells,
    });
    Ok(serde_json::to_string_pretty(&all)?)
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_ignores_an_outlier() {
        assert_eq!(median(vec![3.0, 1.0, 100.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 2.0]), Some(3.0));
        assert_eq!(median(Vec::new()), None);
    }
}
