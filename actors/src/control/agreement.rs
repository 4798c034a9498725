//! Whether all hosts have the same schema, as one of them tells it.
//!
//! Everybody who waits shares the looks at the system tables, but nobody is answered by a look that was begun before he
//! asked: it may have seen the schema before his change.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use tokio::time::Instant;
use uuid::Uuid;

use super::ControlActor;
use super::messages::{Answer, AwaitAgreement};
use super::read::Reader;

/// What one host said of itself, or another host of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostVersion {
    /// The host's identity.
    pub(crate) host: Option<Uuid>,
    /// Its schema version.
    pub(crate) version: Option<Uuid>,
}

/// The schema version that `versions` agree on.
///
/// Hosts without a version (just joining) and hosts known to be down are not asked; nobody left to ask is no agreement.
pub(crate) fn agreed(
    versions: impl IntoIterator<Item = HostVersion>,
    is_down: impl Fn(Uuid) -> bool,
) -> Option<Uuid> {
    let mut common = None;
    for HostVersion { host, version } in versions {
        let Some(version) = version else { continue };
        if host.is_some_and(&is_down) {
            continue;
        }
        match common {
            None => common = Some(version),
            Some(known) if known == version => {}
            Some(_) => return None,
        }
    }
    common
}

/// Whoever waits for agreement, each until his time is over.
#[derive(Debug)]
pub(super) struct Waiting<W = Answer<Option<Uuid>>> {
    /// The next look answers these.
    waiting: Vec<(Instant, W)>,
    /// These came while a look was under way, and wait for the one after it.
    late: Vec<(Instant, W)>,
    running: bool,
    /// Hosts known to be down, which are not waited for.
    pub(super) down: HashSet<Uuid>,
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self { waiting: Vec::new(), late: Vec::new(), running: false, down: HashSet::new() }
    }
}

impl<W> Waiting<W> {
    fn join(&mut self, until: Instant, who: W) {
        let waiting = if self.running { &mut self.late } else { &mut self.waiting };
        waiting.push((until, who));
    }

    /// Whether to look: somebody waits and nobody looks. Then one is looking.
    fn begin(&mut self) -> bool {
        let begin = !self.running && !self.waiting.is_empty();
        self.running |= begin;
        begin
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.late.is_empty()
    }

    /// The look is over. Returns those it answers.
    fn finish(&mut self, agreed: bool) -> Vec<W> {
        self.running = false;
        let answered = if agreed { std::mem::take(&mut self.waiting) } else { Vec::new() };
        self.waiting.append(&mut self.late);
        answered.into_iter().map(|(_, who)| who).collect()
    }

    /// Those whose time is over.
    fn expire(&mut self, now: Instant) -> Vec<W> {
        let mut done = Vec::new();
        for waiting in [&mut self.waiting, &mut self.late] {
            let all = std::mem::take(waiting);
            let (over, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(until, _)| *until <= now);
            done.extend(over.into_iter().map(|(_, who)| who));
            *waiting = left;
        }
        done
    }

    /// Whether a look is under way for nobody: it may be given up, so that the next one need not wait for it.
    fn is_vain(&self) -> bool {
        self.running && self.is_empty()
    }

    /// Everybody: there is no hope.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = W> {
        let late = std::mem::take(&mut self.late);
        std::mem::take(&mut self.waiting).into_iter().chain(late).map(|(_, who)| who)
    }
}

impl ControlActor {
    /// One look at the schema versions for everybody who waits.
    pub(super) fn check_agreement(&mut self, ctx: &mut Context<Self>) {
        if self.agreement.is_empty() {
            return;
        }
        let Some(link) = self.link.clone() else {
            // While a host is being looked for there is hope.
            if self.opening.is_none() {
                self.fail_waiting();
            }
            return;
        };
        if !self.agreement.begin() {
            return;
        }
        let (config, down) = (Arc::clone(&self.setup.config), self.agreement.down.clone());
        let look = async move {
            let versions = Reader::new(&link, &config).schema_versions().await;
            versions.map(|versions| agreed(versions, |host| down.contains(&host)))
        };
        self.look = Some(ctx.spawn(look.into_actor(self).map(|outcome, actor, ctx| {
            actor.look = None;
            actor.on_looked(outcome.ok().flatten(), ctx);
        })));
    }

    fn on_looked(&mut self, version: Option<Uuid>, ctx: &mut Context<Self>) {
        for answer in self.agreement.finish(version.is_some()) {
            let _ = answer.send(Ok(version));
        }
        self.expire(ctx);
        if version.is_some() {
            // For those who came meanwhile.
            self.check_agreement(ctx);
        } else if !self.agreement.is_empty() {
            let pause = self.setup.config.schema_agreement_interval;
            ctx.run_later(pause, |actor, ctx| actor.check_agreement(ctx));
        }
    }

    /// Answers those whose time is over.
    fn expire(&mut self, ctx: &mut Context<Self>) {
        for answer in self.agreement.expire(Instant::now()) {
            let _ = answer.send(Ok(None));
        }
        if self.agreement.is_vain()
            && let Some(look) = self.look.take()
        {
            ctx.cancel_future(look);
            self.agreement.finish(false);
        }
    }
}

impl Handler<AwaitAgreement> for ControlActor {
    type Result = ();

    fn handle(&mut self, wait: AwaitAgreement, ctx: &mut Self::Context) {
        self.agreement.down = wait.down;
        self.agreement.join(Instant::now() + wait.limit, wait.answer);
        // Also when there is no connection by then, or the server takes its time.
        ctx.run_later(wait.limit, |actor, ctx| actor.expire(ctx));
        self.check_agreement(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn host(number: u128, version: Option<Uuid>) -> HostVersion {
        HostVersion { host: Some(Uuid::from_u128(100 + number)), version }
    }

    #[test]
    fn exactly_one_version_is_agreement() {
        let all_up = |_| false;
        assert_eq!(agreed([host(1, Some(A)), host(2, Some(A))], all_up), Some(A));
        assert_eq!(agreed([host(1, Some(A)), host(2, Some(B))], all_up), None);
        assert_eq!(agreed([host(1, Some(A)), host(2, None)], all_up), Some(A));
        assert_eq!(agreed([], all_up), None);
    }

    #[test]
    fn a_host_that_is_down_is_not_waited_for() {
        let versions = [host(1, Some(A)), host(2, Some(B))];
        assert_eq!(agreed(versions, |id| id == Uuid::from_u128(102)), Some(A));
    }

    #[test]
    fn a_look_answers_nobody_who_came_after_it_was_begun() {
        let mut waiting = Waiting::default();
        let later = Instant::now() + std::time::Duration::from_secs(1);
        assert!(!waiting.begin());
        waiting.join(later, "early");
        assert!(waiting.begin() && !waiting.begin());
        waiting.join(later, "late");
        assert_eq!(waiting.finish(true), ["early"]);
        assert!(waiting.begin());
        assert_eq!(waiting.finish(false), [""; 0]);
        assert!(waiting.begin());
        assert_eq!(waiting.finish(true), ["late"]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn time_runs_out_for_those_who_came_early_and_late() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(1);
        waiting.join(now, "a");
        waiting.join(later, "b");
        waiting.begin();
        waiting.join(now, "c");
        waiting.join(later, "d");
        assert_eq!(waiting.expire(now), ["a", "c"]);
        assert!(!waiting.is_vain());
        assert_eq!(waiting.give_up().collect::<Vec<_>>(), ["b", "d"]);
        assert!(waiting.is_empty() && waiting.is_vain());
    }
}
