//! What people see while a load runs: a bar on a terminal, plain lines elsewhere, all on standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use chorus::bulk::{Phase, Progress, ProgressSnapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn.
pub(crate) const BAR_GAP: Duration = Duration::from_millis(100);
/// How often a plain line is written.
pub(crate) const LINE_GAP: Duration = Duration::from_secs(10);

/// Writes to standard output. A reader that has gone away is no error: it has what it wanted.
pub(crate) fn out(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Writes to standard error.
pub(crate) fn say(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Shows how far a load is.
pub(crate) struct Screen {
    style: Style,
    rate: Rate,
    waiting_since: Option<Instant>,
}

enum Style {
    None,
    Lines {
        last: Instant,
    },
    /// `sized` once the bar knows how long it is; until then, and for pipes, it is a spinner.
    Bar {
        bar: ProgressBar,
        sized: bool,
    },
}

/// Rows a second over the last few looks.
pub(crate) struct Rate {
    at: Instant,
    written: u64,
    per_second: f64,
}

impl Screen {
    /// A screen that fits where standard error goes; none at all when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let style = if quiet {
            Style::None
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {msg}"));
            Style::Bar { bar, sized: false }
        } else {
            Style::Lines { last: Instant::now() }
        };
        Self { style, rate: Rate::new(), waiting_since: None }
    }

    /// Watches until the future is dropped.
    pub(crate) async fn watch(&mut self, progress: &Progress) {
        let gap = if matches!(self.style, Style::Bar { .. }) { BAR_GAP } else { Duration::from_millis(500) };
        let mut ticks = tokio::time::interval(gap);
        loop {
            ticks.tick().await;
            self.show(&progress.snapshot());
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Style::Bar { bar, .. } = &self.style {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, now: &ProgressSnapshot) {
        self.rate.look(now.written);
        self.tell_waiting(now);
        let rate = self.rate.per_second;
        match &mut self.style {
            Style::None => {}
            Style::Lines { last } => {
                if last.elapsed() >= LINE_GAP {
                    *last = Instant::now();
                    say(format_args!("{}{}", percent(now), line(now, rate)));
                }
            }
            Style::Bar { bar, sized } => {
                if now.source_size > 0 {
                    if !*sized {
                        *sized = true;
                        bar.set_style(style("{wide_bar:.cyan/dim} {percent:>3}%  ETA {eta_precise}\n{msg}"));
                        bar.set_length(now.source_size);
                    }
                    bar.set_position(now.source_read.min(now.source_size));
                } else {
                    bar.tick();
                }
                bar.set_message(line(now, rate));
            }
        }
    }

    /// Says once that the cluster is away, and once that it is back.
    fn tell_waiting(&mut self, now: &ProgressSnapshot) {
        const WORTH_TELLING: Duration = Duration::from_secs(1);
        match (now.phase == Phase::Waiting, self.waiting_since) {
            (true, None) => self.waiting_since = Some(Instant::now() + WORTH_TELLING),
            (true, Some(since)) if Instant::now() >= since => {
                self.note("nothing gets through to the cluster; waiting for it");
                // Once is enough.
                self.waiting_since = Some(Instant::now() + Duration::from_secs(3600));
            }
            (false, Some(since)) => {
                if since > Instant::now() + WORTH_TELLING {
                    self.note("the cluster is back; going on");
                }
                self.waiting_since = None;
            }
            _ => {}
        }
    }

    fn note(&self, text: &str) {
        match &self.style {
            Style::Bar { bar, .. } => bar.suspend(|| say(text)),
            _ => say(text),
        }
    }
}

impl Rate {
    pub(crate) fn new() -> Self {
        Self { at: Instant::now(), written: 0, per_second: 0.0 }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.per_second
    }

    pub(crate) fn look(&mut self, written: u64) {
        let elapsed = self.at.elapsed().as_secs_f64();
        if elapsed < 0.05 {
            return;
        }
        let now = written.saturating_sub(self.written) as f64 / elapsed;
        self.per_second = if self.per_second == 0.0 { now } else { self.per_second * 0.8 + now * 0.2 };
        (self.at, self.written) = (Instant::now(), written);
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn line(now: &ProgressSnapshot, rate: f64) -> String {
    let phase = match now.phase {
        Phase::Preparing => "preparing",
        Phase::Waiting => "waiting for the cluster",
        Phase::Draining => "finishing",
        _ => "loading",
    };
    format!(
        "{phase}  {} rows written  {rate:.0} rows/s  {} rejected  {} retried  {} in flight",
        now.written, now.rejected, now.retried, now.in_flight
    )
}

/// How much of the file was loaded, where its size is known.
fn percent(now: &ProgressSnapshot) -> String {
    match (now.source_read.min(now.source_size) * 100).checked_div(now.source_size) {
        Some(percent) => format!("{percent:>3}%  "),
        None => String::new(),
    }
}
