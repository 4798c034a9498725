//! Whether a host is up and when it is tried again. Pure: time is a number of milliseconds, effects are values.
//!
//! ```text
//!            start                 a connection is ready
//! Unknown ──────────> Connecting ───────────────────────────> Up
//!                      ^       │ a dial failed                │ the last connection was lost
//!        timer or hint │       v                              │
//!                      └────── Down <─────────────────────────┘     any ── remove ──> Removed
//! ```
//!
//! Every dial of every reactor passes the *gate*. A failure closes it for the next delay of the reconnection schedule,
//! whatever the number of dials that failed together; so a host is dialled in bursts no closer than the schedule says.
//! A connection that was lost soon after it was ready counts as a failed dial: a host that accepts and drops is as
//! unusable as one that refuses. One that was lost after a good while is dialled again at once.
//!
//! A host that still has connections may be convicted because one failed (that is a policy's decision): it is down then, its
//! connections are dismissed, and it is dialled again when the gate opens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chorus_topology::{ReconnectionPolicy, ReconnectionSchedule, Rng};

/// A connection that lasted this long was a good one: losing it is news, not a pattern.
pub(crate) const STABLE: Duration = Duration::from_secs(5);

/// Least pause before another dial, whatever a policy says: fewer than twenty in a second.
pub(crate) const LEAST_PAUSE: Duration = Duration::from_millis(50);

/// Least pause after the server refused who we are, so that repeated attempts do not lock the account.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// What is known about a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing was tried yet.
    Unknown,
    /// There is no connection, and dialling is allowed.
    Connecting,
    /// There is at least one usable connection.
    Up,
    /// There is no connection, and the next dial has to wait.
    Down,
    /// It left the cluster. Final.
    Removed,
}

/// How a dial failed, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may work next time.
    Unreachable,
    /// The peer will refuse until somebody changes something: credentials, or what listens there.
    Refused,
}

/// What is to be done after an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// The pools may dial now.
    pub(crate) dial: bool,
    /// Call [`Machine::on_timer`] after this time; replaces any earlier timer.
    pub(crate) timer: Option<Duration>,
    /// Tell the cluster.
    pub(crate) announce: Option<Announcement>,
    /// The connections that are left take nothing new.
    pub(crate) dismiss: bool,
}

/// What the cluster wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// Requests can be sent.
    Up,
    /// No request can be sent; also after the first attempt on a new host failed.
    Down,
}

/// The state machine of one host.
pub(crate) struct Machine {
    status: Status,
    policy: Arc<dyn ReconnectionPolicy>,
    schedule: Option<Box<dyn ReconnectionSchedule + Send>>,
    rng: Rng,
    gate_open: bool,
    refused: bool,
    exhausted: bool,
    announced: Option<Announcement>,
}

impl Machine {
    pub(crate) fn new(policy: Arc<dyn ReconnectionPolicy>, rng: Rng) -> Self {
        Self {
            status: Status::Unknown,
            policy,
            schedule: None,
            rng,
            gate_open: false,
            refused: false,
            exhausted: false,
            announced: None,
        }
    }

    /// The host may be dialled from now on.
    pub(crate) fn on_start(&mut self) -> Effects {
        match self.status {
            Status::Unknown => self.open_gate(),
            _ => Effects::default(),
        }
    }

    /// A connection became ready.
    pub(crate) fn on_ready(&mut self) -> Effects {
        match self.status {
            Status::Removed | Status::Unknown => Effects::default(),
            _ => {
                self.status = Status::Up;
                self.refused = false;
                // The gate stays as it is: another dial may just have failed.
                Effects { announce: self.announce(Announcement::Up), ..Effects::default() }
            }
        }
    }

    /// A dial failed while `usable` other connections work.
    pub(crate) fn on_failure(&mut self, failure: Failure, usable: usize) -> Effects {
        match self.status {
            Status::Removed | Status::Unknown => Effects::default(),
            _ => {
                self.refused = failure == Failure::Refused;
                let timer = self.close_gate();
                let announce = if usable == 0 {
                    self.status = Status::Down;
                    self.announce(Announcement::Down)
                } else {
                    None
                };
                Effects { timer, announce, ..Effects::default() }
            }
        }
    }

    /// A failure was held against the host although connections are left.
    pub(crate) fn on_convicted(&mut self, failure: Failure) -> Effects {
        match self.status {
            Status::Removed | Status::Unknown => Effects::default(),
            _ => {
                self.refused = failure == Failure::Refused;
                self.status = Status::Down;
                let timer = self.close_gate();
                Effects { dial: false, timer, announce: self.announce(Announcement::Down), dismiss: true }
            }
        }
    }

    /// A connection that was ready for `lived` was lost, and `usable` are left.
    pub(crate) fn on_lost(&mut self, lived: Duration, usable: usize) -> Effects {
        if lived < STABLE {
            return self.on_failure(Failure::Unreachable, usable);
        }
        match self.status {
            Status::Removed | Status::Unknown => Effects::default(),
            _ => {
                // It worked for a good while: what happened before is forgotten.
                self.schedule = None;
                let announce = if usable == 0 { self.announce(Announcement::Down) } else { None };
                if usable == 0 {
                    self.status = if self.gate_open { Status::Connecting } else { Status::Down };
                }
                Effects { dial: self.gate_open, announce, ..Effects::default() }
            }
        }
    }

    /// The timer asked for has run out.
    pub(crate) fn on_timer(&mut self) -> Effects {
        match self.status {
            Status::Removed | Status::Unknown => Effects::default(),
            _ => self.open_gate(),
        }
    }

    /// There is reason to believe that the host works now: the server said so, its address changed, or nothing else is
    /// left to try. A host that refused us is not asked again for the last reason (`certain` is false).
    pub(crate) fn on_hint(&mut self, certain: bool) -> Effects {
        match self.status {
            Status::Connecting | Status::Down | Status::Up if certain || !self.refused => {
                if certain {
                    self.schedule = None;
                    self.refused = false;
                }
                if self.gate_open { Effects::default() } else { self.open_gate() }
            }
            _ => Effects::default(),
        }
    }

    /// The host left the cluster.
    pub(crate) fn on_removed(&mut self) {
        self.status = Status::Removed;
        self.gate_open = false;
    }

    /// What is known about the host.
    #[cfg(test)]
    fn status(&self) -> Status {
        self.status
    }

    /// Whether pools may dial.
    pub(crate) fn gate_open(&self) -> bool {
        self.gate_open && self.status != Status::Removed
    }

    /// Whether the reconnection schedule has ended; only a hint can bring the host back.
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
    }

    fn open_gate(&mut self) -> Effects {
        self.gate_open = true;
        if self.status != Status::Up {
            self.status = Status::Connecting;
        }
        Effects { dial: true, ..Effects::default() }
    }

    /// Closes the gate. The first failure of a burst takes the next delay, the others find it closed.
    fn close_gate(&mut self) -> Option<Duration> {
        if !std::mem::replace(&mut self.gate_open, false) {
            return None;
        }
        let schedule = self.schedule.get_or_insert_with(|| self.policy.schedule());
        let delay = schedule.next_delay(&mut self.rng);
        self.exhausted = delay.is_none();
        delay.map(|delay| delay.max(if self.refused { REFUSED_PAUSE } else { LEAST_PAUSE }))
    }

    fn announce(&mut self, what: Announcement) -> Option<Announcement> {
        let news = self.announced != Some(what);
        self.announced = Some(what);
        news.then_some(what)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("status", &self.status)
            .field("gate_open", &self.gate_open)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 s, 2 s, 3 s, then no more.
    #[derive(Debug)]
    struct Counting;

    struct Count(u64);

    impl ReconnectionPolicy for Counting {
        fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
            Box::new(Count(0))
        }
    }

    impl ReconnectionSchedule for Count {
        fn next_delay(&mut self, _: &mut Rng) -> Option<Duration> {
            self.0 += 1;
            (self.0 <= 3).then(|| Duration::from_secs(self.0))
        }
    }

    fn started() -> Machine {
        let mut machine = Machine::new(Arc::new(Counting), Rng::seeded(1));
        assert_eq!(machine.on_start(), Effects { dial: true, ..Effects::default() });
        machine
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn a_host_is_up_with_its_first_connection_and_says_so_once() {
        let mut machine = started();
        assert_eq!(machine.status(), Status::Connecting);
        assert_eq!(machine.on_ready().announce, Some(Announcement::Up));
        assert_eq!(machine.on_ready().announce, None);
        assert_eq!(machine.status(), Status::Up);
    }

    #[test]
    fn dials_that_fail_together_take_one_delay() {
        let mut machine = started();
        let first = machine.on_failure(Failure::Unreachable, 0);
        let down = Some(Announcement::Down);
        assert_eq!(first, Effects { timer: seconds(1), announce: down, ..Effects::default() });
        assert_eq!(machine.on_failure(Failure::Unreachable, 0), Effects::default());
        assert!(machine.on_timer().dial);
        assert_eq!(machine.on_failure(Failure::Unreachable, 0).timer, seconds(2));
    }

    #[test]
    fn a_good_connection_that_is_lost_is_dialled_again_at_once() {
        let mut machine = started();
        machine.on_ready();
        let effects = machine.on_lost(STABLE, 0);
        let down = Some(Announcement::Down);
        assert_eq!(effects, Effects { dial: true, announce: down, ..Effects::default() });
        assert_eq!(machine.status(), Status::Connecting);
    }

    #[test]
    fn a_host_that_accepts_and_drops_is_dialled_no_faster_than_one_that_refuses() {
        let mut machine = started();
        for expected in [1, 2, 3] {
            machine.on_ready();
            let effects = machine.on_lost(Duration::from_millis(300), 0);
            assert_eq!((effects.dial, effects.timer), (false, seconds(expected)));
            assert!(machine.on_timer().dial);
        }
    }

    #[test]
    fn losing_one_of_several_connections_does_not_take_the_host_down() {
        let mut machine = started();
        machine.on_ready();
        let effects = machine.on_lost(STABLE, 2);
        assert_eq!(effects, Effects { dial: true, ..Effects::default() });
        assert_eq!(machine.status(), Status::Up);
    }

    #[test]
    fn a_failed_dial_of_a_host_that_is_up_delays_further_dials_only() {
        let mut machine = started();
        machine.on_ready();
        let effects = machine.on_failure(Failure::Unreachable, 1);
        assert_eq!(effects, Effects { timer: seconds(1), ..Effects::default() });
        assert_eq!(machine.status(), Status::Up);
        assert!(!machine.gate_open());
        assert!(machine.on_timer().dial);
        assert_eq!(machine.status(), Status::Up);
    }

    #[test]
    fn a_server_that_refuses_us_is_asked_slowly_and_not_for_want_of_others() {
        let mut machine = started();
        assert_eq!(machine.on_failure(Failure::Refused, 0).timer, Some(REFUSED_PAUSE));
        assert_eq!(machine.on_hint(false), Effects::default());
        assert!(machine.on_hint(true).dial);
    }

    #[test]
    fn a_certain_hint_starts_the_schedule_over() {
        let mut machine = started();
        machine.on_failure(Failure::Unreachable, 0);
        machine.on_timer();
        machine.on_failure(Failure::Unreachable, 0);
        assert!(machine.on_hint(true).dial);
        assert_eq!(machine.on_failure(Failure::Unreachable, 0).timer, seconds(1));
    }

    #[test]
    fn a_finished_schedule_ends_the_attempts() {
        let mut machine = started();
        for _ in 0..3 {
            machine.on_failure(Failure::Unreachable, 0);
            machine.on_timer();
        }
        assert_eq!(machine.on_failure(Failure::Unreachable, 0).timer, None);
        assert!(machine.exhausted());
    }

    #[test]
    fn a_convicted_host_is_down_loses_its_connections_and_is_dialled_on_schedule() {
        let mut machine = started();
        machine.on_ready();
        let effects = machine.on_convicted(Failure::Unreachable);
        let down = Some(Announcement::Down);
        assert_eq!(effects, Effects { dial: false, timer: seconds(1), announce: down, dismiss: true });
        assert_eq!(machine.status(), Status::Down);
        assert!(!machine.on_lost(STABLE, 0).dial, "those dismissed end, which is no news");
        assert!(machine.on_timer().dial);
        assert_eq!(machine.on_ready().announce, Some(Announcement::Up));
    }

    #[test]
    fn no_policy_makes_dials_follow_each_other_without_a_pause() {
        let policy = chorus_topology::ConstantReconnection::new(Duration::ZERO);
        let mut machine = Machine::new(Arc::new(policy), Rng::seeded(1));
        machine.on_start();
        for _ in 0..3 {
            assert_eq!(machine.on_failure(Failure::Unreachable, 0).timer, Some(LEAST_PAUSE));
            machine.on_timer();
        }
    }

    #[test]
    fn a_removed_host_does_nothing_any_more() {
        let mut machine = started();
        machine.on_removed();
        assert_eq!(machine.on_ready(), Effects::default());
        assert_eq!(machine.on_timer(), Effects::default());
        assert_eq!(machine.on_hint(true), Effects::default());
        assert!(!machine.gate_open());
        assert_eq!(machine.status(), Status::Removed);
    }
}
