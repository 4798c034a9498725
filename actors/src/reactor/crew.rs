//! The actors of a reactor, and which of them were woken.
//!
//! An actor's waker sets its bit in a word that it shares with 63 others, its *page*; the first bit in a page rings the reactor's
//! [`Doorbell`] with the number of the page. So a wake is one atomic operation or two, many wakes between two looks are one, and
//! looking costs what was woken and not what there is. Actors that were woken are polled in the order of their places, each
//! once a round.
//!
//! An actor that ends leaves its place to the next one. Whoever still holds its waker then wakes that one for nothing.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Wake, Waker},
};

use super::{clock::Clock, doorbell::Doorbell, stage::ActorTask};

/// Places of one page.
const PLACES: usize = u64::BITS as usize;

/// See the module documentation.
pub(super) struct Crew {
    doorbell: Arc<Doorbell>,
    clock: Rc<Clock>,
    pages: Vec<Arc<Page>>,
    places: Vec<Option<Place>>,
    vacant: Vec<usize>,
    actors: usize,
}

struct Place {
    task: ActorTask,
    waker: Waker,
}

struct Page {
    number: usize,
    /// A bit for each of its places: woken and not polled since.
    woken: AtomicU64,
    doorbell: Arc<Doorbell>,
}

impl Page {
    fn wake(&self, bit: u64) {
        // Whoever set the first bit has rung, or is about to.
        if self.woken.fetch_or(bit, Ordering::AcqRel) == 0 {
            self.doorbell.ring(Doorbell::page(self.number));
        }
    }
}

/// What the waker of an actor is made of.
struct Bell {
    page: Arc<Page>,
    bit: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.page.wake(self.bit);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.page.wake(self.bit);
    }
}

impl Crew {
    /// Nobody yet; wakes ring `doorbell`.
    pub(super) fn new(doorbell: Arc<Doorbell>, clock: Rc<Clock>) -> Self {
        Self { doorbell, clock, pages: Vec::new(), places: Vec::new(), vacant: Vec::new(), actors: 0 }
    }

    /// Takes an actor in, to be polled in the next round.
    pub(super) fn admit(&mut self, task: ActorTask) {
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let number = at / PLACES;
        if number == self.pages.len() {
            let (woken, doorbell) = (AtomicU64::new(0), Arc::clone(&self.doorbell));
            self.pages.push(Arc::new(Page { number, woken, doorbell }));
        }
        let bell = Arc::new(Bell { page: Arc::clone(&self.pages[number]), bit: 1 << (at % PLACES) });
        bell.wake_by_ref();
        self.places[at] = Some(Place { task, waker: Waker::from(bell) });
        self.actors += 1;
    }

    /// Polls each actor that was woken, once. `rung` is what the doorbell said; see [`Doorbell::answer`].
    #[inline]
    pub(super) fn poll_woken(&mut self, rung: u64) {
        let mut rung = rung & Doorbell::PAGES;
        while rung != 0 {
            let mut number = rung.trailing_zeros() as usize;
            rung &= rung - 1;
            // More pages than bits share them.
            while let Some(page) = self.pages.get(number) {
                let mut woken = page.woken.swap(0, Ordering::AcqRel);
                while woken != 0 {
                    let at = number * PLACES + woken.trailing_zeros() as usize;
                    woken &= woken - 1;
                    self.poll(at);
                }
                number += Doorbell::MOST_PAGES;
            }
        }
    }

    #[inline]
    fn poll(&mut self, at: usize) {
        let Some(Some(place)) = self.places.get_mut(at) else { return };
        let Place { task, waker } = place;
        let polled = task.as_mut().poll(&mut Context::from_waker(waker));
        self.clock.spend();
        if polled.is_ready() {
            // Its place is given away first: a destructor may panic.
            let gone = self.places[at].take();
            self.vacant.push(at);
            self.actors -= 1;
            drop(gone);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.actors == 0
    }

    /// Drops every actor.
    pub(super) fn dismiss(&mut self) {
        self.actors = 0;
        self.vacant.clear();
        self.places.clear();
        self.pages.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::poll_fn, task::Poll};

    use super::*;

    /// A crew whose actors write down their names when they are polled, and end when they are told to.
    #[derive(Default)]
    struct Scene {
        polled: Rc<RefCell<Vec<usize>>>,
        wakers: Rc<RefCell<Vec<Option<Waker>>>>,
        ended: Rc<RefCell<Vec<usize>>>,
    }

    impl Scene {
        fn actor(&self, name: usize) -> ActorTask {
            let (polled, wakers, ended) =
                (Rc::clone(&self.polled), Rc::clone(&self.wakers), Rc::clone(&self.ended));
            Box::pin(poll_fn(move |task| {
                polled.borrow_mut().push(name);
                let mut wakers = wakers.borrow_mut();
                if wakers.len() <= name {
                    wakers.resize(name + 1, None);
                }
                wakers[name] = Some(task.waker().clone());
                if ended.borrow().contains(&name) { Poll::Ready(()) } else { Poll::Pending }
            }))
        }

        fn waker(&self, name: usize) -> Waker {
            self.wakers.borrow()[name].clone().expect("it was polled")
        }

        /// One round; who was polled in it.
        fn round(&self, crew: &mut Crew, doorbell: &Doorbell) -> Vec<usize> {
            crew.poll_woken(doorbell.answer());
            self.polled.take()
        }
    }

    fn crew_of(actors: usize) -> (Scene, Crew, Arc<Doorbell>) {
        let (scene, doorbell) = (Scene::default(), Arc::<Doorbell>::default());
        let mut crew = Crew::new(Arc::clone(&doorbell), Rc::new(Clock::new()));
        (0..actors).for_each(|name| crew.admit(scene.actor(name)));
        let mut begun = scene.round(&mut crew, &doorbell);
        begun.sort_unstable();
        assert_eq!(begun, (0..actors).collect::<Vec<_>>(), "everybody begins");
        (scene, crew, doorbell)
    }

    #[test]
    fn those_that_were_woken_are_polled_once_however_often_they_were() {
        let (scene, mut crew, doorbell) = crew_of(5);
        assert!(scene.round(&mut crew, &doorbell).is_empty());
        for name in [3, 1, 3, 3] {
            scene.waker(name).wake();
        }
        assert!(doorbell.has_rung());
        assert_eq!(scene.round(&mut crew, &doorbell), [1, 3]);
        assert!(!doorbell.has_rung());
    }

    #[test]
    fn more_actors_than_there_are_bits_for_their_pages_are_all_found() {
        let most = PLACES * Doorbell::MOST_PAGES;
        let (scene, mut crew, doorbell) = crew_of(most * 2 + 3);
        let woken = [0, PLACES, most - 1, most, most + PLACES, 2 * most + 2];
        woken.iter().for_each(|name| scene.waker(*name).wake_by_ref());
        let mut polled = scene.round(&mut crew, &doorbell);
        polled.sort_unstable();
        assert_eq!(polled, woken);
    }

    #[test]
    fn a_place_is_given_to_the_next_and_an_old_waker_wakes_that_one_for_nothing() {
        let (scene, mut crew, doorbell) = crew_of(2);
        scene.ended.borrow_mut().push(0);
        let old = scene.waker(0);
        old.wake_by_ref();
        scene.round(&mut crew, &doorbell);
        old.wake_by_ref();
        assert!(scene.round(&mut crew, &doorbell).is_empty(), "nobody is there");
        crew.admit(scene.actor(2));
        assert_eq!(scene.round(&mut crew, &doorbell), [2]);
        old.wake();
        assert_eq!(scene.round(&mut crew, &doorbell), [2]);
        scene.ended.borrow_mut().extend([1, 2]);
        (1..3).for_each(|name| scene.waker(name).wake());
        scene.round(&mut crew, &doorbell);
        assert!(crew.is_empty());
    }

    #[test]
    fn an_actor_that_wakes_itself_is_polled_again_in_the_next_round() {
        let (doorbell, polls) = (Arc::<Doorbell>::default(), Rc::new(RefCell::new(0)));
        let mut crew = Crew::new(Arc::clone(&doorbell), Rc::new(Clock::new()));
        let counted = Rc::clone(&polls);
        crew.admit(Box::pin(poll_fn(move |task| {
            *counted.borrow_mut() += 1;
            task.waker().wake_by_ref();
            Poll::Pending
        })));
        for round in 1..4 {
            crew.poll_woken(doorbell.answer());
            assert_eq!(*polls.borrow(), round);
            assert!(doorbell.has_rung());
        }
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        for _ in 0..2_000 {
            let (scene, mut crew, doorbell) = crew_of(3);
            let wakers = [scene.waker(0), scene.waker(2)];
            let threads = wakers.map(|waker| std::thread::spawn(move || waker.wake()));
            let mut polled = scene.round(&mut crew, &doorbell);
            threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
            polled.extend(scene.round(&mut crew, &doorbell));
            polled.sort_unstable();
            assert_eq!(polled, [0, 2]);
        }
    }
}
