//! `chorus count`: how many rows a table has, and where they are.
//!
//! The library counts, and this shows: [`screen`] how far it is, on standard error, [`show`] what was found, on standard output.

mod args;
mod screen;
mod show;

use std::time::Duration;

use chorus::scan::{CountEnding, Scan, ScanProgress};
use chorus::{Error, ErrorKind, Session};

pub(crate) use args::CountArgs;

use crate::connect::Target;
use crate::exit::{Exit, Failure, chain};
use crate::screen::{out, say};
use crate::table_screen::TableScreen;
use crate::{runtime, signals};
use args::By;

/// How long the session may take to end in good order.
const SHUTDOWN: Duration = Duration::from_millis(500);

pub(crate) fn count(args: &CountArgs) -> Result<Exit, Failure> {
    let Some(target) = Target::resolve(&args.connection)? else {
        return Err(Failure::new(Exit::Usage, "give --host: without a cluster there is nothing to count"));
    };
    runtime()?.block_on(async {
        let mut stop = signals::Stop::listen()?;
        let session = tokio::select! {
            session = target.connect() => session?,
            exit = stop.requested() => return Err(Failure::new(exit, "interrupted before anything was counted")),
        };
        let exit = run(args, &session, &mut stop).await;
        session.shutdown(SHUTDOWN).await;
        exit
    })
}

async fn run(args: &CountArgs, session: &Session, stop: &mut signals::Stop) -> Result<Exit, Failure> {
    let scan = scan(args, session);
    let progress = scan.progress();
    let (text, ending, signalled) = match args.by {
        By::Partitions => {
            let work = scan.top_partitions(args.top as usize);
            let (report, signalled) = watched(args, &progress, stop, work).await?;
            let text = if args.json { show::partitions_json(&report) } else { show::partitions(&report) };
            (text, report.ending, signalled)
        }
        by => {
            let (report, signalled) = watched(args, &progress, stop, scan.count()).await?;
            let text = if args.json { show::count_json(&report, by) } else { show::count(&report, by) };
            (text, report.ending, signalled)
        }
    };
    out(text);
    Ok(match ending {
        CountEnding::Complete => Exit::Success,
        CountEnding::Failed(error) => {
            say(format_args!("error: {}", chain(&error)));
            if error.is_timeout() {
                say("the rest took too long for one request: --timeout or --patience may help");
            }
            Exit::Cluster
        }
        _ => {
            say("interrupted");
            signalled.unwrap_or(Exit::Interrupted)
        }
    })
}

fn scan(args: &CountArgs, session: &Session) -> Scan {
    let table = &args.table;
    let scan = session
        .scan(&*table.keyspace, &*table.table)
        .allow_filtering(args.allow_filtering)
        .consistency(args.consistency)
        .concurrency(args.concurrency as usize)
        .page_size(args.page_size)
        .timeout(args.timeout)
        .patience(args.patience);
    args.filters.iter().fold(scan, |scan, relation| scan.filter(relation))
}

/// Does the work, shows how far it is, and has it stop at a signal, which it returns too.
async fn watched<R>(
    args: &CountArgs,
    progress: &ScanProgress,
    stop: &mut signals::Stop,
    work: impl Future<Output = Result<R, Error>>,
) -> Result<(R, Option<Exit>), Failure> {
    let mut screen = TableScreen::new(args.quiet);
    let mut signalled = None;
    tokio::pin!(work);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = screen.watch(|| progress.clone()) => {}
            exit = stop.requested() => {
                if signalled.replace(exit).is_some() {
                    screen.clear();
                    return Err(Failure::new(exit, "interrupted twice: nothing is told of what was counted"));
                }
                progress.stop();
            }
        }
    };
    screen.clear();
    match outcome {
        Ok(report) => Ok((report, signalled)),
        Err(error) => Err(explain(args, &error)),
    }
}

/// Why counting could not begin.
fn explain(args: &CountArgs, error: &Error) -> Failure {
    let refused = error.kind() == ErrorKind::Db && error.is_invalid_statement();
    if refused && !args.filters.is_empty() {
        let filters = args.filters.join(" AND ");
        return Failure::new(
            Exit::Usage,
            format!("the cluster refuses --where {filters:?}: {}", chain(error)),
        );
    }
    let markers = error.kind() == ErrorKind::Usage && error.to_string().contains("bind markers");
    Failure::from_error(if markers { Exit::Usage } else { Exit::Cluster }, error)
}
