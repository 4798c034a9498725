//! The full screen: keys, reports and signals, one at a time.

use std::time::{Duration, Instant};

use crossterm::event::EventStream;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::TopArgs;
use super::draw::Scene;
use super::source::{Endpoint, SourceError};
use super::terminal::{Suspensions, Terminal};
use super::theme::Theme;
use super::ui::{Action, Ui};
use super::watch::Watch;
use crate::exit::{Exit, Failure, chain};
use crate::signals::Stop;
use chorus::metrics::SessionReport;

/// How often the age of what is shown is drawn anew.
const CLOCK: Duration = Duration::from_millis(500);

type Answer = Result<SessionReport, SourceError>;

/// Shows what happens until somebody quits.
pub(super) async fn show(args: &TopArgs, stop: &mut Stop) -> Result<Exit, Failure> {
    let failure =
        |error: std::io::Error| Failure::new(Exit::Cluster, format!("the terminal cannot be used: {error}"));
    let mut suspensions = Suspensions::listen().map_err(failure)?;
    let (answers, mut reports) = mpsc::channel(1);
    // In a task: a slow answer delays no key. It ends when its channel does.
    tokio::spawn(ask(args.endpoint.clone(), args.interval, answers));
    let mut terminal = Terminal::take().map_err(failure)?;
    let mut events = EventStream::new();
    let (mut watch, mut ui, theme) = (Watch::default(), Ui::default(), Theme::from_environment());
    loop {
        let scene = Scene {
            watch: &watch,
            ui: &ui,
            endpoint: &args.endpoint,
            interval: args.interval,
            now: Instant::now(),
            theme,
        };
        terminal.draw(|frame| scene.draw(frame)).map_err(failure)?;
        tokio::select! {
            exit = stop.requested() => return Ok(exit),
            () = suspensions.requested() => terminal.suspend().map_err(failure)?,
            event = events.next() => {
                let Some(event) = event else { return Ok(Exit::Success) };
                let (columns, rows) = scene.extent(terminal.width());
                match ui.event(&event.map_err(failure)?, &columns, rows) {
                    Action::Draw => {}
                    Action::Quit => return Ok(Exit::Success),
                    Action::Suspend => terminal.suspend().map_err(failure)?,
                }
            }
            answer = reports.recv(), if !ui.paused => match answer {
                Some(Ok(report)) => _ = watch.take(report, Instant::now()),
                Some(Err(SourceError::NothingYet)) => {}
                Some(Err(error)) => watch.miss(chain(&error), Instant::now(), clock),
                None => return Err(Failure::new(Exit::Cluster, "nobody asks the endpoint any more")),
            },
            () = tokio::time::sleep(CLOCK), if watch.lost().is_some() || watch.stale().is_some() => {}
        }
    }
}

/// Asks again and again, until nobody listens. While nobody takes the answers (a pause), it waits.
async fn ask(endpoint: Endpoint, interval: Duration, answers: mpsc::Sender<Answer>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(place) = answers.reserve().await else { return };
        place.send(endpoint.report().await);
    }
}

/// The time of day, for people.
fn clock() -> String {
    chrono::Local::now().format("%H:%M:%S").to_string()
}
