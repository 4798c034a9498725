//! Tells one story from its beginning to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chorus::policy::Rng;
use chorus::{Error, ErrorKind, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests};
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use crate::clock::JumpingClock;
use crate::director::Director;
use crate::errands::Errands;
use crate::ledger::Ledger;
use crate::punctuality::Punctuality;
use crate::report::{Findings, Verdict};
use crate::story::{Ending, Story};
use crate::workload::{CALM, Caller, Statements};
use crate::{healing, report, verify, workload};

/// Requests that must all succeed when the faults are over.
const FAREWELL: i64 = 96;
/// A machine that stood still for longer than this while something was tried is reason to try it again: it has taken the time
/// that heartbeats and requests of a story have. How often, at the most.
const STANDSTILL: Duration = Duration::from_millis(30);
const ATTEMPTS: usize = 10;
/// No story takes longer, whatever happens in it.
const LONGEST: Duration = Duration::from_secs(60);

/// Tells a story.
pub(crate) fn tell(story: &Story) -> Verdict {
    let (began, seed) = (Instant::now(), story.seed);
    let findings = Arc::new(Findings::default());
    let cluster = Arc::new(story.shape.start(seed));
    let runtime = story.client.runtime();
    let told = runtime.block_on(async {
        tokio::time::timeout(
            LONGEST + story.schedule.suspended(),
            Play::new(story, &cluster, &findings).run(),
        )
        .await
    });
    match told {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.add(format!("in fair weather: {error:?}")),
        Err(_) => findings.add(format!("it is not over after {:?}", began.elapsed())),
    }
    drop(runtime);
    let findings = Arc::into_inner(findings).expect("nobody is left to find anything");
    let (findings, outcomes) = findings.into_parts();
    if !findings.is_empty() {
        // At once, for whoever watches; and all together in the end.
        report::say(&format!("story {seed} failed: {}", findings[0]));
    }
    Verdict { seed, story: story.to_string(), findings, outcomes, took: began.elapsed() }
}

struct Play<'s> {
    story: &'s Story,
    cluster: &'s Arc<EmbeddedCluster>,
    findings: &'s Arc<Findings>,
    clock: JumpingClock,
    tasks_before: usize,
}

impl<'s> Play<'s> {
    fn new(story: &'s Story, cluster: &'s Arc<EmbeddedCluster>, findings: &'s Arc<Findings>) -> Self {
        let tasks_before = Handle::current().metrics().num_alive_tasks();
        Self { story, cluster, findings, clock: JumpingClock::default(), tasks_before }
    }

    /// # Errors
    ///
    /// What must not fail because nothing is wrong yet, or any more.
    async fn run(self) -> Result<(), Error> {
        let (story, findings) = (self.story, self.findings);
        // Prepared by a session with all the time in the world: nothing is wrong yet but the machine may be slow.
        let stage_hand =
            Session::builder().contact_points(self.cluster.addresses()).port(self.cluster.address(0).port());
        let stage_hand = stage_hand.request_timeout(CALM).connect().await?;
        workload::lay_out(&stage_hand, story.seed, &story.shape.keyspaces()).await?;
        stage_hand.shutdown(CALM).await;
        let (session, statements) = self.connect().await?;
        let (punctuality, pulse) = Punctuality::start(findings, story.schedule.suspended());

        let ledger = Arc::new(Ledger::default());
        let swallowed = self.let_it_happen(&session, &statements, &punctuality, &ledger).await;
        healing::heal(story, self.cluster, &session, swallowed, findings).await;
        let healed = async || healing::heal(story, self.cluster, &session, swallowed, findings).await;
        let succeeds = async || Self::everything_succeeds(&session, &statements).await;
        for error in Self::in_fair_weather(&punctuality, succeeds, Vec::is_empty, &healed).await {
            findings.add(format!("after the faults: {error:?}"));
        }
        let books = ledger.with(std::mem::take);
        let verified = async || verify::verify(&session, &books, story.seed, findings).await;
        Self::in_fair_weather(&punctuality, verified, Result::is_ok, &healed).await?;
        healed().await;

        self.end(session, &statements, &punctuality).await;
        drop(statements);
        pulse.abort();
        let _ = pulse.await;
        healing::nothing_is_left(self.cluster, self.tasks_before, findings).await;
        Ok(())
    }

    /// Opens the session of the story. A slow machine may need several attempts.
    async fn connect(&self) -> Result<(Session, Statements), Error> {
        let attempt = async || {
            let session = self.story.client.builder(self.cluster, &self.clock).connect().await?;
            let statements = Statements::prepare(&session).await?;
            Ok((session, statements))
        };
        let mut attempts = 0;
        loop {
            match attempt().await {
                Err(_) if attempts < ATTEMPTS => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    /// What comes of an attempt at something that must succeed: of another one where the machine stood still meanwhile.
    async fn in_fair_weather<T>(
        punctuality: &Punctuality,
        mut attempt: impl AsyncFnMut() -> T,
        succeeded: impl Fn(&T) -> bool,
        healed: &impl AsyncFn(),
    ) -> T {
        for _ in 1..ATTEMPTS {
            let before = punctuality.lateness();
            let outcome = attempt().await;
            if succeeded(&outcome) || punctuality.lateness() - before < STANDSTILL {
                return outcome;
            }
            healed().await;
        }
        attempt().await
    }

    /// Callers call while the schedule takes its course. Returns how many requests will never be answered.
    async fn let_it_happen(
        &self,
        session: &Session,
        statements: &Statements,
        punctuality: &Punctuality,
        ledger: &Arc<Ledger>,
    ) -> u64 {
        let story = self.story;
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..story.callers {
            let caller = Caller {
                number: number as i64 + 1,
                seed: story.seed,
                session: session.clone(),
                statements: statements.clone(),
                timeout: story.client.timeout,
                ledger: Arc::clone(ledger),
                findings: Arc::clone(self.findings),
                punctuality: punctuality.clone(),
                rng: Rng::seeded(story.seed ^ (number as u64 + 1) << 40),
                sent: 0,
            };
            tasks.spawn(caller.run(Arc::clone(&stop)));
        }
        let (sender, receiver) = unbounded_channel();
        let errands = Errands {
            story: story.clone(),
            cluster: Arc::clone(self.cluster),
            clock: self.clock.clone(),
            session: session.clone(),
            punctuality: punctuality.clone(),
            findings: Arc::clone(self.findings),
        };
        tasks.spawn(errands.run(receiver));
        let (done, over) = tokio::sync::oneshot::channel();
        let (cluster, clock, schedule) =
            (Arc::clone(self.cluster), self.clock.clone(), story.schedule.clone());
        std::thread::spawn(move || {
            let _ = done.send(Director::new(&cluster, &clock, sender).direct(&schedule));
        });
        let swallowed = over.await;
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                self.findings.add(format!("a caller: {error}"));
            }
        }
        swallowed.unwrap_or_else(|_| {
            self.findings.add("the schedule could not be carried out");
            0
        })
    }

    /// Reads and writes of which none may fail; the errors of those that do.
    async fn everything_succeeds(session: &Session, statements: &Statements) -> Vec<Error> {
        let mut errors = workload::all_read(session, &statements.whole_echo, FAREWELL).await;
        errors.extend(workload::every_host_writes(session, statements).await);
        errors
    }

    /// Ends the session while requests are under way; each must end too.
    async fn end(&self, session: Session, statements: &Statements, punctuality: &Punctuality) {
        let held = Fault::Delay(Duration::from_millis(60));
        self.cluster.faults().add(Requests::containing("sim.echo"), held);
        let mut calls = JoinSet::new();
        for id in 0..workload::ECHOES / 4 {
            let (session, statement) = (session.clone(), statements.echo.clone());
            let (punctuality, limit) = (punctuality.clone(), self.story.client.timeout);
            calls.spawn(async move {
                let call = session.execute(&statement, (id,));
                let outcome = punctuality.watch("a last read", limit, call).await;
                outcome.and_then(Result::err)
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        match self.story.ending {
            Ending::Drained => {
                let report = session.shutdown(Duration::from_secs(5)).await;
                self.findings
                    .unless(report.in_time && report.abandoned == 0, || format!("at the end: {report:?}"));
            }
            Ending::CutShort => {
                let report = session.shutdown(Duration::from_millis(5)).await;
                self.findings
                    .unless(report.took < Duration::from_secs(3), || format!("at the end: {report:?}"));
            }
            Ending::Dropped => drop(session),
        }
        while let Some(ended) = calls.join_next().await {
            match ended {
                Ok(None) => self.findings.count("done at the end"),
                Ok(Some(error)) if error.kind() == ErrorKind::SessionClosed => self.findings.count("closed"),
                Ok(Some(error)) => workload::judge(self.findings, "a last read", &error),
                Err(error) => self.findings.add(format!("a last read: {error}")),
            }
        }
    }
}
