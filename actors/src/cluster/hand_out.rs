//! Handing the session out to whoever called `connect`, or telling why there is none.

use std::time::Duration;

use actix::{AsyncContext, Context};

use super::ClusterActor;
use super::readiness::{Readiness, readiness};
use crate::config::ControlConnectionFallback;
use crate::connection::handshake::ConnectError;

/// How long `connect` waits for further hosts once the first one serves.
const GRACE: Duration = Duration::from_millis(250);

impl ClusterActor {
    /// Hands out the session when that can be decided.
    pub(super) fn decide(&mut self, ctx: &mut Context<Self>) {
        if self.ready.is_none() {
            return;
        }
        let fallback = self.config.control_connection_fallback;
        if fallback == ControlConnectionFallback::SkipPoolCreation {
            self.answer_ready(Ok(()));
            return;
        }
        match readiness(self.members.first_attempts(), self.config.wait_for_all_hosts) {
            Readiness::NotYet => {}
            Readiness::Almost if self.grace => {}
            Readiness::Almost => {
                self.grace = true;
                ctx.run_later(GRACE, |actor, _| actor.answer_ready(Ok(())));
            }
            Readiness::Ready => self.answer_ready(Ok(())),
            Readiness::Failed if self.members.is_empty() => {
                let state = self.published.state.load();
                let datacenters: Vec<&str> = state.route.datacenters().iter().map(|name| &**name).collect();
                let reason = format!(
                    "the load balancing policy ignores all {} hosts, which are in: {}",
                    state.hosts.len(),
                    datacenters.join(", ")
                );
                self.answer_ready(Err(ConnectError::Metadata { reason: reason.into() }));
            }
            Readiness::Failed if fallback == ControlConnectionFallback::Fallback => self.answer_ready(Ok(())),
            Readiness::Failed => {
                let attempts = self.members.failures();
                self.answer_ready(Err(ConnectError::NoHostAvailable { attempts }));
            }
        }
    }

    pub(super) fn answer_ready(&mut self, outcome: Result<(), ConnectError>) {
        if let Some(ready) = self.ready.take() {
            // Whoever called `connect` may have given up; the handle it never got ends the session.
            let _ = ready.send(outcome);
        }
    }
}
