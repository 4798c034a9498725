//! Mailboxes of the control plane, counted.
//!
//! actix does not tell how many messages wait in a mailbox. So the actors of the control plane are written to through
//! [`Mail`], which notes each message when it is sent and again when it is handled; the [`Census`] adds up what waits by
//! kind of actor, for the metrics. The data path has no mailboxes and is not concerned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use actix::{Actor, Addr, Context, Handler, Message};

use crate::metrics::{LatencyRecorder, LatencySnapshot, STALL_US};

/// Every actor of the control plane of one session.
#[derive(Debug, Default)]
pub(crate) struct Census {
    actors: Mutex<Vec<Weak<Tally>>>,
    /// What actors of each kind did, those that ended included.
    records: Mutex<Vec<KindRecord>>,
}

/// A kind of actor, and what those of it did.
type KindRecord = (&'static str, Arc<Mutex<Record>>);

/// What the actors of one kind did so far. Behind a lock, which tens of messages a second can afford.
#[derive(Default)]
struct Record {
    handled: u64,
    stalls: u64,
    wait: LatencyRecorder,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("handled", &self.handled).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one kind of actor amounts to now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    pub(crate) alive: u64,
    /// Messages waiting in their mailboxes, all together.
    pub(crate) waiting: u64,
    /// Messages waiting in the fullest of them.
    pub(crate) waiting_most: u64,
    /// Messages handled so far.
    pub(crate) handled: u64,
    /// Those that took too long to handle.
    pub(crate) stalls: u64,
    /// How long messages waited.
    pub(crate) wait: LatencySnapshot,
}

#[derive(Debug)]
struct Tally {
    kind: &'static str,
    alive: AtomicBool,
    waiting: AtomicU64,
    record: Arc<Mutex<Record>>,
}

impl Census {
    /// Takes in an actor: how it is written to, and the proof that it lives, which it keeps.
    pub(crate) fn admit<A: Actor<Context = Context<A>>>(
        &self,
        kind: &'static str,
        address: Addr<A>,
    ) -> (Mail<A>, Presence) {
        let tally = Arc::new(Tally {
            kind,
            alive: AtomicBool::new(true),
            waiting: AtomicU64::new(0),
            record: self.record_of(kind),
        });
        let mut actors = lock(&self.actors);
        actors.retain(|known| known.strong_count() > 0);
        actors.push(Arc::downgrade(&tally));
        (Mail { address, tally: Arc::clone(&tally) }, Presence(tally))
    }

    fn record_of(&self, kind: &'static str) -> Arc<Mutex<Record>> {
        let mut records = lock(&self.records);
        if let Some((_, record)) = records.iter().find(|(known, _)| *known == kind) {
            return Arc::clone(record);
        }
        let record = Arc::default();
        records.push((kind, Arc::clone(&record)));
        record
    }

    /// The counts by kind, for each kind that ever had an actor.
    pub(crate) fn counts(&self) -> Vec<(&'static str, Count)> {
        let records = lock(&self.records);
        let counted = records.iter().map(|(kind, record)| {
            let mut record = lock(record);
            let (handled, stalls, wait) = (record.handled, record.stalls, record.wait.snapshot());
            (*kind, Count { handled, stalls, wait, ..Count::default() })
        });
        let mut counts: Vec<(&'static str, Count)> = counted.collect();
        drop(records);
        let actors = lock(&self.actors);
        for tally in actors.iter().filter_map(Weak::upgrade) {
            if !tally.alive.load(Ordering::Relaxed) {
                continue;
            }
            let Some((_, count)) = counts.iter_mut().find(|(kind, _)| *kind == tally.kind) else { continue };
            let waiting = tally.waiting.load(Ordering::Relaxed);
            count.alive += 1;
            count.waiting += waiting;
            count.waiting_most = count.waiting_most.max(waiting);
        }
        counts
    }
}

/// Kept by an actor for as long as it lives.
#[derive(Debug)]
pub(crate) struct Presence(Arc<Tally>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.alive.store(false, Ordering::Relaxed);
    }
}

/// The way to an actor's mailbox. Cheap enough to clone for control traffic.
pub(crate) struct Mail<A: Actor<Context = Context<A>>> {
    address: Addr<A>,
    tally: Arc<Tally>,
}

impl<A: Actor<Context = Context<A>> + Handler<Posted<A>, Result = ()>> Mail<A> {
    /// Sends a message. One to an actor that ended is lost, as it would be had it arrived a moment earlier.
    pub(crate) fn do_send<M>(&self, message: M)
    where
        A: Handler<M, Result = ()>,
        M: Message<Result = ()> + Send + 'static,
    {
        self.address.do_send(Posted::new(message, &self.tally));
    }

    /// Sends a message unless the mailbox is full or the actor ended.
    pub(crate) fn offer<M>(&self, message: M)
    where
        A: Handler<M, Result = ()>,
        M: Message<Result = ()> + Send + 'static,
    {
        let _ = self.address.try_send(Posted::new(message, &self.tally));
    }
}

impl<A: Actor<Context = Context<A>>> Clone for Mail<A> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), tally: Arc::clone(&self.tally) }
    }
}

/// Hands a message to its handler.
type Deliver<A> = Box<dyn FnOnce(&mut A, &mut Context<A>) + Send>;

/// A message for an `A`, which counts as waiting until it is opened or lost.
pub(crate) struct Posted<A: Actor<Context = Context<A>>> {
    deliver: Deliver<A>,
    ticket: Ticket,
}

struct Ticket {
    tally: Arc<Tally>,
    sent: Instant,
}

impl<A: Actor<Context = Context<A>>> Message for Posted<A> {
    type Result = ();
}

impl<A: Actor<Context = Context<A>>> Posted<A> {
    fn new<M>(message: M, tally: &Arc<Tally>) -> Self
    where
        A: Handler<M, Result = ()>,
        M: Message<Result = ()> + Send + 'static,
    {
        tally.waiting.fetch_add(1, Ordering::Relaxed);
        let deliver = move |actor: &mut A, ctx: &mut Context<A>| Handler::<M>::handle(actor, message, ctx);
        Self { deliver: Box::new(deliver), ticket: Ticket { tally: Arc::clone(tally), sent: Instant::now() } }
    }

    /// Lets the actor handle the message now.
    pub(crate) fn open(self, actor: &mut A, ctx: &mut Context<A>) {
        let record = Arc::clone(&self.ticket.tally.record);
        let (sent, began) = (self.ticket.sent, Instant::now());
        drop(self.ticket);
        {
            let mut record = lock(&record);
            record.handled += 1;
            record.wait.record(began.duration_since(sent).as_micros() as u64);
        }
        (self.deliver)(actor, ctx);
        if began.elapsed().as_micros() > u128::from(STALL_US) {
            lock(&record).stalls += 1;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets an actor be written to through [`Mail`].
macro_rules! takes_mail {
    ($actor:ty) => {
        impl actix::Handler<crate::mail::Posted<$actor>> for $actor {
            type Result = ();

            fn handle(&mut self, posted: crate::mail::Posted<$actor>, ctx: &mut Self::Context) {
                posted.open(self, ctx);
            }
        }
    };
}
pub(crate) use takes_mail;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context as Task, Waker};

    use actix::AsyncContext;

    use super::*;

    struct Reader {
        read: Vec<u8>,
        _presence: Option<Presence>,
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Letter(u8);

    impl Actor for Reader {
        type Context = Context<Self>;
    }

    impl Handler<Letter> for Reader {
        type Result = ();

        fn handle(&mut self, Letter(number): Letter, _: &mut Self::Context) {
            self.read.push(number);
        }
    }

    takes_mail!(Reader);

    #[test]
    fn a_message_waits_from_sending_to_handling_and_the_dead_are_not_counted() {
        let census = Census::default();
        let context = Context::new();
        let (mail, presence) = census.admit("reader", context.address());
        let reader = Reader { read: Vec::new(), _presence: Some(presence) };
        let mut life = Box::pin(context.into_future(reader));
        mail.do_send(Letter(1));
        mail.clone().do_send(Letter(2));
        let counted = |census: &Census| {
            let counts = census.counts();
            let [("reader", count)] = counts.as_slice() else { panic!("{counts:?}") };
            (count.alive, count.waiting, count.waiting_most, count.handled, count.wait.count())
        };
        assert_eq!(counted(&census), (1, 2, 2, 0, 0));

        let _ = pin!(life.as_mut()).poll(&mut Task::from_waker(Waker::noop()));
        assert_eq!(counted(&census), (1, 0, 0, 2, 2));

        drop(life);
        mail.do_send(Letter(3));
        assert_eq!(counted(&census), (0, 0, 0, 2, 2), "what was handled stays");
    }
}
