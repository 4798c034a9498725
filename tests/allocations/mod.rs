//! The system's allocator, counting what it gives: for the thread that asks, and for the whole process.
//!
//! Test programs that say how much memory something takes include this file by its path and make [`Counting`] their allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// To be made the global allocator.
pub(crate) struct Counting;

/// What one thread holds, the most it held, and all that it was ever given, in bytes.
#[derive(Clone, Copy)]
struct Counts {
    held: isize,
    most: isize,
    given: usize,
}

thread_local! {
    static HERE: Cell<Counts> = const { Cell::new(Counts { held: 0, most: 0, given: 0 }) };
}

static HELD: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);
static TIMES: AtomicUsize = AtomicUsize::new(0);

fn give(bytes: usize) {
    TIMES.fetch_add(1, Ordering::Relaxed);
    let held = HELD.fetch_add(bytes as isize, Ordering::Relaxed) + bytes as isize;
    MOST.fetch_max(held, Ordering::Relaxed);
    count_here(|counts| {
        counts.held += bytes as isize;
        counts.most = counts.most.max(counts.held);
        counts.given += bytes;
    });
}

fn take_back(bytes: usize) {
    HELD.fetch_sub(bytes as isize, Ordering::Relaxed);
    count_here(|counts| counts.held -= bytes as isize);
}

fn count_here(count: impl FnOnce(&mut Counts)) {
    // A thread that ends gives memory back when its locals are gone.
    let _ = HERE.try_with(|here| {
        let mut counts = here.get();
        count(&mut counts);
        here.set(counts);
    });
}

// SAFETY: passes everything on to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        give(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        give(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while one is copied into the other.
        give(size);
        take_back(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        take_back(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes that `work` held at once on this thread, beyond what was held before.
pub(crate) fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    count_here(|counts| counts.most = counts.held);
    let before = HERE.get().held;
    let value = work();
    (value, (HERE.get().most - before) as usize)
}

/// All bytes that `work` was given on this thread, whether or not it gave them back.
pub(crate) fn given<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HERE.get().given;
    let value = work();
    (value, HERE.get().given - before)
}

/// The most bytes the process held meanwhile, beyond what it held before. Whoever asks takes care that nothing else goes on.
pub(crate) async fn most_held_by_all<T>(work: impl Future<Output = T>) -> (T, isize) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let value = work.await;
    (value, MOST.load(Ordering::Relaxed) - before)
}

/// How many times the process was given memory so far.
pub(crate) fn times_given() -> usize {
    TIMES.load(Ordering::Relaxed)
}

#[test]
fn what_is_held_is_counted_and_what_was_given_back_is_not() {
    let work = || {
        drop(vec![1u8; 10_000]);
        vec![1u8; 500]
    };
    let (kept, most) = most_held(work);
    assert_eq!((kept.len(), most), (500, 10_000));
    assert_eq!(given(work).1, 10_500);
    let before = times_given();
    drop(work());
    assert!(times_given() >= before + 2);
}
