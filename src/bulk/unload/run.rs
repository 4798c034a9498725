//! An unload under way: pages from the scan to the writers, until either ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus_protocol::CqlType;

use super::destination::Destination;
use super::progress::UnloadProgress;
use super::report::{UnloadEnding, UnloadReport};
use super::writers::{Task, WriteFailure, Writers, Written};
use super::{UnloadError, Unloader};
use crate::Error;
use crate::bulk::cpu::{CpuMeter, CpuScope};
use crate::bulk::text::{RowFormat, RowText};
use crate::scan::TableScan;

/// How long writers are awaited when somebody wants the unload to end: they may hang at a pipe that nobody reads.
const GRACE: Duration = Duration::from_secs(1);

/// Why no page follows.
enum Stop {
    Read,
    Asked,
    WriterFailed,
    ScanFailed(Error),
}

pub(super) async fn run(unloader: Unloader, destination: Destination) -> Result<UnloadReport, UnloadError> {
    let began = Instant::now();
    let cpu = CpuMeter::start(CpuScope::Process, Arc::default());
    let Unloader { table, scan, style, compression, files, max_records, progress } = unloader;
    let mut scan = scan.open().await?;
    let counters = scan.columns().iter().any(|column| column.typ == CqlType::Counter);
    let loadable = style.format == RowFormat::Csv && style.header && !counters;
    let format = style.format;
    let text = RowText::new(style, scan.columns())?;
    let (table_text, name) = (table.to_string(), destination.to_string());
    let task = Task { table, text, format, compression, files, max_records, progress: progress.clone() };
    let mut writers = Writers::start(task, destination).await?;
    progress.begin();
    let stop = pages(&mut scan, &writers, &progress).await;
    drop(scan);
    let end = writers.end(matches!(stop, Stop::Read));
    let written = tokio::select! {
        written = end => Some(written),
        () = out_of_patience(&progress) => None,
    };
    let (files, written_as_null, ending) = match written {
        Some(Written { files, written_as_null, failure }) => (files, written_as_null, ending(stop, failure)),
        None => (Vec::new(), Vec::new(), UnloadEnding::Interrupted),
    };
    let seen = progress.snapshot();
    Ok(UnloadReport {
        table: table_text,
        destination: name,
        ending,
        rows: seen.rows,
        bytes: seen.bytes,
        files,
        elapsed: began.elapsed(),
        client_cpu: cpu.elapsed(),
        retries: seen.retries,
        splits: seen.splits,
        written_as_null,
        loadable,
    })
}

/// Hands pages on. None waits longer than the writers need: the scan stops reading when nobody takes its pages.
async fn pages(scan: &mut TableScan, writers: &Writers, progress: &UnloadProgress) -> Stop {
    loop {
        let page = tokio::select! {
            biased;
            () = writers.failed() => return Stop::WriterFailed,
            () = progress.stopped() => return Stop::Asked,
            page = scan.next_page() => page,
        };
        let page = match page {
            Ok(Some(page)) => page.into_result(),
            Ok(None) => return Stop::Read,
            Err(error) => return Stop::ScanFailed(error),
        };
        let taken = tokio::select! {
            biased;
            () = writers.failed() => false,
            () = progress.stopped() => return Stop::Asked,
            taken = writers.write(page) => taken,
        };
        if !taken {
            return Stop::WriterFailed;
        }
    }
}

async fn out_of_patience(progress: &UnloadProgress) {
    progress.stopped().await;
    tokio::time::sleep(GRACE).await;
}

fn ending(stop: Stop, failure: Option<WriteFailure>) -> UnloadEnding {
    match (failure, stop) {
        (Some(WriteFailure::Destination(error)), _) if error.is_broken_pipe() => UnloadEnding::ReaderLeft,
        (Some(WriteFailure::Destination(error)), _) => UnloadEnding::WriteFailed(error),
        (Some(WriteFailure::Text(error)), _) => UnloadEnding::NotText(error),
        (Some(WriteFailure::Page(error)), _) | (None, Stop::ScanFailed(error)) => {
            UnloadEnding::ScanFailed(error)
        }
        (None, Stop::Read) => UnloadEnding::Complete,
        // A writer that has failed says so.
        (None, Stop::Asked | Stop::WriterFailed) => UnloadEnding::Interrupted,
    }
}
