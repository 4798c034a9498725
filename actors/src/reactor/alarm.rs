//! A timer that is looked at only after it rang.
//!
//! Actors of the hot path are polled far more often than their timers are due, and a poll of a timer costs as much as a good part
//! of a request. So the timer does not wake the actor itself but a bell, which notes that it rang and wakes the actor. Whether
//! it rang is one load; no clock is asked, which could be behind: a timer may ring on another worker's thread while the reactor
//! is being polled.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use futures::task::AtomicWaker;
use tokio::time::{Instant, Sleep};

/// See the module documentation. Its timer is made once, and kept between uses.
pub(crate) struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
    bell: Arc<Bell>,
    /// The bell as the timer knows it.
    waker: Waker,
    actor: Option<Waker>,
    is_set: bool,
}

#[derive(Default)]
struct Bell {
    rang: AtomicBool,
    actor: AtomicWaker,
}

impl Bell {
    fn ring(&self) {
        // Before the actor is woken: whoever is polled because of this finds it.
        self.rang.store(true, Ordering::Release);
        self.actor.wake();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Default for Alarm {
    fn default() -> Self {
        let bell = Arc::<Bell>::default();
        Self { timer: None, waker: Waker::from(Arc::clone(&bell)), bell, actor: None, is_set: false }
    }
}

impl Alarm {
    /// Names the actor that is woken when it rings. To be called whenever that has another waker than before.
    pub(crate) fn belongs_to(&mut self, actor: &Waker) {
        self.actor = Some(actor.clone());
        self.bell.actor.register(actor);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set
    }

    /// Has it ring `after` from now, and not when it was set to before.
    pub(crate) fn set(&mut self, after: Duration) {
        let due = Instant::now() + after;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(due),
            none => *none = Some(Box::pin(tokio::time::sleep_until(due))),
        }
        self.bell.rang.store(false, Ordering::Release);
        self.is_set = true;
        if self.poll() {
            self.bell.ring();
        }
    }

    /// Whether it rang and [`is_over`](Self::is_over) was not asked since.
    #[inline]
    pub(crate) fn rang(&self) -> bool {
        self.bell.rang.load(Ordering::Relaxed)
    }

    /// Whether what it was set to has passed. It is set no longer then.
    pub(crate) fn is_over(&mut self) -> bool {
        // Cleared before the timer is polled: if that registers, what rings from here on rings for later.
        if !self.bell.rang.swap(false, Ordering::AcqRel) {
            return false;
        }
        // A runtime that wants its thread back has a timer ring that has not run down; polling it registers it again.
        let is_over = self.is_set && self.poll();
        self.is_set &= !is_over;
        is_over
    }

    fn poll(&mut self) -> bool {
        // A bell wakes whom it knows once.
        if let Some(actor) = &self.actor {
            self.bell.actor.register(actor);
        }
        let Some(timer) = &mut self.timer else { return false };
        timer.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const LENGTH: Duration = Duration::from_millis(5);

    #[derive(Default)]
    struct Actor(AtomicUsize);

    impl Wake for Actor {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn alarm() -> (Alarm, Arc<Actor>) {
        let (mut alarm, actor) = (Alarm::default(), Arc::<Actor>::default());
        alarm.belongs_to(&Waker::from(Arc::clone(&actor)));
        (alarm, actor)
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_once_for_each_time_it_is_set() {
        let (mut alarm, actor) = alarm();
        assert!(!alarm.rang() && !alarm.is_set() && !alarm.is_over());
        for times in 1..4 {
            alarm.set(LENGTH);
            tokio::time::advance(LENGTH / 2).await;
            assert!(alarm.is_set() && !alarm.rang() && !alarm.is_over());
            tokio::time::advance(LENGTH).await;
            assert!(alarm.rang() && alarm.is_over());
            assert!(!alarm.rang() && !alarm.is_set() && !alarm.is_over());
            assert_eq!(actor.0.load(Ordering::SeqCst), times);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_set_anew_rings_later_and_what_is_due_at_once_rings_at_once() {
        let (mut alarm, actor) = alarm();
        alarm.set(LENGTH);
        tokio::time::advance(LENGTH / 2).await;
        alarm.set(LENGTH);
        tokio::time::advance(LENGTH - Duration::from_millis(1)).await;
        assert!(!alarm.rang());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(alarm.is_over());
        alarm.set(Duration::ZERO);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(alarm.is_over());
        assert_eq!(actor.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_actor_that_moved_is_woken_where_it_is() {
        let (mut alarm, before) = alarm();
        let now = Arc::<Actor>::default();
        alarm.set(LENGTH);
        alarm.belongs_to(&Waker::from(Arc::clone(&now)));
        tokio::time::advance(LENGTH * 2).await;
        assert!(alarm.is_over());
        assert_eq!((before.0.load(Ordering::SeqCst), now.0.load(Ordering::SeqCst)), (0, 1));
    }

    #[test]
    fn a_timer_that_rings_on_another_thread_is_not_lost_however_late_it_is_looked_at() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (mut alarm, actor) = alarm();
            for times in 1..20 {
                alarm.set(Duration::from_millis(1));
                // Another worker turns the wheel.
                let patience = std::time::Instant::now() + Duration::from_secs(10);
                while !alarm.rang() {
                    assert!(std::time::Instant::now() < patience);
                    std::thread::sleep(Duration::from_micros(200));
                }
                assert!(alarm.is_over());
                assert_eq!(actor.0.load(Ordering::SeqCst), times);
            }
        });
    }
}
