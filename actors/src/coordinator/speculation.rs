//! Sending a late request to one more host.
//!
//! A request that may be speculated gets a note of how long its policy waits; [the connections](crate::connection) find those
//! that are late and leave copies on the desk, and here they are sent, if the policy still wants to, another host has room, and
//! the retry budget allows it. There is no timer for a request: while any may become late, the coordinator's tick comes every
//! millisecond instead of every five, and looks at the connections that can have one.

use std::sync::Arc;

use chorus_topology::{Conditions, SpeculativePolicy};

use super::{CoordinatorActor, CoordinatorPort};
use crate::{
    connection::ConnectionHandle,
    metrics::RecentLatencies,
    request::{ExecutionPolicies, Request},
};

/// How often delays are worked out anew from the latencies of the last seconds.
const REFRESH_US: u64 = 1_000_000;

/// What a coordinator knows about speculating.
#[derive(Default)]
pub(super) struct Speculation {
    /// Delays worked out, by policy; one or two in nearly every program.
    known: Vec<Known>,
    recent: RecentLatencies,
    refreshed_us: u64,
    overloaded: bool,
    /// No request of the reactor is late before this time, microseconds; zero when none can be.
    next_us: u64,
}

/// A policy and what it said lately about the first attempt of a request.
struct Known {
    policy: Arc<dyn SpeculativePolicy>,
    delay_us: Option<u32>,
    /// The shortest delay given since the refresh before the last one, for any attempt.
    shortest_us: u32,
    /// The shortest given since the last one.
    lately_us: u32,
    idle: bool,
}

impl Speculation {
    /// How long `policy` waits after `sent` attempts, microseconds.
    fn delay(&mut self, policy: &Arc<dyn SpeculativePolicy>, sent: u32) -> Option<u32> {
        let conditions = Conditions { latencies: &self.recent, overloaded: self.overloaded };
        let known = match self.known.iter_mut().position(|known| Arc::ptr_eq(&known.policy, policy)) {
            Some(place) => &mut self.known[place],
            None => {
                let delay_us = ask(&**policy, 1, &conditions);
                let policy = Arc::clone(policy);
                let (shortest_us, lately_us) = (u32::MAX, u32::MAX);
                self.known.push(Known { policy, delay_us, shortest_us, lately_us, idle: false });
                self.known.last_mut().expect("just pushed")
            }
        };
        known.idle = false;
        let delay_us = if sent == 1 { known.delay_us } else { ask(&**policy, sent, &conditions) };
        if let Some(delay_us) = delay_us {
            known.lately_us = known.lately_us.min(delay_us);
        }
        delay_us
    }

    fn is_stale(&self, now_us: u64) -> bool {
        self.refreshed_us == 0 || now_us.saturating_sub(self.refreshed_us) >= REFRESH_US
    }

    fn refresh_from(&mut self, port: &CoordinatorPort, now_us: u64) {
        let recent = port.stats.borrow_mut().recent.get_or_insert_default().recent(now_us);
        self.refresh(recent, now_us);
    }

    /// Works delays out anew. Policies that nobody used since the last time are forgotten.
    fn refresh(&mut self, recent: RecentLatencies, now_us: u64) {
        self.recent = recent;
        self.refreshed_us = now_us.max(1);
        self.known.retain(|known| !known.idle);
        for known in &mut self.known {
            known.idle = true;
            known.shortest_us = std::mem::replace(&mut known.lately_us, u32::MAX);
        }
        self.ask_again();
    }

    fn ask_again(&mut self) {
        let conditions = Conditions { latencies: &self.recent, overloaded: self.overloaded };
        for known in &mut self.known {
            known.delay_us = ask(&*known.policy, 1, &conditions);
        }
    }

    /// No request that is under way is late sooner than this after it was written. Delays of more than a refresh ago need
    /// not be known: what was written then is older than they were, or as old as those known since.
    fn shortest_us(&self) -> u32 {
        let delays = self.known.iter().flat_map(|known| [known.shortest_us, known.lately_us]);
        delays.min().unwrap_or(u32::MAX).min(REFRESH_US as u32)
    }

    /// Whether any request may become late.
    pub(super) fn is_armed(&self) -> bool {
        self.next_us != 0
    }
}

fn policy_of<'p>(
    request: &'p Request,
    session: &'p ExecutionPolicies,
) -> Option<&'p Arc<dyn SpeculativePolicy>> {
    request.options.policies.as_deref().unwrap_or(session).speculative.as_ref()
}

fn ask(policy: &dyn SpeculativePolicy, sent: u32, conditions: &Conditions<'_>) -> Option<u32> {
    let delay = policy.delay(sent, conditions)?;
    // Zero would mean for ever.
    Some(delay.as_micros().clamp(1, u128::from(u32::MAX)) as u32)
}

impl CoordinatorActor {
    /// Notes how long an attempt may stay unanswered that is handed to `connection` now.
    pub(super) fn watch(&mut self, request: &mut Request, connection: &ConnectionHandle) {
        request.progress.speculate_after_us = 0;
        let Some(policy) = policy_of(request, &self.policies) else { return };
        // A second coordinator would only disturb the first where replicas have to agree.
        let contended = request.options.lwt || request.options.consistency.is_serial();
        if contended || request.options.host.is_some() || request.progress.row.is_some() {
            return;
        }
        let sent = match &request.progress.race {
            Some(race) => {
                race.note(connection.host);
                race.sent()
            }
            None => 1,
        };
        let now_us = self.port.clock().now_us();
        // Here and not only at a tick: a policy that knows too little yet lets no tick look.
        if self.speculation.is_stale(now_us) {
            self.speculation.refresh_from(&self.port, now_us);
        }
        let Some(delay_us) = self.speculation.delay(policy, sent) else { return };
        request.progress.speculate_after_us = delay_us;
        connection.watch(now_us, delay_us);
        let due_us = now_us.saturating_add(delay_us.into());
        if !self.speculation.is_armed() || due_us < self.speculation.next_us {
            self.speculation.next_us = due_us;
        }
    }

    /// At each tick: has connections look for late requests that can have one.
    pub(super) fn look_for_late(&mut self, now_us: u64) {
        if !self.speculation.is_armed() {
            return;
        }
        if self.speculation.is_stale(now_us) {
            self.speculation.refresh_from(&self.port, now_us);
        }
        let overloaded = self.is_overloaded();
        if overloaded != self.speculation.overloaded {
            self.speculation.overloaded = overloaded;
            self.speculation.ask_again();
        }
        if now_us < self.speculation.next_us {
            return;
        }
        let shortest_us = self.speculation.shortest_us();
        let mut next = 0;
        for connection in self.port.open_connections() {
            let late_us = connection.late_us();
            if late_us != 0 && late_us <= now_us {
                connection.look_for_late(shortest_us);
                // It tells when it has looked, and is asked again at the next tick.
                next = now_us + 1;
            } else if late_us != 0 && (next == 0 || late_us < next) {
                next = late_us;
            }
        }
        self.speculation.next_us = next;
    }

    /// Sends the copies of late requests that connections have left on the desk.
    pub(super) fn send_ahead(&mut self) {
        if self.port.late.borrow().is_empty() {
            return;
        }
        let late = std::mem::take(&mut *self.port.late.borrow_mut());
        for copy in late {
            self.send_copy(copy);
        }
    }

    fn send_copy(&mut self, mut copy: Box<Request>) {
        // Until it is sent it wastes nothing.
        copy.progress.ahead_of_answer = false;
        if copy.is_abandoned() {
            self.port.cancelled(copy);
            return;
        }
        match self.second_host(&mut copy) {
            Some(connection) => {
                copy.progress.ahead_of_answer = true;
                self.port.stats.borrow_mut().speculative_sent += 1;
                self.hand_over(copy, &connection);
            }
            // Those under way go on without it.
            None => {
                if let Some(kind) = copy.stay_out_of_race() {
                    self.port.fail(copy, kind);
                }
            }
        }
    }

    /// A connection for a copy, if it is to be sent at all: to a host that none of the attempts tried and that has room.
    fn second_host(&mut self, copy: &mut Request) -> Option<ConnectionHandle> {
        let policy = policy_of(copy, &self.policies)?;
        // The copy counts already, and is not sent yet.
        let sent = copy.progress.race.as_ref()?.sent().saturating_sub(1);
        let latencies = &self.speculation.recent;
        policy.delay(sent, &Conditions { latencies, overloaded: self.is_overloaded() })?;
        let route = self.port.route.borrow().clone()?;
        let connection = loop {
            let (host, shard, quality) = self.next_target(copy, &route)?;
            let connection = self.port.pools.borrow().pick(host, shard, &mut self.rng).connection();
            copy.progress.tried.push(host);
            if let Some(connection) = connection {
                copy.progress.quality = Some(quality);
                break connection;
            }
        };
        if !self.budget.try_spend() {
            self.port.stats.borrow_mut().budget_refusals += 1;
            return None;
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::LatencyWindow;
    use chorus_topology::{ConstantSpeculation, PercentileSpeculation};
    use std::time::Duration;

    fn constant(millis: u64) -> Arc<dyn SpeculativePolicy> {
        Arc::new(ConstantSpeculation::new(Duration::from_millis(millis), 2))
    }

    fn took(millis: u64) -> RecentLatencies {
        let mut window = LatencyWindow::default();
        (0..2_000).for_each(|_| window.record(millis * 1_000));
        window.recent(1)
    }

    #[test]
    fn a_delay_is_worked_out_once_a_second_from_what_requests_took_lately() {
        let policy: Arc<dyn SpeculativePolicy> = Arc::new(PercentileSpeculation::new(99.0).expect("valid"));
        let mut speculation = Speculation::default();
        assert_eq!(speculation.delay(&policy, 1), None, "nothing is known yet");
        speculation.refresh(took(10), 1);
        let delay = speculation.delay(&policy, 1).expect("known");
        assert!((9_900..10_200).contains(&delay), "{delay}");
        assert_eq!(speculation.delay(&policy, 2), None, "one more attempt is all it makes");
        speculation.refresh(took(40), REFRESH_US);
        assert!(speculation.delay(&policy, 1).is_some_and(|delay| (39_600..40_800).contains(&delay)));
    }

    #[test]
    fn overload_pauses_every_policy_at_once_and_its_end_wakes_them() {
        let (policy, mut speculation) = (constant(3), Speculation::default());
        assert_eq!(speculation.delay(&policy, 1), Some(3_000));
        speculation.overloaded = true;
        speculation.ask_again();
        assert_eq!(speculation.delay(&policy, 1), None);
        speculation.overloaded = false;
        speculation.ask_again();
        assert_eq!(speculation.delay(&policy, 1), Some(3_000));
    }

    #[test]
    fn the_shortest_delay_covers_what_was_given_until_a_refresh_ago() {
        let (short, long) = (constant(2), constant(300));
        let mut speculation = Speculation::default();
        assert_eq!(speculation.shortest_us(), REFRESH_US as u32, "nothing was given");
        speculation.delay(&long, 1);
        assert_eq!(speculation.shortest_us(), 300_000);
        speculation.delay(&short, 2);
        assert_eq!(speculation.shortest_us(), 2_000);
        speculation.refresh(took(1), 1);
        speculation.delay(&long, 1);
        assert_eq!(speculation.shortest_us(), 2_000, "given before, perhaps not due yet");
        speculation.refresh(took(1), 2);
        assert_eq!(speculation.shortest_us(), 300_000);
    }

    #[test]
    fn policies_that_nobody_uses_are_forgotten() {
        let mut speculation = Speculation::default();
        for millis in 0..50 {
            speculation.delay(&constant(millis), 1);
        }
        speculation.refresh(took(1), 1);
        assert_eq!(speculation.known.len(), 50);
        speculation.refresh(took(1), 2);
        assert!(speculation.known.is_empty());
    }

    #[test]
    fn a_delay_of_nothing_is_the_shortest_there_is_and_an_endless_one_does_not_overflow() {
        let mut speculation = Speculation::default();
        assert_eq!(speculation.delay(&constant(0), 1), Some(1));
        let endless: Arc<dyn SpeculativePolicy> = Arc::new(ConstantSpeculation::new(Duration::MAX, 1));
        assert_eq!(speculation.delay(&endless, 1), Some(u32::MAX));
    }
}
