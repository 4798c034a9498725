//! What people see while rows are counted: a bar on a terminal, plain lines elsewhere, all on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use chorus::scan::ScanProgress;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::screen::{BAR_GAP, LINE_GAP, Rate, say, style};

/// What the bar is divided into.
const STEPS: u64 = 10_000;

/// Shows how far a count is.
pub(super) struct Screen {
    style: Style,
    rate: Rate,
}

enum Style {
    None,
    Lines { last: Instant },
    Bar(ProgressBar),
}

impl Screen {
    /// A screen that fits where standard error goes; none at all when `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
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

    /// Watches until the future is dropped.
    pub(super) async fn watch(&mut self, progress: &ScanProgress) {
        let gap = if matches!(self.style, Style::Bar(_)) { BAR_GAP } else { Duration::from_millis(500) };
        let mut ticks = tokio::time::interval(gap);
        loop {
            ticks.tick().await;
            self.show(progress);
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, progress: &ScanProgress) {
        self.rate.look(progress.rows());
        let line = line(progress, self.rate.per_second());
        match &mut self.style {
            Style::None => {}
            Style::Lines { last } => {
                if last.elapsed() >= LINE_GAP {
                    *last = Instant::now();
                    say(format_args!("{:>3.0}%  {line}", progress.share() * 100.0));
                }
            }
            Style::Bar(bar) => {
                bar.set_position((progress.share() * STEPS as f64) as u64);
                bar.set_message(line);
            }
        }
    }
}

fn line(progress: &ScanProgress, rate: f64) -> String {
    format!(
        "counting  {} rows  {rate:.0} rows/s  {} retries  {} ranges cut  {} in flight",
        progress.rows(),
        progress.retries(),
        progress.splits(),
        progress.in_flight()
    )
}
