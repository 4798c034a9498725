//! Whether an idle peer lives: asked by an OPTIONS, known by what it answers.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context as Task, Poll},
    time::Duration,
};

use chorus_protocol::{Opcode, begin_frame, finish_frame};
use tokio::{task::unconstrained, time::Sleep};

use super::{ConnectionActor, ConnectionSettings, in_flight::Occupant};
use crate::{
    reactor::{Clock, deadline_after},
    request::CloseReason,
};

/// Bytes of an envelope that is not whole yet which show that it is on its way.
const PROGRESS: usize = 4 * 1024;

/// When an idle connection is asked whether its peer lives, and when it is given up.
pub(super) struct Heartbeat {
    interval: Option<Duration>,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// The timer wakes at this time of the reactor's clock, and not before.
    due_us: u64,
    /// Bytes since it last looked, and whether a whole envelope came with them.
    bytes: usize,
    understood: bool,
    asked: bool,
}

/// Polls a timer that is not looked at again before it wakes: it must not turn the poll away, whatever else this reactor did.
fn register(timer: &mut Pin<Box<Sleep>>, task: &mut Task<'_>) -> Poll<()> {
    pin!(unconstrained(timer.as_mut())).poll(task)
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
            timer: None,
            due_us: 0,
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

    /// Looks at the timer when it is time to, or when it has to wake somebody else.
    #[inline]
    fn poll(&mut self, task: &mut Task<'_>, is_new: bool, clock: &Clock) -> Beat {
        match self.interval {
            Some(interval) if is_new || clock.now_us() >= self.due_us => self.look(interval, task, clock),
            _ => Beat::Nothing,
        }
    }

    #[cold]
    fn look(&mut self, interval: Duration, task: &mut Task<'_>, clock: &Clock) -> Beat {
        loop {
            if self.timer.is_none() {
                self.due_us = deadline_after(clock.refresh(), Some(interval));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(interval)));
            if register(timer, task).is_pending() {
                return Beat::Nothing;
            }
            let (now_us, next) = (clock.refresh(), tokio::time::Instant::now());
            // A peer shows that it lives by an envelope, or by a good part of a large one. A few bytes are no sign: on a
            // connection that is stuck in a body that never ends, what answers our questions vanishes in it.
            let progress = std::mem::take(&mut self.bytes) >= PROGRESS;
            if std::mem::take(&mut self.understood) || progress {
                // Whatever it was, the question is answered.
                self.asked = false;
                timer.as_mut().reset(next + interval);
                self.due_us = deadline_after(now_us, Some(interval));
            } else if self.asked {
                return Beat::Missed;
            } else {
                self.asked = true;
                timer.as_mut().reset(next + self.timeout);
                self.due_us = deadline_after(now_us, Some(self.timeout));
                // Register the new deadline before leaving.
                let _ = register(timer, task);
                return Beat::Ask;
            }
        }
    }
}

impl ConnectionActor {
    /// Asks an idle peer whether it lives.
    #[inline]
    pub(super) fn beat(&mut self, task: &mut Task<'_>, is_new: bool) -> Result<(), CloseReason> {
        match self.heartbeat.poll(task, is_new, self.coordinator.clock()) {
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
