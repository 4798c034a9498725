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
        let task = Arc::clone(&shared);
        runtime.spawn(std::future::poll_fn(move |cx| {
            loop {
                while let Some(waker) = task.queue.pop() {
                    waker.wake();
                }
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

    /// Adds a waker to the batch.
    pub(crate) fn push(&self, waker: Waker) {
        self.shared.queue.push(waker);
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
