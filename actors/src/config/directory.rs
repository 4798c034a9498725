//! What the connections of a session have in common: names of addresses, routes, and what was said once already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use chorus_topology::RouteTable;

use super::ContactNames;

/// One for all connections of a session: written by the control connection, read when a connection is opened.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The names of contact points behind addresses.
    pub(crate) names: ContactNames,
    routes: ArcSwap<RouteTable>,
    /// That what we say of ourselves travels in the clear.
    pub(crate) in_the_clear: Notice,
    /// That a server does not ask who we are.
    pub(crate) unasked: Notice,
}

/// Something to be said once in a session, whichever connection comes first.
#[derive(Debug, Default)]
pub(crate) struct Notice(AtomicBool);

impl Notice {
    /// Whether it was not said before.
    pub(crate) fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

impl Directory {
    /// The routes as they were read last.
    pub(crate) fn routes(&self) -> Arc<RouteTable> {
        self.routes.load_full()
    }

    /// Takes in routes that were read.
    pub(crate) fn set_routes(&self, routes: RouteTable) {
        self.routes.store(Arc::new(routes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_given_once_whichever_connection_comes_first() {
        let directory = Arc::new(Directory::default());
        let of_another_connection = Arc::clone(&directory);
        assert!(of_another_connection.in_the_clear.is_first());
        assert!(!directory.in_the_clear.is_first());
        assert!(directory.unasked.is_first(), "another one");
    }
}
