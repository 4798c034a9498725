//! What people see while a table is read: a bar of its share on a terminal, plain lines elsewhere, all on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::screen::{BAR_GAP, LINE_GAP, Rate, say, style};

/// What the bar is divided into.
const STEPS: u64 = 10_000;

/// One look at something that reads a table.
pub(crate) trait Look {
    /// The share of the token ring that was read: 0 to 1.
    fn share(&self) -> f64;
    /// Rows so far.
    fn rows(&self) -> u64;
    /// What stands below the bar, at so many rows a second.
    fn message(&self, rate: f64) -> String;
    /// What stands on a line where there is no bar.
    fn plain(&self, rate: f64) -> String;
}

/// Shows how far it is.
pub(crate) struct TableScreen {
    style: Style,
    rate: Rate,
}

enum Style {
    None,
    Lines { last: Instant },
    Bar(ProgressBar),
}

impl TableScreen {
    /// A screen that fits where standard error goes; none at all when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let style = if quiet {
            Style::None
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            bar.set_style(style("{wide_bar:.cyan/dim} {percent:>3}%  ETA {eta_precise}\n{msg}"));
            Style::Bar(bar)
        } else {
            Style::Lines { last: Instant::now() }
        };
        Self { style, rate: Rate::new() }
    }

    /// Looks, again and again, until the future is dropped.
    pub(crate) async fn watch<L: Look>(&mut self, look: impl Fn() -> L) {
        let gap = if matches!(self.style, Style::Bar(_)) { BAR_GAP } else { Duration::from_millis(500) };
        let mut ticks = tokio::time::interval(gap);
        loop {
            ticks.tick().await;
            self.show(&look());
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, now: &impl Look) {
        self.rate.look(now.rows());
        let rate = self.rate.per_second();
        match &mut self.style {
            Style::None => {}
            Style::Lines { last } => {
                if last.elapsed() >= LINE_GAP {
                    *last = Instant::now();
                    say(now.plain(rate));
                }
            }
            Style::Bar(bar) => {
                bar.set_position((now.share() * STEPS as f64) as u64);
                bar.set_message(now.message(rate));
            }
        }
    }
}
