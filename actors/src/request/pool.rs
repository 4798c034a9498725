//! Recycled requests, kept by the thread that makes them.

use std::{cell::RefCell, sync::Arc};

use super::{Request, Slot};

/// More than this many idle requests a thread are given back to the allocator.
const MOST_IDLE: usize = 4096;
/// Buffers larger than this are given back to the allocator.
const LARGEST_KEPT_BUFFER: usize = 16 * 1024;

thread_local! {
    static IDLE: RefCell<Vec<(Box<Request>, Arc<Slot>)>> = const { RefCell::new(Vec::new()) };
}

/// A request and its slot, ready for use.
#[inline(always)]
pub(super) fn take() -> (Box<Request>, Arc<Slot>) {
    IDLE.try_with(|idle| idle.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| (Box::new(Request::new()), Arc::new(Slot::new())))
}

/// Takes back a request whose answer was read, with its slot.
// In one place: the thread's pool is then looked up there and not behind one more call.
#[inline(never)]
pub(super) fn give_back(mut request: Box<Request>, slot: Arc<Slot>) {
    if request.frame.capacity() > LARGEST_KEPT_BUFFER || request.body.capacity() > LARGEST_KEPT_BUFFER {
        return;
    }
    request.reset();
    slot.reuse();
    // A thread that is ending has no pool any more: the request is then simply dropped.
    let _ = IDLE.try_with(|idle| {
        let mut idle = idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.push((request, slot));
        }
    });
}
