//! The numbers at the end.

use std::time::Duration;

use super::Run;
use crate::bulk::checkpoint::{State, Totals};
use crate::bulk::load::BulkLoader;
use crate::bulk::rejects::RejectFiles;
use crate::bulk::report::{Ending, LatencySummary, LoadReport};

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) retried: u64,
    pub(super) bytes: u64,
}

impl Counts {
    /// Goes on from what earlier runs did.
    pub(super) fn after(before: &Totals) -> Self {
        let Totals { written, retried, bytes, .. } = *before;
        // What had no outcome is read again.
        Self { read: written + before.rejected.iter().sum::<u64>(), written, retried, bytes }
    }
}

impl Run {
    pub(super) fn report(&self, ending: Ending) -> LoadReport {
        let at = |quantile| Duration::from_micros(self.latency.value_at_quantile(quantile));
        let micros = Duration::from_micros;
        LoadReport {
            read: self.counts.read,
            written: self.counts.written,
            rejected: self.log.count(),
            retried: self.counts.retried,
            unanswered: self.flight.outstanding() as u64,
            bytes: self.counts.bytes,
            elapsed: micros(self.before.elapsed_us) + self.started.elapsed(),
            client_cpu: micros(self.before.cpu_us) + self.aside.cpu.elapsed(),
            latency: LatencySummary {
                p50: at(0.5),
                p99: at(0.99),
                p999: at(0.999),
                max: micros(self.latency.max()),
            },
            first_rejections: self.log.samples().to_vec(),
            written_before: self.before.written,
            resumable: self.resumable(&ending),
            ..report_of(&self.loader, self.aside.source.clone(), ending, &self.before, self.log.files_used())
        }
    }

    /// Where to go on, when something is left that may be done.
    fn resumable(&self, ending: &Ending) -> Option<std::path::PathBuf> {
        let keeper = self.keeper.as_ref()?;
        let something = match ending {
            Ending::Complete | Ending::NothingToResume => false,
            Ending::SourceFailed(error) => error.may_pass(),
            _ => true,
        };
        (something && keeper.store().exists()).then(|| keeper.store().folder().to_owned())
    }
}

/// Of a load that did nothing, or nothing more.
pub(super) fn report_of(
    loader: &BulkLoader,
    source: String,
    ending: Ending,
    before: &Totals,
    reject_files: &[RejectFiles],
) -> LoadReport {
    let rejected = before.rejected.iter().sum();
    LoadReport {
        source,
        table: loader.table.to_string(),
        ending,
        read: before.written + rejected,
        written: before.written,
        rejected,
        retried: before.retried,
        unanswered: 0,
        bytes: before.bytes,
        elapsed: Duration::from_micros(before.elapsed_us),
        client_cpu: Duration::from_micros(before.cpu_us),
        latency: LatencySummary::default(),
        reject_files: reject_files.to_vec(),
        first_rejections: Vec::new(),
        written_before: before.written,
        resumable: None,
    }
}

/// Of a run that is resumed and had come to its end.
pub(in crate::bulk::load) fn finished_before(
    loader: &BulkLoader,
    source: String,
    state: &State,
) -> LoadReport {
    let rejects: Vec<_> = state.inputs.iter().filter_map(|input| input.rejects.used()).collect();
    report_of(loader, source, Ending::NothingToResume, &state.totals, &rejects)
}
