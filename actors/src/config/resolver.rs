//! From the name of a contact point to its addresses.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Finds the addresses behind a name. Asked when the session is opened, and again whenever no known host can be reached: a
/// cluster may have moved behind its name.
pub trait Resolver: Send + Sync + Debug {
    /// All addresses of `name`, with `port`, in the order in which they are to be tried.
    ///
    /// Called on a thread of its own, so it may block; it is waited for no longer than the connect timeout.
    ///
    /// # Errors
    /// When there are none, or nobody can tell. The contact point is passed over then.
    fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (name, port).to_socket_addrs().map(Iterator::collect)
    }
}
