//! Whether an idle peer lives: asked by an OPTIONS, known by what it answers.

use std::{
    task::{Context as Task, Waker},
    time::Duration,
};

use chorus_protocol::{Opcode, begin_frame, finish_frame};

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
    /// Bytes since it last looked, and whether a whole envelope came with them.
    bytes: usize,
    understood: bool,
    asked: bool,
}

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
            bytes: 0,
            understood: false,
            asked: false,
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
            self.alarm.set(interval);
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
            self.alarm.set(interval);
            Beat::Nothing
        } else if self.asked {
            Beat::Missed
        } else {
            self.asked = true;
            self.alarm.set(self.timeout);
            Beat::Ask
        }
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
