//! What benches reach of the engine's insides: connections whose other end is in this process. Exists with the feature
//! `bench` only, is not part of the interface, and changes nothing for an engine whose thread did not ask for it.

use std::{cell::RefCell, net::SocketAddr};

use tokio::io::DuplexStream;

type Open = Box<dyn FnMut(SocketAddr) -> DuplexStream>;

thread_local! {
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
}

/// From now on, whatever is dialled on this thread is what `open` makes of the address, and no socket.
pub fn dial_with(open: impl FnMut(SocketAddr) -> DuplexStream + 'static) {
    OPEN.set(Some(Box::new(open)));
}

pub(crate) fn dial(address: SocketAddr) -> Option<DuplexStream> {
    OPEN.with_borrow_mut(|open| open.as_mut().map(|open| open(address)))
}
