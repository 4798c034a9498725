//! What the coordinator does about failed attempts; [`execution`](super::execution) says what that is.

use std::sync::Arc;

use chorus_protocol::{
    Consistency, Opcode,
    response::{DbError, ErrorBody},
};
use chorus_topology::HostIndex;

use super::{
    CoordinatorActor, Parked, execution,
    execution::{Circumstances, Effect, Judge},
    port::{Cause, Failed},
};
use crate::connection::ConnectionHandle;
use crate::metrics::FailureReason;
use crate::request::{Attempt, CloseReason, Outcome, Request, RequestErrorKind};

impl CoordinatorActor {
    pub(super) fn judge_failures(&mut self) {
        // One by one, so that a policy that panics over one of them does not take the others along.
        let count = self.port.failed.borrow().len();
        for _ in 0..count {
            let failure = self.port.failed.borrow_mut().pop_front();
            let Some(failure) = failure else { break };
            self.judge(failure);
        }
    }

    pub(super) fn judge(&mut self, Failed { mut request, cause, connection }: Failed) {
        if request.is_abandoned() {
            self.port.cancelled(request);
            return;
        }
        request.progress.attempt_failed(cause.is_written(), self.port.clock().now_us());
        let cause = match cause {
            // Nothing has happened to it: it is sent as if for the first time, to the same host if that has room.
            Cause::Returned if !request.progress.reprepare && !request.progress.direct => {
                request.progress.tried.pop();
                self.resend(request, None);
                return;
            }
            Cause::Returned => Cause::ConnectionLost { reason: CloseReason::Orphans, written: false },
            cause => cause,
        };
        if request.progress.reprepare {
            self.reprepare_failed(request, cause, &connection);
            return;
        }
        if request.progress.direct {
            self.port.fail(request, execution::error_kind(cause));
            return;
        }
        request.learn_from_race();
        if let Cause::Database(body) = &cause {
            let for_load = matches!(body.error, DbError::Overloaded | DbError::RateLimitReached { .. });
            if for_load && !body.is_out_of_service() {
                self.port.stats.borrow_mut().refused_for_load += 1;
            }
            if execution::is_refusal(&body.error) {
                self.port.pools.borrow_mut().note_refusal(connection.host);
            }
        }
        if let Some(error) = execution::attempt_error(&cause) {
            let after = request.progress.since_admitted(self.port.clock().now_us());
            request.progress.attempts.push(Attempt { host: connection.address, error, after });
        }
        if let Cause::Database(ErrorBody { error: DbError::Unprepared { .. }, .. }) = &cause
            && request.progress.forgetful != Some(connection.host)
        {
            // Each host on the way may have forgotten the statement, or never have known it.
            request.progress.forgetful = Some(connection.host);
            request.progress.reprepares = 0;
        }
        let reason = FailureReason::of_cause(&cause);
        let policies = Arc::clone(request.options.policies.as_ref().unwrap_or(&self.policies));
        let host = self.circumstances(&connection);
        let effect = if self.draining.as_ref().is_some_and(|draining| draining.expired) {
            Effect::Fail(match &cause {
                // It could have been carried out yet, if there were time.
                Cause::Database(ErrorBody { error: DbError::Unprepared { .. }, .. }) => {
                    RequestErrorKind::SessionClosed
                }
                _ => execution::error_kind(cause),
            })
        } else {
            let mut judge = Judge {
                policy: &*policies.retry,
                budget: &mut self.budget,
                rng: &mut self.rng,
                refusals: &mut self.port.stats.borrow_mut().budget_refusals,
            };
            judge.judge(&request, cause, host)
        };
        match effect {
            Effect::Fail(kind) => {
                if let Some(reason) = reason {
                    self.port.stats.borrow_mut().given_up[reason as usize] += 1;
                }
                // The last attempt is the error itself, not one that came before it.
                if !matches!(kind, RequestErrorKind::Timeout { .. }) {
                    request.progress.attempts.pop();
                }
                self.port.fail(request, kind);
            }
            Effect::Ignore => {
                if let Some(reason) = reason {
                    self.port.stats.borrow_mut().ignored[reason as usize] += 1;
                }
                request.progress.ends_without_attempt(self.port.clock().now_us());
                request.body.clear();
                request.body.extend_from_slice(&[0, 0, 0, 1]);
                let opcode = Opcode::Result as u8;
                request.outcome = Outcome::Answered { opcode, flags: 0, host: connection.host };
                self.port.answered(request);
            }
            Effect::Reprepare(id) => self.reprepare(request, &id, &connection),
            Effect::Resend { same_host, consistency, after } => {
                request.progress.retries += 1;
                request.tell_race();
                self.port.stats.borrow_mut().retried(reason, same_host);
                self.change_consistency(&mut request, consistency);
                let host = same_host.then_some(connection.host);
                match after {
                    Some(delay) => {
                        let due_us = self.port.clock().now_us() + delay.as_micros() as u64;
                        self.parked.push(Parked { due_us, request, host });
                    }
                    None => self.resend(request, host),
                }
            }
        }
    }

    fn circumstances(&self, connection: &ConnectionHandle) -> Circumstances {
        let pools = self.port.pools.borrow();
        Circumstances {
            now_us: self.port.clock().now_us(),
            in_flight: connection.in_flight(),
            latency_us: pools.answers_in_us(connection.host),
            refuses: pools.refuses(connection.host),
        }
    }

    pub(super) fn change_consistency(&self, request: &mut Request, consistency: Option<Consistency>) {
        if let (Some(consistency), Some(offset)) = (consistency, request.options.consistency_offset)
            && let Some(bytes) = request.frame.get_mut(offset as usize..offset as usize + 2)
        {
            bytes.copy_from_slice(&consistency.code().to_be_bytes());
            request.options.consistency = consistency;
        }
    }

    /// Sends again after a pause. A plan that has come to its end begins anew: what was wrong with its hosts may be over.
    pub(super) fn resume(&mut self, mut request: Box<Request>, host: Option<HostIndex>) {
        let route = self.port.route.borrow().clone();
        if host.is_none()
            && let Some(route) = route
            && self.next_target(&request, &route).is_none()
        {
            request.progress.tried.clear();
            request.progress.by_control = false;
        }
        self.resend(request, host);
    }

    /// Sends again: to `host` if it still has a connection with room, else to the next host of the plan.
    pub(super) fn resend(&mut self, request: Box<Request>, host: Option<HostIndex>) {
        if let Some(host) = host {
            let connection = self.port.pools.borrow().pick(host, None, &mut self.rng).connection();
            if let Some(connection) = connection {
                self.hand_over(request, &connection);
                return;
            }
        }
        self.dispatch_one(request);
    }
}
