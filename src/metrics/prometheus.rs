//! An endpoint for Prometheus, for programs that have none.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use super::Sampler;
use super::hosts::SeriesLimits;
use super::http;
use super::program;
use super::protobuf;
use super::report::{self, SessionReport};
use super::sample::Sample;
use super::text;
use crate::Session;

/// How old a scraped number can be.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Serves a session's metrics until it is dropped: under `/` a page that draws them, with the panels of the dashboards for
/// Grafana, for any browser and nothing else; under `/metrics` as text, or in the protobuf format for a scraper that asks for
/// it first and a program without histograms of its own; under `/metrics.json` a [`SessionReport`] as JSON, connections and shards
/// included.
///
/// It has a thread of its own, so it can be scraped while the program's runtime is busy, and serves what was gathered at most
/// a second ago. It keeps the session alive. The global recorder of the `metrics` facade is left alone.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> std::io::Result<()> {
/// let _endpoint = chorus::metrics::PrometheusEndpoint::start("127.0.0.1:9184".parse().unwrap(), &session)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "the endpoint stops when it is dropped"]
pub struct PrometheusEndpoint {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PrometheusEndpoint {
    /// Listens at `address`.
    ///
    /// # Errors
    ///
    /// When the address is in use or cannot be listened at, or no thread can be started.
    pub fn start(address: SocketAddr, session: &Session) -> io::Result<Self> {
        Self::start_with(address, session, || {})
    }

    /// Listens at `address`. Once a second `also` is called, to publish numbers of the program itself: what it records
    /// through the `metrics` facade is served as well.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start).
    pub fn start_with(
        address: SocketAddr,
        session: &Session,
        also: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_limited(address, session, SeriesLimits::default(), also)
    }

    /// The same with other limits on the number of series.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start).
    pub fn start_limited(
        address: SocketAddr,
        session: &Session,
        limits: SeriesLimits,
        also: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let gatherer = Gatherer {
            session: session.clone(),
            name: limits.session.clone(),
            sampler: Sampler::new(limits),
            started_ms: report::unix_ms(),
            exposition: Arc::new(Exposition::new()),
        };
        let thread = std::thread::Builder::new().name("chorus-metrics".into()).spawn(move || {
            // All of it on this thread: a runtime can be neither started nor dropped where another one runs.
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async move {
                let listener = match TcpListener::bind(address).await {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let _ = ready.send(listener.local_addr());
                let exposition = Arc::clone(&gatherer.exposition);
                tokio::select! {
                    _ = stopped => {}
                    () = http::serve(listener, exposition) => {}
                    () = gatherer.gather(also) => {}
                }
            });
        })?;
        // Listening takes microseconds, so waiting for it blocks nobody.
        match started.recv() {
            Ok(Ok(address)) => Ok(Self { address, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the metrics thread has ended")),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PrometheusEndpoint {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens any more when the server has stopped by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for PrometheusEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusEndpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What is served: the samples of the last second, and what the program itself has recorded.
pub(super) struct Exposition {
    latest: Mutex<Option<Arc<Gathered>>>,
    program: PrometheusRecorder,
}

/// What was gathered at one time.
struct Gathered {
    samples: Vec<Sample>,
    report: SessionReport,
    at: SystemTime,
}

impl Exposition {
    /// One in which nothing was gathered yet.
    pub(super) fn new() -> Self {
        Self { latest: Mutex::default(), program: PrometheusBuilder::new().build_recorder() }
    }

    /// What was gathered last, if anything was.
    fn latest(&self) -> Option<Arc<Gathered>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the session's numbers were gathered; `None` before they first were.
    pub(super) fn gathered_at(&self) -> Option<SystemTime> {
        self.latest().map(|latest| latest.at)
    }

    /// Everything in the protobuf format of Prometheus; `None` while the program has histograms of its own, which only come as text.
    pub(super) fn protobuf(&self) -> Option<Vec<u8>> {
        let program = program::families(&self.program.handle().render())?;
        let latest = self.latest();
        Some(protobuf::render(latest.as_ref().map_or(&[], |latest| &latest.samples), &program))
    }

    /// The latest report as JSON; `null` before there is one.
    pub(super) fn json(&self) -> String {
        self.latest().map_or_else(
            || "null".to_owned(),
            |latest| latest.report.to_json(&self.program.handle().render()),
        )
    }

    /// Everything in the text format of Prometheus.
    pub(super) fn text(&self) -> String {
        let mut page = self.latest().map_or_else(String::new, |latest| text::render(&latest.samples));
        page.push_str(&self.program.handle().render());
        page
    }
}

/// Keeps an exposition up to date.
struct Gatherer {
    session: Session,
    /// What it is called.
    name: Option<String>,
    sampler: Sampler,
    started_ms: u64,
    exposition: Arc<Exposition>,
}

impl Gatherer {
    /// Goes on for ever. After the session has ended, its last numbers stay and the program's own go on.
    async fn gather(mut self, mut also: impl FnMut()) {
        let mut ticks = tokio::time::interval(PUBLISH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Ok(snapshot) = self.session.metrics().await {
                let state = self.session.state();
                let samples = self.sampler.take(&snapshot, &state, Instant::now());
                let report = SessionReport::new(self.name.clone(), snapshot, &state, self.started_ms);
                let gathered = Arc::new(Gathered { samples, report, at: SystemTime::now() });
                *self.exposition.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(gathered);
            }
            metrics::with_local_recorder(&self.exposition.program, &mut also);
            self.exposition.program.handle().run_upkeep();
        }
    }
}
