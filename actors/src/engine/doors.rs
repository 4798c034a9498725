//! Which of several reactors a request goes to.
//!
//! Shards are dealt out: each has its connections on one reactor. A request for a shard must go to that reactor, so where
//! there are several the caller plans its first attempt. With a single reactor nothing of this happens.

use std::{
    cell::RefCell,
    sync::{Arc, atomic::Ordering},
};

use chorus_topology::{Rng, RoutingQuery, Target, UpHosts};

use super::Engine;
use crate::{
    pool,
    reactor::Inbox,
    request::{Request, RequestKind, RequestOptions},
};

thread_local! {
    static CHANCE: RefCell<Rng> = RefCell::new(Rng::from_entropy());
}

impl Engine {
    /// The queue of the reactor that has the connection to the shard `request` is for; of any one, each in turn, when it is
    /// for none.
    pub(crate) fn inbox_for(&self, request: &mut Request) -> &Arc<Inbox> {
        let inboxes = &self.shared.inboxes;
        let reactor = match self.aim(&request.options) {
            Some(target) if target.shard.is_some() => {
                request.progress.aim = Some(target);
                pool::owner(target.host, target.shard, inboxes.len())
            }
            _ => self.shared.next_reactor.fetch_add(1, Ordering::Relaxed) % inboxes.len(),
        };
        &inboxes[reactor]
    }

    /// The first target of a request, chosen without knowing how busy hosts are.
    fn aim(&self, options: &RequestOptions) -> Option<Target> {
        if options.host.is_some() || options.preferred.is_some() || options.token.is_none() {
            return None;
        }
        let query = RoutingQuery {
            table: options.table,
            token: options.token,
            consistency: options.consistency,
            is_lwt: options.lwt,
            is_read: options.kind == RequestKind::Read,
            preferred: None,
        };
        let policies = options.policies.as_ref().unwrap_or(&self.shared.policies);
        let route = self.peek_route();
        let view = route.view(policies.view);
        let load = UpHosts(&route);
        CHANCE.with_borrow_mut(|rng| policies.load_balancing.next(&query, view, &load, &[], rng))
    }
}
