//! What people see while an unload runs: a bar on a terminal, plain lines elsewhere, all on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use chorus::bulk::{UnloadProgress, UnloadSnapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen::say;

/// How often a bar is drawn.
const BAR_GAP: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const LINE_GAP: Duration = Duration::from_secs(10);
/// Parts of the ring that a bar shows.
const STEPS: f64 = 10_000.0;

/// Shows how far an unload is.
pub(super) struct Screen {
    style: Style,
    began: Instant,
    /// The last look, and rows a second over the last few.
    looked: Instant,
    rows: u64,
    rate: f64,
}

enum Style {
    None,
    Lines { last: Instant },
    Bar(ProgressBar),
}

impl Screen {
    /// A screen that fits where standard error goes; none at all when `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let now = Instant::now();
        let style = if quiet {
            Style::None
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
            let template = "{wide_bar:.cyan/dim} {percent:>3}%  ETA {eta_precise}\n{msg}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            Style::Bar(bar)
        } else {
            Style::Lines { last: now }
        };
        Self { style, began: now, looked: now, rows: 0, rate: 0.0 }
    }

    /// Watches until the future is dropped.
    pub(super) async fn watch(&mut self, progress: &UnloadProgress) {
        let gap = if matches!(self.style, Style::Bar(_)) { BAR_GAP } else { Duration::from_millis(500) };
        let mut ticks = tokio::time::interval(gap);
        loop {
            ticks.tick().await;
            self.show(&progress.snapshot());
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, now: &UnloadSnapshot) {
        let elapsed = self.looked.elapsed().as_secs_f64();
        if elapsed >= 0.05 {
            let rate = now.rows.saturating_sub(self.rows) as f64 / elapsed;
            self.rate = if self.rate == 0.0 { rate } else { self.rate * 0.8 + rate * 0.2 };
            (self.looked, self.rows) = (Instant::now(), now.rows);
        }
        match &mut self.style {
            Style::None => {}
            Style::Lines { last } => {
                if last.elapsed() >= LINE_GAP {
                    *last = Instant::now();
                    let percent = (now.share * 100.0) as u32;
                    let left = left(now.share, self.began.elapsed());
                    say(format_args!("{percent:>3}%  {}{left}", line(now, self.rate)));
                }
            }
            Style::Bar(bar) => {
                bar.set_position((now.share * STEPS) as u64);
                bar.set_message(line(now, self.rate));
            }
        }
    }
}

fn line(now: &UnloadSnapshot, rate: f64) -> String {
    let megabytes = now.bytes as f64 / 1e6;
    format!(
        "{}  {} rows written  {rate:.0} rows/s  {megabytes:.1} MB  {} asked again  {} in flight",
        if now.began { "unloading" } else { "preparing" },
        now.rows,
        now.retries,
        now.in_flight
    )
}

/// How long it takes from here on, if it goes on as it did.
fn left(share: f64, elapsed: Duration) -> String {
    if share < 0.01 {
        return String::new();
    }
    let seconds = (elapsed.as_secs_f64() * (1.0 - share) / share) as u64;
    format!("  ETA {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_read() {
        assert_eq!(left(0.0, Duration::from_secs(100)), "");
        assert_eq!(left(0.25, Duration::from_secs(1200)), "  ETA 01:00:00");
        assert_eq!(left(1.0, Duration::from_secs(1200)), "  ETA 00:00:00");
    }
}
