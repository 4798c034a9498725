//! Whether an idle peer lives: asked by an OPTIONS, known by what it answers.

use std::{
    task::{Context as Task, Waker},
    time::Duration,
};

use chorus_protocol::{Opcode, begin_frame, finish_frame};
use tokio::time::Instant;

use super::{ConnectionActor, ConnectionSettings, in_flight::Occupant};
use crate::{
    reactor::{Alarm, deadline_after},
    request::CloseReason,
};

/// Bytes of an envelope that is not whole yet which show that it is on its way.
const PROGRESS: usize = 4 * 1024;

/// When an idle connection is asked whether its peer lives, and when it is given up.
pub(super) struct Heartbeat {
    interval: Option<Duration>,
    timeout: Duration,
    alarm: Alarm,
    /// When the alarm is due.
    due: Instant,
    /// Bytes since it last looked, and whether a whole envelope came with them.
    bytes: usize,
    understood: bool,
    asked: bool,
    /// The peer was given its time anew, because nobody was there to see whether it answered.
    respited: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Beat {
    Nothing,
    Ask,
    Missed,
}

impl Heartbeat {
    pub(super) fn new(settings: &ConnectionSettings) -> Self {
        Self {
            interval: settings.heartbeat_interval,
            timeout: settings.heartbeat_timeout,
            alarm: Alarm::default(),
            due: Instant::now(),
            bytes: 0,
            understood: false,
            asked: false,
            respited: false,
        }
    }

    pub(super) fn heard(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A whole envelope was received.
    pub(super) fn understood(&mut self) {
        self.understood = true;
    }

    pub(super) fn answered(&mut self) {
        self.asked = false;
    }

    /// Names the connection that is woken when it is time to look.
    pub(super) fn belongs_to(&mut self, connection: &Waker) {
        self.alarm.belongs_to(connection);
    }

    #[inline]
    fn poll(&mut self) -> Beat {
        match self.interval {
            Some(interval) if self.alarm.rang() || !self.alarm.is_set() => self.look(interval),
            _ => Beat::Nothing,
        }
    }

    #[cold]
    fn look(&mut self, interval: Duration) -> Beat {
        if !self.alarm.is_set() {
            self.ring_after(interval);
        }
        if !self.alarm.is_over() {
            return Beat::Nothing;
        }
        // A peer shows that it lives by an envelope, or by a good part of a large one. A few bytes are no sign: on a
        // connection that is stuck in a body that never ends, what answers our questions vanishes in it.
        let progress = std::mem::take(&mut self.bytes) >= PROGRESS;
        if std::mem::take(&mut self.understood) || progress {
            // Whatever it was, the question is answered.
            self.asked = false;
            self.respited = false;
            self.ring_after(interval);
            Beat::Nothing
        } else if self.asked && !self.respited && Instant::now() >= self.due + self.timeout / 2 {
            // The machine slept, or this thread had no turn for a long time, and so perhaps the peer: on waking up everything
            // is late, and an answer may be on its way. Whoever is gone is found out one timeout later.
            self.respited = true;
            self.ring_after(self.timeout);
            Beat::Nothing
        } else if self.asked {
            Beat::Missed
        } else {
            self.asked = true;
            self.ring_after(self.timeout);
            Beat::Ask
        }
    }

    fn ring_after(&mut self, time: Duration) {
        self.due = Instant::now() + time;
        self.alarm.set(time);
    }
}

impl ConnectionActor {
    /// Asks an idle peer whether it lives.
    #[inline]
    pub(super) fn beat(&mut self, task: &mut Task<'_>) -> Result<(), CloseReason> {
        match self.heartbeat.poll() {
            Beat::Nothing => Ok(()),
            Beat::Missed => Err(CloseReason::Heartbeat),
            Beat::Ask => {
                let now = self.coordinator.clock().refresh();
                let mut frame = Vec::with_capacity(9);
                let start = begin_frame(&mut frame, self.port.shape.version, Opcode::Options, 0);
                finish_frame(&mut frame, start).expect("an empty body is never too long");
                // Beyond its time the id becomes an orphan's: it must not look like a request for ever.
                let deadline = deadline_after(now, Some(self.settings.heartbeat_timeout));
                if let Ok(stream) = self.in_flight.insert(Occupant::Heartbeat, now, deadline) {
                    self.outbound.append(&frame, stream);
                    self.port.stats.borrow_mut().heartbeats += 1;
                }
                self.write(task)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(90);
    const TIMEOUT: Duration = Duration::from_millis(240);

    /// One that has asked.
    async fn asked() -> Heartbeat {
        let settings = ConnectionSettings {
            heartbeat_interval: Some(INTERVAL),
            heartbeat_timeout: TIMEOUT,
            ..ConnectionSettings::default()
        };
        let mut heartbeat = Heartbeat::new(&settings);
        assert_eq!(heartbeat.poll(), Beat::Nothing);
        assert_eq!(after(&mut heartbeat, INTERVAL).await, Beat::Ask);
        heartbeat
    }

    async fn after(heartbeat: &mut Heartbeat, time: Duration) -> Beat {
        tokio::time::advance(time + Duration::from_millis(1)).await;
        heartbeat.poll()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_answer_in_time_is_given_up() {
        let mut heartbeat = asked().await;
        assert_eq!(after(&mut heartbeat, TIMEOUT / 2).await, Beat::Nothing);
        assert_eq!(after(&mut heartbeat, TIMEOUT / 2).await, Beat::Missed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_not_given_up_because_the_machine_slept_but_when_it_is_silent_afterwards_too() {
        let mut heartbeat = asked().await;
        assert_eq!(after(&mut heartbeat, 10 * TIMEOUT).await, Beat::Nothing, "the answer may be on its way");
        heartbeat.understood();
        assert_eq!(after(&mut heartbeat, TIMEOUT).await, Beat::Nothing, "and it was");
        assert_eq!(after(&mut heartbeat, INTERVAL).await, Beat::Ask);
        assert_eq!(after(&mut heartbeat, 10 * TIMEOUT).await, Beat::Nothing);
        assert_eq!(after(&mut heartbeat, 10 * TIMEOUT).await, Beat::Missed, "once");
    }
}
