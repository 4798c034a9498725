//! The address a cluster tells is not always one that can be reached from here.
//!
//! Addresses that hosts tell of themselves and of each other are translated before anything is done with them: when the
//! members are read, and when an event names one. Contact points are taken as they are given.

mod ec2;
mod fixed;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

pub use ec2::{Ec2MultiRegion, NameService};
pub use fixed::FixedAddresses;

/// Maps an address that the cluster told about one of its hosts to the one reachable from here.
pub trait AddressTranslator: Send + Sync + Debug {
    /// The address to connect to instead of `address`.
    ///
    /// It must give distinct hosts distinct addresses. Asked on a reactor, where it must not block, unless
    /// [`may_block`](Self::may_block) says otherwise.
    fn translate(&self, address: SocketAddr) -> SocketAddr;

    /// Whether translating may take a while, as looking up a name does. It is then done on a thread where that harms nobody,
    /// once for each read of the members. Defaults to false.
    fn may_block(&self) -> bool {
        false
    }
}

/// A translator shared with others is a translator.
impl<T: AddressTranslator + ?Sized> AddressTranslator for Arc<T> {
    fn translate(&self, address: SocketAddr) -> SocketAddr {
        (**self).translate(address)
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}
