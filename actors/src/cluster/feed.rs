//! News of the cluster for whoever listens.
//!
//! The cluster actor puts each [`ClusterEvent`] into the queue of every [`ClusterEvents`] that is alive; it never waits for
//! a listener. One that does not keep up loses news, and is told how many.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use chorus_topology::{Host, SchemaDifference};
use futures::Stream;
use futures::task::AtomicWaker;

/// News that wait for one listener at most; more are lost.
const MOST_WAITING: usize = 1024;

/// Something that happened to the cluster, as the session sees it. The session's state has it already when it is told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// A host joined the cluster. Connections are being made to it, unless the load balancing policy ignores it.
    HostAdded(Arc<Host>),
    /// A host left the cluster.
    HostRemoved(Arc<Host>),
    /// A host has another address: the same host, as its identity tells.
    HostMoved {
        /// The host at its new address.
        host: Arc<Host>,
        /// Where it was.
        from: SocketAddr,
    },
    /// A host has a connection that can be used.
    HostUp(Arc<Host>),
    /// A host has none any more.
    HostDown(Arc<Host>),
    /// The schema is another.
    Schema(SchemaDifference),
    /// The connection that watches the cluster is to this host now; what changed meanwhile was read again.
    ControlConnected(SocketAddr),
    /// There is no such connection at the moment: what happens to the cluster is told later, all at once.
    ControlLost,
    /// The listener did not keep up, and this many events were lost here. The state has what they told.
    Missed(u64),
}

/// Every listener of a session.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    queues: Vec<Weak<Queue>>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<ClusterEvent>,
    missed: u64,
    ended: bool,
}

impl Feed {
    /// A listener for everything that happens from now on.
    pub(crate) fn listen(&self) -> ClusterEvents {
        let queue = Arc::new(Queue::default());
        let mut listeners = lock(&self.listeners);
        lock(&queue.waiting).ended = listeners.ended;
        listeners.queues.push(Arc::downgrade(&queue));
        ClusterEvents { queue }
    }

    /// Tells everybody.
    pub(crate) fn tell(&self, event: &ClusterEvent) {
        self.each(|waiting| {
            if waiting.missed > 0 || waiting.events.len() >= MOST_WAITING {
                waiting.missed += 1;
            } else {
                waiting.events.push_back(event.clone());
            }
        });
    }

    /// Nothing will happen any more.
    pub(crate) fn end(&self) {
        lock(&self.listeners).ended = true;
        self.each(|waiting| waiting.ended = true);
    }

    fn each(&self, change: impl Fn(&mut Waiting)) {
        lock(&self.listeners).queues.retain(|listener| {
            let Some(queue) = listener.upgrade() else { return false };
            change(&mut lock(&queue.waiting));
            queue.waker.wake();
            true
        });
    }
}

/// A panic while one of these is held leaves it as it was: nothing in between is half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// News of the cluster, in the order in which the session learns them. A stream that ends with the session; dropping it
/// ends the subscription.
pub struct ClusterEvents {
    queue: Arc<Queue>,
}

impl ClusterEvents {
    /// The next event, when there is one; `None` when the session has ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ClusterEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next event if it happened already.
    pub fn try_next(&mut self) -> Option<ClusterEvent> {
        let mut waiting = lock(&self.queue.waiting);
        waiting.events.pop_front().or_else(|| match std::mem::take(&mut waiting.missed) {
            0 => None,
            missed => Some(ClusterEvent::Missed(missed)),
        })
    }
}

impl Stream for ClusterEvents {
    type Item = ClusterEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClusterEvent>> {
        // Before looking, so that what happens after the look wakes us.
        self.queue.waker.register(cx.waker());
        if let Some(event) = self.try_next() {
            return Poll::Ready(Some(event));
        }
        if lock(&self.queue.waiting).ended { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl fmt::Debug for ClusterEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = lock(&self.queue.waiting).events.len();
        f.debug_struct("ClusterEvents").field("waiting", &waiting).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_what_happens_after_it_came_and_in_order() {
        let feed = Feed::default();
        feed.tell(&ClusterEvent::ControlLost);
        let mut listener = feed.listen();
        let address = SocketAddr::from(([127, 0, 0, 1], 9042));
        feed.tell(&ClusterEvent::ControlConnected(address));
        feed.tell(&ClusterEvent::ControlLost);
        assert_eq!(listener.try_next(), Some(ClusterEvent::ControlConnected(address)));
        assert_eq!(listener.try_next(), Some(ClusterEvent::ControlLost));
        assert_eq!(listener.try_next(), None);
    }

    #[test]
    fn one_that_does_not_keep_up_loses_news_and_knows_how_many() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        for _ in 0..MOST_WAITING + 7 {
            feed.tell(&ClusterEvent::ControlLost);
        }
        for _ in 0..MOST_WAITING {
            assert_eq!(listener.try_next(), Some(ClusterEvent::ControlLost));
        }
        // Lost news come in one piece: what happens after them is lost too until that was heard.
        feed.tell(&ClusterEvent::ControlLost);
        assert_eq!(listener.try_next(), Some(ClusterEvent::Missed(8)));
        feed.tell(&ClusterEvent::ControlLost);
        assert_eq!(listener.try_next(), Some(ClusterEvent::ControlLost));
    }

    #[test]
    fn the_end_comes_after_everything_told_before_and_to_late_comers_at_once() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        feed.tell(&ClusterEvent::ControlLost);
        feed.end();
        assert_eq!(futures::executor::block_on(listener.next()), Some(ClusterEvent::ControlLost));
        assert_eq!(futures::executor::block_on(listener.next()), None);
        assert_eq!(futures::executor::block_on(feed.listen().next()), None);
    }

    #[test]
    fn a_listener_that_went_is_forgotten() {
        let feed = Feed::default();
        drop(feed.listen());
        feed.tell(&ClusterEvent::ControlLost);
        assert!(lock(&feed.listeners).queues.is_empty());
    }
}
