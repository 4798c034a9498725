//! Warm-up and measured part of one run. The load does not pause between them: what is measured is the steady state.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::oneshot;

use crate::Failure;
use crate::measure::{AllocationCounter, Cost, Started};
use crate::scenario::Arguments;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    WarmUp,
    Measured,
    Over,
}

/// What callers look at before each request; they need no clock to know when to stop.
#[derive(Debug, Clone)]
pub struct Phases(Arc<AtomicU8>);

impl Phases {
    pub fn now(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Measured,
            _ => Phase::Over,
        }
    }

    /// Starts the clock, on a thread of its own.
    pub fn start(arguments: &Arguments, allocations: Option<AllocationCounter>) -> (Phases, Clock) {
        let phases = Phases(Arc::new(AtomicU8::new(0)));
        let (own, arguments) = (phases.clone(), arguments.clone());
        let (over, cost) = oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(arguments.warm_up());
            let ready = ready(&arguments);
            let started = Started::now(allocations);
            own.0.store(1, Ordering::Relaxed);
            if ready.is_ok() {
                std::thread::sleep(arguments.duration());
            }
            let cost = started.finish();
            own.0.store(2, Ordering::Relaxed);
            // Whoever started the clock may have failed meanwhile.
            let _ = over.send(ready.map(|()| cost));
        });
        (phases, Clock(cost))
    }
}

/// What the measured part cost, once it is over.
pub struct Clock(oneshot::Receiver<io::Result<Cost>>);

impl Clock {
    pub async fn cost(self) -> Result<Cost, Failure> {
        Ok(self.0.await??)
    }

    /// The same outside of a runtime.
    pub fn wait_for_cost(self) -> Result<Cost, Failure> {
        Ok(self.0.blocking_recv()??)
    }
}

/// Says that the measured part begins, and waits for whoever looks on.
pub fn ready(arguments: &Arguments) -> io::Result<()> {
    if !arguments.hand_shake {
        return Ok(());
    }
    println!("ready");
    io::stdout().flush()?;
    wait()
}

/// Waits for a line on standard input.
pub(crate) fn wait() -> io::Result<()> {
    io::stdin().read_line(&mut String::new()).map(|_| ())
}
