//! What happens after an attempt failed: pure, events in, effects out.
//!
//! ```text
//!  attempt ──ok──> done
//!     │
//!     ├─ the server forgot the statement ──> prepare it there, same host again (at most twice a host)
//!     ├─ the deadline passed ──> failed
//!     ├─ the error leaves nothing to decide ──> failed
//!     └─ the retry policy decides ──> same host / next host / after a pause / failed / ignored
//! ```
//! Whatever the policy decides, a request for one certain host is sent to no other, a serial consistency is not traded for
//! another kind, a pause does not outlast the request, and what was written pays from the retry budget.

use std::time::Duration;

use chorus_protocol::{
    Consistency,
    response::{DbError, ErrorBody},
};
use chorus_topology::{Failure, FailureCause, RetryBudget, RetryDecision, RetryPolicy, Rng, is_for_policy};

use super::port::Cause;
use crate::request::{AttemptError, CloseReason, Request, RequestErrorKind, RequestKind};

/// How often a statement is prepared again on one host for one request before the host is taken at its word.
const MOST_REPREPARES: u32 = 2;

/// What the coordinator must do now.
#[derive(Debug)]
pub(super) enum Effect {
    /// End the request with this error.
    Fail(RequestErrorKind),
    /// End the request as if it had succeeded with nothing to say.
    Ignore,
    /// Prepare the statement with this id on the host that answered, then send the request there again.
    Reprepare(bytes::Bytes),
    /// Send it again.
    Resend {
        /// To the same host, or the next of the plan.
        same_host: bool,
        /// With another consistency.
        consistency: Option<Consistency>,
        /// Not before this has passed.
        after: Option<Duration>,
    },
}

/// The host of an attempt that failed, as its coordinator knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// The time, microseconds.
    pub(super) now_us: u64,
    /// Requests in flight on the connection that had it.
    pub(super) in_flight: u32,
    /// How long the host takes to answer, when that is known.
    pub(super) latency_us: Option<u32>,
    /// It has lately answered nothing but refusals.
    pub(super) refuses: bool,
}

/// Who decides, and what that may cost.
pub(super) struct Judge<'j> {
    pub(super) policy: &'j dyn RetryPolicy,
    pub(super) budget: &'j mut RetryBudget,
    pub(super) rng: &'j mut Rng,
    /// Counts retries the budget did not allow.
    pub(super) refusals: &'j mut u64,
}

impl Judge<'_> {
    /// Judges a failed attempt.
    pub(super) fn judge(&mut self, request: &Request, cause: Cause, host: Circumstances) -> Effect {
        let written = match &cause {
            Cause::Timeout { written } => {
                let (after, in_flight) = (request.options.timeout.unwrap_or_default(), host.in_flight);
                return Effect::Fail(RequestErrorKind::Timeout { after, written: *written, in_flight });
            }
            Cause::Database(body) => {
                if let DbError::Unprepared { id } = &body.error {
                    if request.options.prepared.find(id).is_none() {
                        return Effect::Fail(RequestErrorKind::UnknownPrepared { id: id.to_vec() });
                    }
                    if request.progress.reprepares < MOST_REPREPARES * request.options.prepared.count() {
                        return Effect::Reprepare(id.clone());
                    }
                }
                if !is_for_policy(&body.error) {
                    return Effect::Fail(error_kind(cause));
                }
                !did_nothing(body)
            }
            Cause::ConnectionLost { written, .. } => *written,
            Cause::Returned => false,
        };
        let is_answer = matches!(cause, Cause::Database(_));
        let effect = match self.decide(request, &cause, written, host) {
            RetryDecision::SameHost(consistency) => resend(request, true, consistency, None),
            RetryDecision::NextHost(consistency) => resend(request, false, consistency, None),
            RetryDecision::After { delay, same_host, consistency } => {
                resend(request, same_host, consistency, Some(delay))
            }
            RetryDecision::Ignore => return Effect::Ignore,
            // Rethrow, and whatever a policy of a later version may say.
            _ => return Effect::Fail(error_kind(cause)),
        };
        if cannot_be_carried_out(request, &effect, host.now_us) {
            return Effect::Fail(error_kind(cause));
        }
        // The budget is there so that retries cannot multiply load. A request that never left cannot, nor can the first move
        // of one whose connection broke or whose host does nothing for anybody: that host has no load from them.
        let left = match &cause {
            Cause::Database(body) => did_nothing(body) || host.refuses && is_refusal(&body.error),
            Cause::ConnectionLost { .. } => true,
            _ => false,
        };
        let elsewhere = matches!(effect, Effect::Resend { same_host: false, .. });
        let moves_house = left && request.progress.retries == 0 && (elsewhere || !is_answer);
        if (written || is_answer) && !moves_house && !self.budget.try_spend() {
            *self.refusals += 1;
            return Effect::Fail(error_kind(cause));
        }
        effect
    }

    fn decide(
        &mut self,
        request: &Request,
        cause: &Cause,
        written: bool,
        host: Circumstances,
    ) -> RetryDecision {
        let overloaded = matches!(cause, Cause::Database(body) if body.error == DbError::Overloaded);
        let latency = host.latency_us.map(|latency| Duration::from_micros(latency.into()));
        let failure = Failure {
            cause: match cause {
                Cause::Database(body) => FailureCause::Database(&body.error),
                _ => FailureCause::ConnectionLost,
            },
            consistency: request.options.consistency,
            retry_count: request.progress.retries,
            idempotent: request.options.idempotent,
            written,
            is_read: request.options.kind == RequestKind::Read,
            is_lwt: request.options.lwt,
            retry_after: latency.filter(|_| overloaded),
        };
        self.policy.decide(&failure, self.rng)
    }
}

fn resend(
    request: &Request,
    same_host: bool,
    consistency: Option<Consistency>,
    after: Option<Duration>,
) -> Effect {
    let own = request.options.consistency;
    let consistency = consistency.filter(|wanted| {
        let kept = wanted.is_serial() == own.is_serial();
        if !kept {
            tracing::warn!(%own, %wanted, "a retry keeps its consistency: serial ones are not traded for others");
        }
        kept
    });
    Effect::Resend { same_host, consistency, after }
}

/// Whether sending again as a policy wants is out of the question: elsewhere, for a request that is for one host; or after the
/// request has expired, when the error at hand says more than a timeout would.
fn cannot_be_carried_out(request: &Request, effect: &Effect, now_us: u64) -> bool {
    let Effect::Resend { same_host, after, .. } = effect else { return false };
    let elsewhere = !same_host && request.options.host.is_some();
    let deadline_us = request.progress.deadline_us;
    let pause_us = after.map_or(0, |after| u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    elsewhere || (pause_us > 0 && deadline_us != 0 && now_us.saturating_add(pause_us) >= deadline_us)
}

/// Whether the server has certainly not begun to execute what it was asked.
fn did_nothing(body: &ErrorBody) -> bool {
    body.is_out_of_service() || body.error == DbError::IsBootstrapping
}

/// Whether the server did nothing because it cannot now, whatever it was asked.
pub(super) fn is_refusal(error: &DbError) -> bool {
    matches!(error, DbError::Overloaded | DbError::IsBootstrapping)
}

/// The attempt as the final error lists it.
pub(super) fn attempt_error(cause: &Cause) -> Option<AttemptError> {
    match cause {
        Cause::Database(body) => Some(AttemptError::Database(body.clone())),
        Cause::ConnectionLost { reason, written } => {
            Some(AttemptError::ConnectionLost { reason: reason.clone(), written: *written })
        }
        Cause::Timeout { .. } | Cause::Returned => None,
    }
}

/// The cause as the final error.
pub(super) fn error_kind(cause: Cause) -> RequestErrorKind {
    match cause {
        Cause::Database(body) => RequestErrorKind::Database(body),
        Cause::ConnectionLost { reason, written } => RequestErrorKind::ConnectionLost { reason, written },
        Cause::Timeout { written } => {
            RequestErrorKind::Timeout { after: Duration::ZERO, written, in_flight: 0 }
        }
        Cause::Returned => RequestErrorKind::ConnectionLost { reason: CloseReason::Orphans, written: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::response::{OperationKind, WriteType};
    use chorus_topology::{DefaultRetry, HostIndex};

    /// Says the same whatever happened, and notes how often it was asked.
    #[derive(Debug)]
    struct Stubborn(RetryDecision);

    impl RetryPolicy for Stubborn {
        fn decide(&self, _: &Failure<'_>, _: &mut Rng) -> RetryDecision {
            self.0
        }
    }

    fn request() -> Request {
        let mut request = Request::new();
        request.options.idempotent = true;
        request.options.consistency = Consistency::Quorum;
        request
    }

    fn said(error: DbError) -> Cause {
        Cause::Database(ErrorBody::new(error, "so it is"))
    }

    fn lost(written: bool) -> Cause {
        Cause::ConnectionLost { reason: CloseReason::Peer, written }
    }

    fn judge(policy: &dyn RetryPolicy, request: &Request, cause: Cause) -> Effect {
        judge_within(policy, &mut RetryBudget::default(), request, cause, Circumstances::default()).0
    }

    fn judge_within(
        policy: &dyn RetryPolicy,
        budget: &mut RetryBudget,
        request: &Request,
        cause: Cause,
        host: Circumstances,
    ) -> (Effect, u64) {
        let mut refusals = 0;
        let mut judge = Judge { policy, budget, rng: &mut Rng::seeded(1), refusals: &mut refusals };
        let effect = judge.judge(request, cause, host);
        (effect, refusals)
    }

    fn fails(effect: &Effect) -> bool {
        matches!(effect, Effect::Fail(_))
    }

    const EAGER: Stubborn = Stubborn(RetryDecision::NextHost(None));

    #[test]
    fn errors_outside_the_policy_fail_at_once_whatever_it_would_say() {
        let rate =
            DbError::RateLimitReached { operation: OperationKind::Read, rejected_by_coordinator: true };
        let (consistency, received, required) = (Consistency::Quorum, 1, 2);
        let unknown = DbError::CasWriteUnknown { consistency, received, required };
        for error in [rate, unknown, DbError::Invalid, DbError::SyntaxError, DbError::Other { code: 0x77 }] {
            let effect = judge(&EAGER, &request(), said(error.clone()));
            assert!(
                matches!(effect, Effect::Fail(RequestErrorKind::Database(_))),
                "F59: {error:?} {effect:?}"
            );
        }
        assert!(fails(&judge(&EAGER, &request(), Cause::Timeout { written: true })));
        assert!(!fails(&judge(&EAGER, &request(), said(DbError::Overloaded))));
    }

    #[test]
    fn f60_an_answer_lost_to_a_statement_that_is_not_idempotent_is_not_asked_for_again() {
        let mut increment = request();
        increment.options.idempotent = false;
        assert!(fails(&judge(&DefaultRetry::new(), &increment, lost(true))));
        assert!(!fails(&judge(&DefaultRetry::new(), &increment, lost(false))), "no byte of it left");
        let cas = DbError::WriteTimeout {
            consistency: Consistency::Quorum,
            received: 1,
            required: 2,
            write_type: WriteType::Cas,
            contentions: None,
        };
        assert!(fails(&judge(&DefaultRetry::new(), &request(), said(cas))));
    }

    #[test]
    fn a_serial_consistency_is_never_traded_for_another_kind() {
        let downgrade = Stubborn(RetryDecision::SameHost(Some(Consistency::One)));
        let kept = |own, policy: &Stubborn| {
            let mut request = request();
            request.options.consistency = own;
            match judge(policy, &request, said(DbError::ServerError)) {
                Effect::Resend { consistency, .. } => consistency,
                other => panic!("{other:?}"),
            }
        };
        for own in [Consistency::Serial, Consistency::LocalSerial] {
            assert_eq!(kept(own, &downgrade), None);
            let other = Stubborn(RetryDecision::NextHost(Some(Consistency::LocalSerial)));
            assert_eq!(kept(own, &other), Some(Consistency::LocalSerial));
        }
        assert_eq!(kept(Consistency::Quorum, &downgrade), Some(Consistency::One));
        let serial = Stubborn(RetryDecision::NextHost(Some(Consistency::Serial)));
        assert_eq!(kept(Consistency::Quorum, &serial), None);
    }

    #[test]
    fn a_request_for_one_host_is_never_sent_to_another() {
        let mut targeted = request();
        targeted.options.host = Some(HostIndex(0));
        assert!(fails(&judge(&EAGER, &targeted, said(DbError::Overloaded))));
        let pause = Duration::from_millis(1);
        let later = |same_host| RetryDecision::After { delay: pause, same_host, consistency: None };
        assert!(fails(&judge(&Stubborn(later(false)), &targeted, lost(false))));
        assert!(!fails(&judge(&Stubborn(later(true)), &targeted, lost(false))));
        let same = Stubborn(RetryDecision::SameHost(None));
        assert!(matches!(judge(&same, &targeted, lost(false)), Effect::Resend { same_host: true, .. }));
    }

    #[test]
    fn a_pause_that_outlasts_the_request_is_not_begun() {
        let delay = Duration::from_millis(10);
        let policy = Stubborn(RetryDecision::After { delay, same_host: true, consistency: None });
        let mut request = request();
        request.progress.deadline_us = 50_000;
        let at = |now_us| {
            let host = Circumstances { now_us, ..Circumstances::default() };
            let cause = said(DbError::Overloaded);
            judge_within(&policy, &mut RetryBudget::default(), &request, cause, host).0
        };
        assert!(matches!(at(39_999), Effect::Resend { after: Some(after), .. } if after == delay));
        assert!(matches!(at(40_000), Effect::Fail(RequestErrorKind::Database(_))), "not a timeout");
        let mut endless = request;
        endless.progress.deadline_us = 0;
        assert!(!fails(&judge(&policy, &endless, said(DbError::Overloaded))));
    }

    #[test]
    fn what_was_written_pays_from_the_budget_except_for_its_first_move_from_a_broken_connection() {
        let mut budget = RetryBudget::new(1, 0);
        let mut spend = |retries, cause| {
            let mut request = request();
            request.progress.retries = retries;
            judge_within(&EAGER, &mut budget, &request, cause, Circumstances::default())
        };
        assert!(!fails(&spend(0, lost(true)).0) && !fails(&spend(0, lost(false)).0));
        assert!(!fails(&spend(3, lost(false)).0), "nothing left, so nothing is paid");
        assert!(!fails(&spend(1, lost(true)).0), "the one retry there is");
        let (effect, refusals) = spend(1, said(DbError::Overloaded));
        assert!(fails(&effect) && refusals == 1);
        assert!(!fails(&spend(0, lost(true)).0), "still free");
    }

    #[test]
    fn a_host_that_serves_nobody_is_left_once_for_nothing_whatever_the_statement() {
        let leaving = || Cause::Database(ErrorBody::new(DbError::Overloaded, "Server is shutting down"));
        let mut budget = RetryBudget::new(1, 0);
        let mut spend = |retries, idempotent, cause, refuses| {
            let mut request = request();
            (request.progress.retries, request.options.idempotent) = (retries, idempotent);
            let host = Circumstances { refuses, ..Circumstances::default() };
            !fails(&judge_within(&DefaultRetry::new(), &mut budget, &request, cause, host).0)
        };
        for _ in 0..100 {
            assert!(spend(0, true, leaving(), false));
            assert!(spend(0, false, leaving(), false), "nothing of it was executed");
            assert!(spend(0, false, said(DbError::IsBootstrapping), false));
            assert!(spend(0, true, said(DbError::Overloaded), true), "it refuses whatever comes");
            assert!(!spend(0, false, said(DbError::Overloaded), true), "some of it may have been executed");
        }
        assert!(spend(1, true, leaving(), false), "the one retry there is");
        assert!(!spend(1, true, leaving(), false) && !spend(0, true, said(DbError::Overloaded), false));
        assert!(!spend(0, true, said(DbError::ServerError), true), "that says nothing of other requests");
        let again = Stubborn(RetryDecision::SameHost(None));
        let mut empty = RetryBudget::new(0, 0);
        let effect = judge_within(&again, &mut empty, &request(), leaving(), Circumstances::default()).0;
        assert!(fails(&effect), "asking the same host again is no move");
    }

    #[test]
    fn a_policy_learns_how_long_an_overloaded_host_needs() {
        #[derive(Debug)]
        struct Patient;
        impl RetryPolicy for Patient {
            fn decide(&self, failure: &Failure<'_>, _: &mut Rng) -> RetryDecision {
                let delay = failure.retry_after.unwrap_or_default();
                RetryDecision::After { delay, same_host: true, consistency: None }
            }
        }
        let host = Circumstances { latency_us: Some(7_000), ..Circumstances::default() };
        let pause = |error| {
            let budget = &mut RetryBudget::default();
            match judge_within(&Patient, budget, &request(), said(error), host).0 {
                Effect::Resend { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(pause(DbError::Overloaded), Some(Duration::from_millis(7)));
        assert_eq!(pause(DbError::ServerError), Some(Duration::ZERO));
    }
}
