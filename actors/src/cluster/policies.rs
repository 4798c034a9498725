//! What policies of the session want, beyond its own.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{Context, Handler};
use chorus_topology::{HostIndex, Route};
use tokio::sync::oneshot;

use super::ClusterActor;
use super::messages::AdmitPolicies;

/// Whoever waits until hosts were tried that a policy wanted.
pub(super) struct Awaiting {
    hosts: HashSet<HostIndex>,
    tried: oneshot::Sender<()>,
}

impl ClusterActor {
    /// The route as every policy of the session sees it.
    pub(super) fn with_all_views(&self, route: Arc<Route>) -> Arc<Route> {
        let others = self.published.views.others();
        if others.is_empty() {
            return route;
        }
        if let Some(contact) = &self.contact {
            others.iter().for_each(|(_, policy)| policy.contacted(contact));
        }
        let policies =
            others.iter().map(|(id, policy)| (*id, &**policy as &dyn chorus_topology::LoadBalancingPolicy));
        Arc::new(Route::clone(&route).seen_by(policies))
    }

    /// Tells those who wait for the first attempt on a host.
    pub(super) fn tell_awaiting(&mut self, host: HostIndex) {
        self.awaiting.retain_mut(|awaiting| {
            awaiting.hosts.remove(&host);
            !awaiting.hosts.is_empty() && !awaiting.tried.is_closed()
        });
    }
}

impl Handler<AdmitPolicies> for ClusterActor {
    type Result = ();

    /// Looks at the cluster through all of them and connects to the hosts that are new to any.
    fn handle(&mut self, AdmitPolicies { tried }: AdmitPolicies, _: &mut Context<Self>) {
        if self.digesting {
            self.meanwhile.admissions.push(AdmitPolicies { tried });
            return;
        }
        if self.stopping || self.contact.is_none() {
            // Nothing is known yet: the first read of the cluster will see them.
            return;
        }
        self.change_route(|_| {});
        self.meet_hosts();
        if let Some(tried) = tried {
            let hosts: HashSet<HostIndex> = self.members.being_tried().collect();
            if !hosts.is_empty() {
                self.awaiting.push(Awaiting { hosts, tried });
            }
            // Otherwise the sender is dropped, which tells as much.
        }
    }
}
