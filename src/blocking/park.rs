//! Waiting for a future on a thread without a runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Runs `future` to its end on this thread, which sleeps whenever there is nothing to do.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    // On a thread of tokio's, its primitives would make way for others after a while, who have no turn before we return.
    let future = tokio::task::unconstrained(future);
    let sleeper = Arc::new(Sleeper { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        sleeper.sleep();
    }
}

/// The same on a thread of its own, whatever runtime is around this one: what looks for a runtime, to leave tasks there or to use its
/// timer, must not find one that does not run while we wait.
pub(super) fn block_apart<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    if tokio::runtime::Handle::try_current().is_err() {
        return block_on(future);
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| block_on(future));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Sleeper {
    thread: Thread,
    /// Unparking is not counted, and others may unpark this thread too: this flag alone says that the future is to be polled.
    woken: AtomicBool,
}

impl Sleeper {
    fn sleep(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ready_future_returns_at_once() {
        assert_eq!(block_on(async { 7 }), 7);
    }

    #[test]
    fn thread_sleeps_until_another_wakes_it() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            sender.send("woken").expect("the receiver waits");
        });
        assert_eq!(block_on(receiver), Ok("woken"));
        other.join().expect("no panic");
    }

    #[test]
    fn stray_unpark_does_not_end_the_wait() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = std::thread::current();
        let other = std::thread::spawn(move || {
            for _ in 0..100 {
                waiting.unpark();
            }
            sender.send(1).expect("the receiver waits");
        });
        assert_eq!(block_on(receiver), Ok(1));
        other.join().expect("no panic");
    }
}
