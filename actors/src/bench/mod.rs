//! What benches reach of the engine's insides: connections whose other end is in this process, parts of the engine alone on a
//! reactor, and a histogram. Exists with the feature `bench` only, is not part of the interface, and changes nothing for an
//! engine whose thread did not ask for it.

mod rig;

use std::{cell::RefCell, net::SocketAddr};

use tokio::io::DuplexStream;

use crate::metrics::LatencyRecorder;

pub use rig::Rig;

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

/// Latencies as a connection counts them.
#[derive(Default)]
pub struct Histogram(LatencyRecorder);

impl Histogram {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, micros: u64) {
        self.0.record(micros);
    }
}
