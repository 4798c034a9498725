//! Wakes callers of another runtime in batches.
//!
//! A reactor on its own thread that wakes a task of the caller's runtime writes an eventfd for each one. Handing
//! all wakers of a tick to one task on the caller's runtime, which wakes them locally, costs one such write a tick.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crossbeam_queue::SegQueue;
use futures::task::AtomicWaker;
use std::task::{Poll, Waker};

/// The waking task's hold on the relay: when its runtime ends, nobody is left to wake the callers in the queue.
struct Attendant(Arc<Shared>);

impl Drop for Attendant {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.wake_all();
    }
}

impl Shared {
    fn wake_all(&self) {
        while let Some(waker) = self.queue.pop() {
            waker.wake();
        }
    }
}

/// The reactor's end of a relay.
#[derive(Clone)]
pub(crate) struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    // Bounded by the number of requests in flight: each contributes at most one waker.
    queue: SegQueue<Waker>,
    bell: AtomicWaker,
    awake: AtomicBool,
    closed: AtomicBool,
}

impl Relay {
    /// Starts the task that wakes for the reactor on `runtime`, the runtime whose tasks make the requests.
    pub(crate) fn start(runtime: &tokio::runtime::Handle) -> Self {
        let shared = Arc::new(Shared {
            queue: SegQueue::new(),
            bell: AtomicWaker::new(),
            awake: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let task = Attendant(Arc::clone(&shared));
        runtime.spawn(std::future::poll_fn(move |cx| {
            let task = &task.0;
            loop {
                task.wake_all();
                if task.closed.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                task.bell.register(cx.waker());
                task.awake.store(false, Ordering::SeqCst);
                if task.queue.is_empty() && !task.closed.load(Ordering::SeqCst) {
                    return Poll::Pending;
                }
            }
        }));
        Self { shared }
    }

    /// Adds a waker to the batch. When the runtime of the relay has ended, callers are on another one: they are woken
    /// one by one.
    pub(crate) fn push(&self, waker: Waker) {
        self.shared.queue.push(waker);
        if self.shared.closed.load(Ordering::SeqCst) {
            self.shared.wake_all();
        }
    }

    /// Sends the batch on its way.
    pub(crate) fn flush(&self) {
        if !self.shared.awake.swap(true, Ordering::SeqCst) {
            self.shared.bell.wake();
        }
    }

    /// Ends the task. Wakers still inside are woken first.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.bell.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn callers_are_woken_although_the_runtime_of_the_relay_has_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let relay = Relay::start(runtime.handle());
        let counter = Arc::new(Counter::default());
        relay.push(Arc::clone(&counter).into());
        relay.flush();
        assert_eq!(counter.0.load(Ordering::SeqCst), 0, "the runtime has not run since");
        drop(runtime);
        assert_eq!(counter.0.load(Ordering::SeqCst), 1, "those who waited");
        relay.push(Arc::clone(&counter).into());
        relay.flush();
        assert_eq!(counter.0.load(Ordering::SeqCst), 2, "and those who come later");
    }
}
