//! Several attempts at one request at the same time.
//!
//! A request that is late is copied, and the copy sent to another host. From then on both boxes belong to a race, and the race
//! holds the caller's slot:
//!
//! ```text
//!  caller ──> Slot <── Race <──┬── the request, in flight on its connection
//!                              ├── its copy, on another one
//!                              └── and so on
//! ```
//! The first good answer claims the slot, and the race is over: whoever still runs finds itself abandoned, as if its caller had
//! left, so its stream id becomes an orphan until its answer comes and is dropped. An attempt that failed leaves the race as
//! long as another one runs; the last one to fail, or one whose error says that all will, ends the request. A race whose boxes
//! are all destroyed reports the request lost.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use chorus_topology::HostIndex;

use super::{Attempt, Progress, Request, RequestErrorKind, Slot};

/// See the module documentation. Everybody in it is on one reactor; the atomics are there because boxes travel.
pub(crate) struct Race {
    slot: Arc<Slot>,
    /// The slot is claimed, or the request ended without an answer. From then on the slot may serve another request.
    over: AtomicBool,
    /// When the first attempt was given to a connection, microseconds of the reactor's clock.
    pub(crate) began_us: u64,
    field: Mutex<Field>,
}

/// What the attempts have to know of each other.
struct Field {
    /// Attempts under way.
    running: u32,
    /// Attempts made ahead of an answer, the first included.
    sent: u32,
    /// Hosts that any of them tried.
    tried: Vec<HostIndex>,
    /// Failures of those that left, in order, and what the last of them would have failed with.
    failures: Vec<Attempt>,
    failed_with: Option<RequestErrorKind>,
    /// Retries of all of them.
    retries: u32,
    /// The task that sent the request, for the one that ends it.
    waker: Option<Waker>,
}

impl Race {
    /// Claims the right to end the request; `None` when somebody else did.
    fn claim(&self) -> Option<(Arc<Slot>, Option<Waker>)> {
        (!self.over.swap(true, Ordering::AcqRel)).then(|| (Arc::clone(&self.slot), self.field().waker.take()))
    }

    /// Whether no answer is wanted any more: one was given, or the caller left.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.slot.is_abandoned()
    }

    /// How many attempts were made ahead of an answer, the first included.
    pub(crate) fn sent(&self) -> u32 {
        self.field().sent
    }

    /// Notes that an attempt goes to this host.
    pub(crate) fn note(&self, host: HostIndex) {
        let mut field = self.field();
        if !field.tried.contains(&host) {
            field.tried.push(host);
        }
    }

    fn field(&self) -> MutexGuard<'_, Field> {
        self.field.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        if !*self.over.get_mut() {
            let field = self.field.get_mut().unwrap_or_else(PoisonError::into_inner);
            self.slot.lose(field.waker.take());
        }
    }
}

impl Request {
    /// A copy of a request under way, to be sent to another host; begins a race, or joins the one there is. `None` when the
    /// request is not for a caller who waits.
    pub(crate) fn understudy(&mut self) -> Option<Box<Request>> {
        let race = match &self.progress.race {
            Some(race) => Arc::clone(race),
            None => {
                let race = Arc::new(Race {
                    slot: self.slot.take()?,
                    over: AtomicBool::new(false),
                    began_us: self.progress.stamps.queued_us,
                    field: Mutex::new(Field {
                        running: 1,
                        sent: 1,
                        tried: self.progress.tried.clone(),
                        failures: Vec::new(),
                        failed_with: None,
                        retries: self.progress.retries,
                        waker: self.waker.take(),
                    }),
                });
                self.progress.race = Some(Arc::clone(&race));
                race
            }
        };
        if race.is_over() {
            return None;
        }
        let mut copy = Box::new(Request::new());
        copy.frame.extend_from_slice(&self.frame);
        copy.options = self.options.clone();
        copy.progress = Progress {
            stamps: self.progress.stamps,
            // What it waited for is the answer to the first attempt, not for room.
            failed_us: race.began_us.max(1),
            deadline_us: self.progress.deadline_us,
            ahead_of_answer: true,
            ..Progress::default()
        };
        let mut field = race.field();
        field.running += 1;
        field.sent += 1;
        copy.progress.tried.clone_from(&field.tried);
        copy.progress.retries = field.retries;
        drop(field);
        copy.progress.race = Some(race);
        Some(copy)
    }

    /// Before a failed attempt is judged: takes over what the others of its race have tried.
    pub(crate) fn learn_from_race(&mut self) {
        let Some(race) = &self.progress.race else { return };
        let field = race.field();
        self.progress.tried.clone_from(&field.tried);
        self.progress.retries = field.retries;
    }

    /// After it was judged worth another attempt: lets the others know.
    pub(crate) fn tell_race(&self) {
        if let Some(race) = &self.progress.race {
            race.field().retries = self.progress.retries;
        }
    }

    /// Takes an attempt that failed with `kind` out of its race. `None` when others still run, so that the request has not
    /// failed; what it fails with when this was the last one, or `all` will fail, in which case it takes over the failures of
    /// those that left before. A request in no race simply fails.
    pub(crate) fn leave_race(&mut self, kind: RequestErrorKind, all: bool) -> Option<RequestErrorKind> {
        let Some(race) = &self.progress.race else { return Some(kind) };
        let mut field = race.field();
        field.running = field.running.saturating_sub(1);
        field.failures.append(&mut self.progress.attempts);
        if field.running > 0 && !all {
            field.failed_with = Some(kind);
            return None;
        }
        self.progress.attempts = std::mem::take(&mut field.failures);
        Some(kind)
    }

    /// Takes a copy out of its race that was not sent. What the request fails with when the others have failed meanwhile.
    pub(crate) fn stay_out_of_race(&mut self) -> Option<RequestErrorKind> {
        let race = self.progress.race.as_ref()?;
        let mut field = race.field();
        field.sent = field.sent.saturating_sub(1);
        field.running = field.running.saturating_sub(1);
        let failed_with = field.failed_with.take().filter(|_| field.running == 0)?;
        self.progress.attempts = std::mem::take(&mut field.failures);
        Some(failed_with)
    }

    /// The slot this request may fill as the winner of its race, and who is to be woken; `None` for a loser, and for requests in
    /// no race.
    pub(super) fn claim_slot(&self) -> Option<(Arc<Slot>, Option<Waker>)> {
        self.progress.race.as_ref().and_then(|race| race.claim())
    }

    /// Ends the race without an answer, because the caller left or all has failed. True for the one that ended it.
    pub(crate) fn end_race(&self) -> bool {
        self.claim_slot().is_some()
    }

    /// Whether another attempt of its race has ended the request, or its caller left.
    pub(crate) fn race_is_over(&self) -> bool {
        self.progress.race.as_ref().is_some_and(|race| race.is_over())
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::Look;
    use super::super::{AttemptError, Outcome};
    use super::*;

    fn waiting() -> (Box<Request>, Arc<Slot>) {
        let slot = Arc::new(Slot::new());
        let mut request = Box::new(Request::new());
        request.slot = Some(Arc::clone(&slot));
        request.frame.extend_from_slice(b"frame");
        request.progress.tried.push(HostIndex(4));
        request.progress.stamps.queued_us = 70;
        request.progress.deadline_us = 900;
        (request, slot)
    }

    fn answered(mut request: Box<Request>, opcode: u8) -> Box<Request> {
        request.outcome = Outcome::Answered { opcode, flags: 0, host: HostIndex(opcode.into()) };
        request
    }

    fn opcode(slot: &Slot) -> Option<u8> {
        match slot.look() {
            Look::Done(request) => match request.outcome {
                Outcome::Answered { opcode, .. } => Some(opcode),
                _ => None,
            },
            _ => None,
        }
    }

    fn failure(port: u16) -> Attempt {
        Attempt {
            host: ([10, 0, 0, 1], port).into(),
            error: AttemptError::Busy,
            after: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn a_copy_is_the_same_request_and_knows_who_was_tried() {
        let (mut request, _slot) = waiting();
        let copy = request.understudy().expect("its caller waits");
        assert_eq!(copy.frame, b"frame");
        assert_eq!(copy.progress.tried, [HostIndex(4)]);
        assert_eq!((copy.progress.deadline_us, copy.progress.ahead_of_answer), (900, true));
        let race = copy.progress.race.as_ref().expect("it races");
        assert_eq!((race.began_us, race.sent()), (70, 2));
    }

    #[test]
    fn the_first_answer_wins_and_a_later_one_does_not_touch_the_slot_even_when_it_serves_another_request() {
        let (mut request, slot) = waiting();
        let copy = request.understudy().expect("its caller waits");
        assert!(!request.is_abandoned() && !copy.is_abandoned());
        answered(copy, 2).finish();
        assert!(request.is_abandoned(), "the loser is as one whose caller left");
        assert_eq!(opcode(&slot), Some(2));
        slot.reuse();
        answered(request, 1).finish();
        assert!(matches!(slot.look(), Look::Waiting), "the next request of this caller still waits");
    }

    #[test]
    fn a_winner_that_is_used_again_is_in_no_race_any_more() {
        let (mut request, slot) = waiting();
        let mut copy = request.understudy().expect("its caller waits");
        copy.progress.speculate_after_us = 9;
        answered(copy, 2).finish();
        let Look::Done(mut winner) = slot.look() else { panic!("it was answered") };
        winner.reset();
        let progress = &winner.progress;
        assert!(progress.race.is_none() && progress.speculate_after_us == 0 && !progress.ahead_of_answer);
    }

    #[test]
    fn a_loser_that_is_destroyed_loses_nothing() {
        let (mut request, slot) = waiting();
        let copy = request.understudy().expect("its caller waits");
        answered(request, 1).finish();
        assert_eq!(opcode(&slot), Some(1));
        slot.reuse();
        drop(copy);
        assert!(matches!(slot.look(), Look::Waiting));
    }

    #[test]
    fn a_race_whose_attempts_are_all_destroyed_is_a_request_lost() {
        let (mut request, slot) = waiting();
        let copy = request.understudy().expect("its caller waits");
        drop(request);
        assert!(matches!(slot.look(), Look::Waiting), "one still runs");
        drop(copy);
        assert!(matches!(slot.look(), Look::Lost));
    }

    #[test]
    fn attempts_leave_the_race_until_the_last_one_ends_the_request_with_the_failures_of_all() {
        let (mut request, slot) = waiting();
        let mut copy = request.understudy().expect("its caller waits");
        let mut third = copy.understudy().expect("its caller waits");
        assert_eq!(third.progress.race.as_ref().map(|race| race.sent()), Some(3));
        copy.progress.attempts.push(failure(1));
        request.progress.attempts.extend([failure(2), failure(3)]);
        third.progress.attempts.push(failure(4));
        assert!(copy.leave_race(RequestErrorKind::NoHostAvailable, false).is_none());
        assert!(request.leave_race(RequestErrorKind::NoHostAvailable, false).is_none());
        let last = third.leave_race(RequestErrorKind::SessionClosed, false);
        assert!(matches!(last, Some(RequestErrorKind::SessionClosed)), "the last one's own error");
        let ports: Vec<u16> = third.progress.attempts.iter().map(|attempt| attempt.host.port()).collect();
        assert_eq!(ports, [1, 2, 3, 4]);
        third.fail(RequestErrorKind::NoHostAvailable);
        assert!(matches!(slot.look(), Look::Done(_)));
    }

    #[test]
    fn an_attempt_whose_error_is_that_of_all_ends_the_race_early() {
        let (mut request, _slot) = waiting();
        let mut copy = request.understudy().expect("its caller waits");
        copy.progress.attempts.push(failure(1));
        assert!(copy.leave_race(RequestErrorKind::SessionClosed, true).is_some());
        assert_eq!(copy.progress.attempts.len(), 1);
    }

    #[test]
    fn a_copy_that_is_not_sent_after_all_fails_the_request_only_when_the_others_have() {
        let (mut request, _slot) = waiting();
        let mut copy = request.understudy().expect("its caller waits");
        assert!(copy.stay_out_of_race().is_none(), "the first attempt goes on");
        assert_eq!(request.progress.race.as_ref().map(|race| race.sent()), Some(1));

        let mut copy = request.understudy().expect("its caller waits");
        request.progress.attempts.push(failure(1));
        assert!(request.leave_race(RequestErrorKind::NoHostAvailable, false).is_none());
        assert!(matches!(copy.stay_out_of_race(), Some(RequestErrorKind::NoHostAvailable)));
        assert_eq!(copy.progress.attempts.len(), 1);
    }

    #[test]
    fn what_one_attempt_tries_the_others_do_not_try_again() {
        let (mut request, _slot) = waiting();
        let mut copy = request.understudy().expect("its caller waits");
        copy.progress.race.as_ref().expect("it races").note(HostIndex(9));
        copy.progress.retries = 1;
        copy.tell_race();
        request.learn_from_race();
        assert_eq!(request.progress.tried, [HostIndex(4), HostIndex(9)]);
        assert_eq!(request.progress.retries, 1, "retries are counted by request, not by attempt");
    }

    #[test]
    fn a_caller_that_leaves_abandons_every_attempt_and_no_copy_is_made_for_it() {
        let (mut request, slot) = waiting();
        let copy = request.understudy().expect("its caller waits");
        assert!(slot.abandon().is_none());
        assert!(request.is_abandoned() && copy.is_abandoned());
        assert!(request.understudy().is_none());
        assert!(request.end_race() && !copy.end_race(), "counted once");
    }

    #[test]
    fn a_row_of_a_chunk_has_no_caller_and_no_copy() {
        assert!(Request::new().understudy().is_none());
    }
}
