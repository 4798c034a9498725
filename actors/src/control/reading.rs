//! One read at a time through the control connection, and what follows from it.

use std::rc::Rc;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use tracing::{debug, error, warn};

use super::read::Reader;
use super::{ClusterRows, ControlActor, ControlError, Read};
use crate::cluster::{ClusterRead, RoutesChanged};

impl ControlActor {
    /// Reads what is wanted, unless something is being read: then it is read next, once, for all who ask meanwhile.
    pub(super) fn read(&mut self, ctx: &mut Context<Self>) {
        let Some(link) = &self.link else { return };
        if self.reading.is_some() || self.wanted.scope.is_empty() || self.stopped.is_some() {
            return;
        }
        let wanted = std::mem::take(&mut self.wanted);
        let (link, config) = (Rc::clone(link), Arc::clone(&self.setup.config));
        let scope = wanted.scope.clone();
        self.reading = Some(wanted);
        let read = async move {
            let outcome = Reader::new(&link, &config).read(&scope).await;
            (link, outcome)
        };
        ctx.spawn(read.into_actor(self).map(|(link, outcome), actor, ctx| {
            let wanted = actor.reading.take().unwrap_or_default();
            actor.counts.refreshes[usize::from(outcome.is_err())] += 1;
            match outcome {
                Ok(mut rows) => {
                    actor.take_routes(&mut rows);
                    actor.setup.cluster.do_send(ClusterRead {
                        rows: Box::new(rows),
                        from: link.endpoint().clone(),
                        shape: link.shape(),
                        answers: wanted.answers,
                    });
                }
                Err(error) => {
                    // It is repeated on the next connection: this one is of no use if it cannot even do that.
                    actor.wanted.scope.add(wanted.scope);
                    actor.wanted.answers.extend(wanted.answers);
                    if actor.link.as_ref().is_some_and(|current| current.id() == link.id()) {
                        actor.on_lost(&error.to_string(), ctx);
                    }
                }
            }
            actor.read(ctx);
        }));
    }

    /// Later dials go by the routes that were read.
    pub(super) fn take_routes(&self, rows: &mut ClusterRows) {
        let (Some((scope, found)), Some(routes)) = (rows.routes.take(), &self.setup.config.client_routes)
        else {
            return;
        };
        let directory = &self.setup.directory;
        match directory.routes().updated(&scope, &found, routes, self.setup.config.is_secured()) {
            Ok(update) => {
                if update.unusable > 0 {
                    warn!(rows = update.unusable, "some rows of system.client_routes cannot be used");
                }
                debug!(hosts = update.table.len(), changed = update.changed.len(), "routes were read");
                directory.set_routes(update.table);
                if !update.changed.is_empty() {
                    self.setup.cluster.do_send(RoutesChanged { hosts: update.changed });
                }
            }
            Err(error) => error!(%error, "routes cannot be read"),
        }
    }
}

impl Handler<Read> for ControlActor {
    type Result = ();

    fn handle(&mut self, read: Read, ctx: &mut Self::Context) {
        if self.link.is_none() && self.opening.is_none() {
            if let Some(answer) = read.answer {
                let _ = answer.send(Err(ControlError::NotConnected));
            }
            return;
        }
        self.wanted.scope.add(read.scope);
        self.wanted.answers.extend(read.answer);
        self.read(ctx);
    }
}
