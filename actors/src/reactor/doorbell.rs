//! The waker that actors of a reactor wake.
//!
//! Actors wake each other all the time: the coordinator a connection, a connection the coordinator. If each such wake went on
//! to the runtime's waker, every request would have the whole reactor polled once more, and a multi-thread runtime would
//! rouse another worker to look at it. So a wake that comes while the reactor is being polled is only noted, and the reactor
//! goes round again; one that comes from outside, while it is not, is passed on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use futures::task::AtomicWaker;

/// See the module documentation.
#[derive(Default)]
pub(super) struct Doorbell {
    /// Who rang: a bit for each page of actors, and the highest for whoever is no actor.
    rung: AtomicU64,
    polling: AtomicBool,
    runtime: AtomicWaker,
}

impl Doorbell {
    /// Pages beyond this number share bits with those before.
    pub(super) const MOST_PAGES: usize = 63;
    /// The bits of pages.
    pub(super) const PAGES: u64 = (1 << Self::MOST_PAGES) - 1;
    /// The bit of everybody else.
    const OTHERS: u64 = 1 << Self::MOST_PAGES;

    /// The bit of the page with this number.
    #[inline]
    pub(super) fn page(number: usize) -> u64 {
        1 << (number % Self::MOST_PAGES)
    }

    /// The reactor starts to poll; wakes are noted from here on.
    pub(super) fn open(&self, runtime: &Waker) {
        self.runtime.register(runtime);
        self.polling.store(true, Ordering::SeqCst);
    }

    /// The reactor is about to look at its actors: what rang before is answered by that. Returns who rang.
    pub(super) fn answer(&self) -> u64 {
        self.rung.swap(0, Ordering::SeqCst)
    }

    /// Whether somebody rang after [`answer`](Self::answer).
    pub(super) fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst) != 0
    }

    /// The reactor found nothing more to do. Returns whether somebody rang after [`answer`](Self::answer), in which case it
    /// must look again; otherwise wakes go to the runtime from here on.
    pub(super) fn close(&self) -> bool {
        // Sequentially consistent, like the two accesses in `ring`: either we see the ring or the ringer sees us closed.
        self.polling.store(false, Ordering::SeqCst);
        if !self.has_rung() {
            return false;
        }
        self.polling.store(true, Ordering::SeqCst);
        true
    }

    /// The reactor leaves although there is more to do, so that the runtime's other tasks get their turn.
    pub(super) fn leave(&self, runtime: &Waker) {
        self.polling.store(false, Ordering::SeqCst);
        runtime.wake_by_ref();
    }

    /// Rings with the bit of a page, or of others.
    pub(super) fn ring(&self, who: u64) {
        self.rung.fetch_or(who, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.runtime.wake();
        }
    }
}

impl Wake for Doorbell {
    fn wake(self: Arc<Self>) {
        self.ring(Self::OTHERS);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring(Self::OTHERS);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn wakes_from_inside_make_another_round_and_those_from_outside_reach_the_runtime() {
        let (bell, count) = (Arc::new(Doorbell::default()), Arc::new(Count::default()));
        let (inside, runtime) = (Waker::from(Arc::clone(&bell)), Waker::from(Arc::clone(&count)));
        bell.open(&runtime);
        bell.answer();
        inside.wake_by_ref();
        assert!(bell.close(), "somebody rang: look again");
        bell.answer();
        assert!(!bell.close());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        inside.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn no_ring_is_lost_between_threads() {
        for _ in 0..2_000 {
            let (bell, count) = (Arc::new(Doorbell::default()), Arc::new(Count::default()));
            let runtime = Waker::from(Arc::clone(&count));
            bell.open(&runtime);
            bell.answer();
            let ringer = std::thread::spawn({
                let bell = Arc::clone(&bell);
                move || bell.ring(Doorbell::page(70))
            });
            let seen = bell.close();
            ringer.join().expect("no panic");
            assert!(seen || count.0.load(Ordering::SeqCst) == 1);
        }
    }
}
