//! Learning which tablets are where, from what servers tell with their answers.
//!
//! Coordinators pass on what their connections hear. The first tablets are learned at once; those that come soon after are
//! gathered, because each route that is published costs a copy of what changed.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler};
use chorus_topology::{TableId, TabletHint};
use tokio::time::Instant;
use tracing::debug;

use super::{ClusterActor, LearnTablets};
use crate::control::{Read, Scope};

/// How long tablets are gathered before one new route has them all.
const WINDOW: Duration = Duration::from_millis(20);

/// How often members are read again because a tablet is on a host that is none.
const STRANGER_PAUSE: Duration = Duration::from_secs(10);

/// Tablets waiting for the next route; more are dropped, servers tell them again.
const MOST_WAITING: usize = 4096;

/// Tablets that wait to be learned.
#[derive(Default)]
pub(super) struct Tablets {
    waiting: Vec<(TableId, TabletHint)>,
    /// Some were learned a moment ago: the next ones wait.
    gathering: bool,
    /// When members were last read because of a tablet.
    stranger_sought: Option<Instant>,
}

impl ClusterActor {
    /// Learns the tablets gathered so far, and gathers the next ones for a while.
    fn learn_tablets(&mut self, ctx: &mut Context<Self>) {
        if self.digesting {
            ctx.run_later(WINDOW, |actor, ctx| actor.learn_tablets(ctx));
            self.tablets.gathering = true;
            return;
        }
        let tablets = std::mem::take(&mut self.tablets.waiting);
        if tablets.is_empty() {
            self.tablets.gathering = false;
            return;
        }
        let state = self.published.state.load_full();
        let (state, unknown) = state.learning(tablets.iter().map(|(table, hint)| (*table, hint)));
        self.publish(state);
        if let Some(stranger) = unknown.first()
            && self.tablets.stranger_sought.is_none_or(|when| when.elapsed() >= STRANGER_PAUSE)
        {
            debug!(%stranger, tablets = unknown.len(), "tablets are on hosts that are no members: reading them again");
            self.tablets.stranger_sought = Some(Instant::now());
            self.control.do_send(Read { scope: Scope::topology(), answer: None });
        }
        self.tablets.gathering = true;
        ctx.run_later(WINDOW, |actor, ctx| actor.learn_tablets(ctx));
    }
}

impl Handler<LearnTablets> for ClusterActor {
    type Result = ();

    /// The first ones are learned at once, those that come soon after together.
    fn handle(&mut self, LearnTablets(tablets): LearnTablets, ctx: &mut Self::Context) {
        let room = MOST_WAITING.saturating_sub(self.tablets.waiting.len());
        self.tablets.waiting.extend(tablets.into_iter().take(room));
        if !self.tablets.gathering && !self.stopping {
            self.learn_tablets(ctx);
        }
    }
}
