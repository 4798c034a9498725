//! Whether calls end in time, on a machine that may be busy with other things.
//!
//! A call may take its timeout plus ten percent. What the machine adds to that is measured, not guessed: two pulses, one on the
//! runtime of the story and one on a thread of its own, sleep for a millisecond again and again and add up how much later
//! than that they woke. A call passes from its caller to a reactor and back, so that it may be late by as much as both.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::report::Findings;

/// Beyond its time, a call that never ends is given up after this.
const HANG: Duration = Duration::from_secs(5);
const BEAT: Duration = Duration::from_millis(1);
/// What a timer of a millisecond takes on a machine that has nothing else to do.
const USUAL: Duration = Duration::from_millis(3);

/// How late a pulse was, all together.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    late_us: AtomicU64,
    last_us: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { began: Instant::now(), late_us: AtomicU64::new(0), last_us: AtomicU64::new(0) }
    }

    fn beat(&self) {
        let now = self.began.elapsed().as_micros() as u64;
        let last = self.last_us.swap(now, Ordering::Relaxed);
        let late = now.saturating_sub(last).saturating_sub(USUAL.as_micros() as u64);
        self.late_us.fetch_add(late, Ordering::Relaxed);
    }

    /// How late it was since the pulse began, this moment included.
    fn lateness(&self) -> Duration {
        let since =
            (self.began.elapsed().as_micros() as u64).saturating_sub(self.last_us.load(Ordering::Relaxed));
        let waiting = since.saturating_sub(USUAL.as_micros() as u64);
        Duration::from_micros(self.late_us.load(Ordering::Relaxed) + waiting)
    }
}

/// The pulse of the process.
static MACHINE: LazyLock<Arc<Pulse>> = LazyLock::new(|| {
    let pulse = Arc::new(Pulse::new());
    let beating = Arc::clone(&pulse);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(BEAT);
            beating.beat();
        }
    });
    pulse
});

/// Judges the calls of one story.
#[derive(Clone, Debug)]
pub(crate) struct Punctuality {
    findings: Arc<Findings>,
    runtime: Arc<Pulse>,
    /// How far the timers of the runtime may jump meanwhile.
    jumps: Duration,
}

impl Punctuality {
    /// Starts the pulse of the runtime around the call; it beats until the task is aborted.
    pub(crate) fn start(findings: &Arc<Findings>, jumps: Duration) -> (Self, tokio::task::JoinHandle<()>) {
        let pulse = Arc::new(Pulse::new());
        let beating = Arc::clone(&pulse);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                beating.beat();
            }
        });
        (Self { findings: Arc::clone(findings), runtime: pulse, jumps }, task)
    }

    /// How late the machine was so far, all together; only differences mean something.
    pub(crate) fn lateness(&self) -> Duration {
        self.runtime.lateness() + MACHINE.lateness()
    }

    /// Waits for a call that has `limit` to end; `None` when it does not.
    pub(crate) async fn watch<T>(
        &self,
        what: &str,
        limit: Duration,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        let late_before = [self.runtime.lateness(), MACHINE.lateness()];
        let began = Instant::now();
        let Ok(ended) = tokio::time::timeout(limit + HANG + self.jumps, call).await else {
            self.findings
                .add(format!("{what}: it did not end in {:?}, with a limit of {limit:?}", began.elapsed()));
            return None;
        };
        let took = began.elapsed();
        let late_now = [self.runtime.lateness(), MACHINE.lateness()];
        let excused: Duration =
            late_now.iter().zip(late_before).map(|(now, before)| now.saturating_sub(before)).sum();
        let allowed = limit + limit / 10 + excused;
        self.findings.unless(took <= allowed, || {
            format!("{what}: it took {took:?}, with a limit of {limit:?} and {:?} of the machine", excused)
        });
        Some(ended)
    }
}
