//! The cluster as one load balancing policy sees it.
//!
//! Policies differ in how near a host is: what is local to the session's own policy may be remote to that of an execution
//! profile. A [`Route`] therefore holds the distances of each policy, and a policy is asked with its own [`View`] of the
//! route. Connections are made to the hosts that are near enough to any of them.

use std::ops::Deref;
use std::sync::Arc;

use chorus_protocol::token::Token;

use super::hosts::RouteHost;
use super::route::{Replica, Route};
use crate::host::{Distance, HostIndex, TableId};
use crate::policies::load_balancing::LoadBalancingPolicy;
use crate::rng::Rng;

/// The number of a policy among those of a session; never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ViewId(pub u32);

impl ViewId {
    /// The session's own policy.
    pub const SESSION: ViewId = ViewId(0);
}

/// A route and what one policy sees of it. Everything a route tells can be asked of it too.
#[derive(Debug, Clone, Copy)]
pub struct View<'r> {
    route: &'r Route,
    sight: &'r Sight,
}

impl<'r> View<'r> {
    #[inline]
    pub(super) fn new(route: &'r Route, sight: &'r Sight) -> Self {
        View { route, sight }
    }

    /// The route itself.
    #[inline]
    pub fn route(&self) -> &'r Route {
        self.route
    }

    /// How near a host is; departed and unknown ones are ignored.
    #[inline]
    pub fn distance(&self, host: HostIndex) -> Distance {
        self.sight.distances.get(host.as_usize()).copied().unwrap_or(Distance::Ignored)
    }

    /// The members at one distance, in a stable order; none for [`Distance::Ignored`].
    #[inline]
    pub fn hosts_at(&self, distance: Distance) -> &'r [HostIndex] {
        match distance {
            Distance::LocalRack => &self.sight.by_distance[0],
            Distance::Local => &self.sight.by_distance[1],
            Distance::Remote => &self.sight.by_distance[2],
            Distance::Ignored => &[],
        }
    }
}

impl View<'_> {
    /// One replica of `token` for work that is divided by replica: a host that is up and not ignored, near ones before far
    /// ones, chosen by chance among equals. `None` when there is none, or the replicas are not known.
    pub fn one_replica(&self, table: TableId, token: Token, rng: &mut Rng) -> Option<Replica> {
        let replicas = self.route.replicas(table, token);
        let mut chosen: Option<(bool, Replica)> = None;
        let mut equals = 0;
        for replica in replicas {
            let distance = self.distance(replica.host);
            let up = self.route.host(replica.host).is_some_and(|entry| entry.up);
            if !up || distance == Distance::Ignored {
                continue;
            }
            let far = distance == Distance::Remote;
            let better = chosen.is_none_or(|(known, _)| known && !far);
            equals = if better { 1 } else { equals + 1 };
            let same = chosen.is_some_and(|(known, _)| known == far);
            if better || (same && rng.below(equals) == 0) {
                chosen = Some((far, replica));
            }
        }
        chosen.map(|(_, replica)| replica)
    }
}

impl Deref for View<'_> {
    type Target = Route;

    fn deref(&self) -> &Route {
        self.route
    }
}

/// What one policy sees.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) id: ViewId,
    pub(super) sight: Arc<Sight>,
}

/// The members by distance, which is what policies that rotate read, and the distance of each, which those read that know
/// their candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// By host number.
    distances: Box<[Distance]>,
    /// Hosts in the preferred rack, in the rest of the preferred datacenter, and beyond.
    by_distance: [Box<[HostIndex]>; 3],
}

impl Sight {
    pub(super) fn of(hosts: &[RouteHost]) -> Sight {
        let at = |distance| {
            hosts.iter().filter(|entry| entry.distance == distance).map(|entry| entry.host.index).collect()
        };
        Sight {
            distances: hosts.iter().map(|entry| entry.distance).collect(),
            by_distance: [at(Distance::LocalRack), at(Distance::Local), at(Distance::Remote)],
        }
    }
}

impl Route {
    /// Takes what the session's own policy sees; other policies have to look again.
    pub(super) fn look(&mut self, sight: Sight) {
        let own = &self.sights[0];
        if self.sights.len() > 1 || *own.sight != sight {
            let sight = if *own.sight == sight { Arc::clone(&own.sight) } else { Arc::new(sight) };
            self.sights = Arc::from([Seen { id: ViewId::SESSION, sight }]);
        }
    }

    /// The same route, seen by further policies too. How near a host is to the nearest of them all decides whether it gets
    /// connections.
    #[must_use]
    pub fn seen_by<'p>(
        mut self,
        policies: impl IntoIterator<Item = (ViewId, &'p dyn LoadBalancingPolicy)>,
    ) -> Route {
        let mut sights = vec![self.sights[0].clone()];
        let mut nearest = self.hosts.to_vec();
        for (host, own) in nearest.iter_mut().zip(&sights[0].sight.distances) {
            host.distance = *own;
        }
        let mut hosts = nearest.clone();
        for (id, policy) in policies {
            policy.assign(&mut hosts);
            for (host, nearest) in hosts.iter_mut().zip(&mut nearest) {
                if !host.member {
                    host.distance = Distance::Ignored;
                }
                nearest.distance = nearest.distance.min(host.distance);
            }
            sights.push(Seen { id, sight: Arc::new(Sight::of(&hosts)) });
        }
        self.sights = sights.into();
        self.hosts = nearest.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::policies::load_balancing::DcAwareRoundRobin;
    use crate::policies::load_balancing::testing::{builder, member};
    use crate::routing::RouteBuilder;
    use Distance::{Ignored, Local, LocalRack, Remote};

    fn members() -> Vec<Host> {
        vec![member(0, "east", "r1", &[]), member(1, "west", "r1", &[]), member(2, "west", "r2", &[])]
    }

    fn seen(route: &Route, view: u32) -> Vec<Distance> {
        (0..3).map(|host| route.view(ViewId(view)).distance(HostIndex(host))).collect()
    }

    #[test]
    fn a_host_gets_connections_when_any_policy_has_it_near_and_each_policy_keeps_its_own_distances() {
        let east = DcAwareRoundRobin::preferring("east");
        let west = DcAwareRoundRobin::preferring("west").preferred_rack("r2");
        let both = DcAwareRoundRobin::preferring("east").remote_hosts_per_datacenter(1);
        let alone = builder(members()).0.finish(&east);
        assert_eq!(seen(&alone, 0), [Local, Ignored, Ignored]);
        let policies: [(ViewId, &dyn LoadBalancingPolicy); 2] = [(ViewId(1), &west), (ViewId(2), &both)];
        let route = alone.clone().seen_by(policies);
        assert_eq!(seen(&route, 0), [Local, Ignored, Ignored]);
        assert_eq!(seen(&route, 1), [Ignored, Local, LocalRack]);
        assert_eq!(seen(&route, 2), [Local, Remote, Ignored]);
        let nearest: Vec<Distance> = route.hosts().iter().map(|entry| entry.distance).collect();
        assert_eq!(nearest, [Local, Local, LocalRack]);
        assert_eq!(route.view(ViewId(1)).hosts_at(LocalRack), [HostIndex(2)]);
        assert_eq!(route.view(ViewId(1)).hosts_at(Ignored), []);
    }

    #[test]
    fn a_policy_this_route_does_not_know_yet_sees_what_the_session_sees() {
        let route = builder(members()).0.finish(&DcAwareRoundRobin::preferring("east"));
        assert_eq!(seen(&route, 7), seen(&route, 0));
        assert_eq!(seen(&Route::default(), 3), [Ignored; 3], "also when nothing is known at all");
    }

    #[test]
    fn a_next_route_forgets_the_other_policies_until_they_have_looked_again() {
        let (east, west) = (DcAwareRoundRobin::preferring("east"), DcAwareRoundRobin::preferring("west"));
        let other: [(ViewId, &dyn LoadBalancingPolicy); 1] = [(ViewId(1), &west)];
        let route = builder(members()).0.finish(&east).seen_by(other);
        let mut next = RouteBuilder::from_route(&route);
        next.members(members().into_iter().take(2));
        let next = next.finish(&east);
        assert_eq!(seen(&next, 1), [Local, Ignored, Ignored]);
        assert_eq!(seen(&next.seen_by(other), 1), [Ignored, Local, Ignored], "host 2 has left");
    }
}
