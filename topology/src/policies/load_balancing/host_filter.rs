//! Some hosts of a cluster, as another policy orders them.

use std::fmt;
use std::sync::Arc;

use super::{Load, LoadBalancingPolicy, RoutingQuery, Target, TokenAware};
use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{RouteHost, View};

/// What its child policy says, about those hosts alone that a predicate admits. The others are ignored: they get no
/// connections and are in no plan, as if the cluster did not have them.
///
/// The predicate is asked whenever the cluster changes, off the request path, and must answer the same for the same host.
/// Filtering a rotating policy skews nothing here, because the child rotates over what is left.
#[derive(Clone)]
pub struct HostFilter<C = TokenAware> {
    child: C,
    admits: Arc<dyn Fn(&Host) -> bool + Send + Sync>,
}

impl<C: LoadBalancingPolicy> HostFilter<C> {
    /// The hosts for which `admits` is true, as `child` orders them.
    pub fn new(child: C, admits: impl Fn(&Host) -> bool + Send + Sync + 'static) -> HostFilter<C> {
        HostFilter { child, admits: Arc::new(admits) }
    }

    /// The child policy.
    pub fn child(&self) -> &C {
        &self.child
    }
}

impl<C: LoadBalancingPolicy> LoadBalancingPolicy for HostFilter<C> {
    fn distance(&self, host: &Host) -> Distance {
        if (self.admits)(host) { self.child.distance(host) } else { Distance::Ignored }
    }

    /// Those left out are no members to the child, so that they take nobody's place among the few remote hosts.
    fn assign(&self, hosts: &mut [RouteHost]) {
        let mut left_out = Vec::new();
        for (place, entry) in hosts.iter_mut().enumerate() {
            if entry.member && !(self.admits)(&entry.host) {
                entry.member = false;
                left_out.push(place);
            }
        }
        self.child.assign(hosts);
        for place in left_out {
            hosts[place].member = true;
            hosts[place].distance = Distance::Ignored;
        }
    }

    fn contacted(&self, contact: &Host) {
        self.child.contacted(contact);
    }

    fn wants_token(&self, view: View<'_>, table: TableId) -> bool {
        self.child.wants_token(view, table)
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        // The view is this policy's: those left out are ignored in it.
        self.child.next(query, view, load, tried, rng)
    }
}

impl<C: fmt::Debug> fmt::Debug for HostFilter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFilter").field("child", &self.child).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{DcAwareRoundRobin, RoundRobin};
    use super::*;
    use Distance::{Ignored, Local, Remote};

    fn distances(policy: &dyn LoadBalancingPolicy, members: Vec<Host>) -> Vec<Distance> {
        builder(members).0.finish(policy).hosts().iter().map(|entry| entry.distance).collect()
    }

    #[test]
    fn hosts_that_are_left_out_are_ignored_and_in_no_plan() {
        let policy = HostFilter::new(RoundRobin::starting_at(0), |host| host.index.0 != 1);
        let members = (0..4).map(|number| member(number, "dc", "r", &[])).collect();
        let route = builder(members).0.finish(&policy);
        let mut rng = Rng::seeded(1);
        for first in [0, 2, 3, 0] {
            let mut covered =
                numbers(&plan(&policy, &RoutingQuery::default(), &route, &FakeLoad::default(), &mut rng));
            assert_eq!(covered[0], first, "the child rotates over what is left");
            covered.sort_unstable();
            assert_eq!(covered, [0, 2, 3]);
        }
    }

    #[test]
    fn a_replica_that_is_left_out_is_not_chosen() {
        let child = TokenAware::new(RoundRobin::starting_at(0));
        let policy = HostFilter::new(child, |host| host.index.0 != 2);
        let route = one_datacenter_of(4, 2, &policy);
        let mut rng = Rng::seeded(1);
        for _ in 0..20 {
            let targets = plan(&policy, &routed(&route, 5), &route, &FakeLoad::default(), &mut rng);
            assert_eq!(targets[0].host, HostIndex(1), "the other replica");
            assert!(!numbers(&targets).contains(&2));
        }
    }

    #[test]
    fn one_left_out_does_not_take_a_remote_place() {
        let child = DcAwareRoundRobin::preferring("east").remote_hosts_per_datacenter(1);
        let policy = HostFilter::new(child, |host| host.index.0 != 1);
        let members =
            vec![member(0, "east", "r", &[]), member(1, "west", "r", &[]), member(2, "west", "r", &[])];
        assert_eq!(distances(&policy, members), [Local, Ignored, Remote]);
    }

    #[test]
    fn the_child_is_told_of_the_contact_even_when_that_is_left_out() {
        let policy = HostFilter::new(DcAwareRoundRobin::new(), |host| &*host.rack == "r1");
        policy.contacted(&member(0, "west", "r2", &[]));
        assert_eq!(policy.child().preferred_datacenter().map(|name| &**name), Some("west"));
        assert_eq!(policy.distance(&member(1, "west", "r1", &[])), Local);
        assert_eq!(policy.distance(&member(2, "west", "r2", &[])), Ignored);
    }
}
