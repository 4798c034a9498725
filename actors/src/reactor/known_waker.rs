//! Who is woken: the waker that a task was last polled with.

use std::{cell::RefCell, task::Waker};

/// Belongs to one reactor; what wakes it from other threads is the waker itself.
#[derive(Default)]
pub(crate) struct KnownWaker(RefCell<Option<Waker>>);

impl KnownWaker {
    /// Keeps the waker, and tells whether it is another one than before.
    #[inline]
    pub(crate) fn remember(&self, waker: &Waker) -> bool {
        let mut known = self.0.borrow_mut();
        match &*known {
            Some(current) if current.will_wake(waker) => false,
            _ => {
                *known = Some(waker.clone());
                true
            }
        }
    }

    /// Wakes it, if anybody was ever polled.
    #[inline]
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// There is nobody to wake any more.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().take();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_last_one_is_woken_until_it_is_forgotten() {
        let (known, counts) = (KnownWaker::default(), [Arc::<Count>::default(), Arc::default()]);
        let wakers = counts.clone().map(Waker::from);
        known.wake();
        assert!(known.remember(&wakers[0]) && !known.remember(&wakers[0]));
        known.wake();
        assert!(known.remember(&wakers[1]));
        known.wake();
        known.wake();
        known.forget();
        known.wake();
        assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [1, 2]);
    }
}
