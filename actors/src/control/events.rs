//! Acting on what servers announce, when it is due: hints about hosts go to the cluster, news is read.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler};

use super::messages::EventsArrived;
use super::{ControlActor, SchemaParts, Scope};
use crate::cluster::HostReported;

impl ControlActor {
    /// Acts on what is due, and sets the alarm for what is not.
    pub(super) fn look_at_events(&mut self, ctx: &mut Context<Self>) {
        self.inbox.looked();
        if self.link.is_none() {
            // A connection that is being opened has registered and reads: what comes meanwhile may be news to it, and is
            // looked at when it is there. Otherwise a full read will answer it all.
            if self.opening.is_none() {
                self.inbox.pending.borrow_mut().clear();
            }
            return;
        }
        let now = self.inbox.now();
        let due = self.inbox.pending.borrow_mut().take_due(now);
        for (address, up) in due.statuses {
            self.setup.cluster.do_send(HostReported { address, up });
        }
        let schema = if self.setup.fetch.schema() { due.schema } else { SchemaParts::default() };
        self.wanted.scope.add(Scope { topology: due.topology, schema, routes: due.routes });
        self.read(ctx);
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let next = self.inbox.pending.borrow().next_due();
        if let Some(next) = next {
            let delay = Duration::from_millis(next.saturating_sub(now).max(1));
            self.alarm = Some(ctx.run_later(delay, |actor, ctx| {
                actor.alarm = None;
                actor.look_at_events(ctx);
            }));
        }
    }
}

impl Handler<EventsArrived> for ControlActor {
    type Result = ();

    fn handle(&mut self, _: EventsArrived, ctx: &mut Self::Context) {
        self.look_at_events(ctx);
    }
}
