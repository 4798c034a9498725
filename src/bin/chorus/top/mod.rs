//! `chorus top`: a running program by host and by actor, in the terminal.
//!
//! [`source`] asks the program's metrics endpoint for a report, again and again; [`watch`] keeps the last one and says what happened
//! since; [`view`] has every number and [`tables`] the rows. [`plain`] prints them once; [`live`] shows them, with what [`ui`] makes of
//! keys and [`draw`] of a view, on a [`terminal`] that it gives back whatever happens.
//!
//! An endpoint that does not answer costs nothing but news: what was shown last stays, with since when it is old, and the next
//! answer goes on from there. Names that servers told are made harmless ([`text`]) before anybody sees them.

mod args;
mod bulk;
mod draw;
mod help;
mod live;
mod plain;
mod source;
mod table;
mod tables;
mod terminal;
mod text;
mod theme;
mod ui;
mod view;
mod watch;

#[cfg(test)]
mod screens;
#[cfg(test)]
mod story;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

pub(crate) use args::TopArgs;
use source::SourceError;
use view::View;
use watch::Watch;

use crate::exit::{Exit, Failure, chain};
use crate::screen::out;
use crate::{runtime, signals};

/// How much longer than its interval a single report may take to come about.
const PATIENCE: Duration = Duration::from_secs(15);
/// How soon one looks again for a snapshot that was not there yet.
const SOON: Duration = Duration::from_millis(100);

pub(crate) fn top(args: &TopArgs) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let mut stop = signals::Stop::listen()?;
        if !args.once && has_screen() {
            return live::show(args, &mut stop).await;
        }
        tokio::select! {
            outcome = once(args) => outcome,
            exit = stop.requested() => Ok(exit),
        }
    })
}

/// Whether there is a terminal that can do more than print lines.
fn has_screen() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// Prints one report over one interval.
async fn once(args: &TopArgs) -> Result<Exit, Failure> {
    let view = measured(args).await?;
    if args.json {
        let json = serde_json::to_string(&view);
        out(json.map_err(|error| Failure::new(Exit::Cluster, format!("cannot write the report: {error}")))?);
    } else {
        out(plain::report(&view, &args.endpoint));
    }
    Ok(Exit::Success)
}

/// What happens in one interval from now on.
async fn measured(args: &TopArgs) -> Result<View, Failure> {
    let failure =
        |error: SourceError| Failure::new(Exit::Cluster, format!("{}: {}", args.endpoint, chain(&error)));
    let (began, mut watch) = (Instant::now(), Watch::default());
    let mut next = Instant::now();
    loop {
        tokio::time::sleep_until(next.into()).await;
        match args.endpoint.report().await {
            Ok(report) => {
                // The first one is what the interval begins with.
                let first = watch.take(report, Instant::now());
                if let Some(view) = watch.view() {
                    return Ok(view.clone());
                }
                next = Instant::now() + if first { args.interval } else { SOON };
            }
            Err(SourceError::NothingYet) => next = Instant::now() + SOON,
            Err(error) => return Err(failure(error)),
        }
        if began.elapsed() > args.interval + PATIENCE {
            return Err(Failure::new(
                Exit::Cluster,
                format!("{}: the program gathers no new numbers", args.endpoint),
            ));
        }
    }
}
