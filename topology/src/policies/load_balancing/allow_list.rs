//! A given list of hosts and no others.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use uuid::Uuid;

use super::{HostFilter, Load, LoadBalancingPolicy, RoundRobin, RoutingQuery, Target};
use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{RouteHost, View};

/// A host on an [`AllowList`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AllowedHost {
    /// Any port of this address.
    Ip(IpAddr),
    /// This address and port.
    Address(SocketAddr),
    /// The member with this id, wherever it is.
    Id(Uuid),
}

impl AllowedHost {
    fn is(&self, host: &Host) -> bool {
        match self {
            AllowedHost::Ip(address) => host.address.ip() == *address,
            AllowedHost::Address(address) => host.address == *address,
            AllowedHost::Id(id) => host.id == *id,
        }
    }
}

impl From<IpAddr> for AllowedHost {
    fn from(address: IpAddr) -> Self {
        AllowedHost::Ip(address)
    }
}

impl From<SocketAddr> for AllowedHost {
    fn from(address: SocketAddr) -> Self {
        AllowedHost::Address(address)
    }
}

impl From<Uuid> for AllowedHost {
    fn from(id: Uuid) -> Self {
        AllowedHost::Id(id)
    }
}

/// The listed hosts and no others, in turn or as another policy orders them. Hosts that are not listed are ignored, also
/// when they are the only ones up.
///
/// For one-off purposes: reaching only what a firewall lets through, or asking certain hosts on purpose. Everyday
/// applications are better served by preferring a datacenter. Addresses are compared as the driver connects to them, after
/// translation.
#[derive(Clone)]
pub struct AllowList<C = RoundRobin> {
    allowed: Arc<[AllowedHost]>,
    filter: HostFilter<C>,
}

impl AllowList {
    /// These hosts in turn.
    pub fn new<H: Into<AllowedHost>>(hosts: impl IntoIterator<Item = H>) -> AllowList {
        AllowList::over(RoundRobin::new(), hosts)
    }
}

impl<C: LoadBalancingPolicy> AllowList<C> {
    /// These hosts as `child` orders them.
    pub fn over<H: Into<AllowedHost>>(child: C, hosts: impl IntoIterator<Item = H>) -> AllowList<C> {
        let allowed: Arc<[AllowedHost]> = hosts.into_iter().map(Into::into).collect();
        let known = Arc::clone(&allowed);
        let filter = HostFilter::new(child, move |host| known.iter().any(|allowed| allowed.is(host)));
        AllowList { allowed, filter }
    }

    /// The list.
    pub fn allowed(&self) -> &[AllowedHost] {
        &self.allowed
    }
}

impl<C: LoadBalancingPolicy> LoadBalancingPolicy for AllowList<C> {
    fn distance(&self, host: &Host) -> Distance {
        self.filter.distance(host)
    }

    fn assign(&self, hosts: &mut [RouteHost]) {
        self.filter.assign(hosts);
    }

    fn contacted(&self, contact: &Host) {
        self.filter.contacted(contact);
    }

    fn wants_token(&self, view: View<'_>, table: TableId) -> bool {
        self.filter.wants_token(view, table)
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        self.filter.next(query, view, load, tried, rng)
    }
}

impl<C: fmt::Debug> fmt::Debug for AllowList<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowList").field("allowed", &self.allowed).field("filter", &self.filter).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::DcAwareRoundRobin;
    use super::super::testing::*;
    use super::*;
    use crate::routing::Route;

    fn members() -> Vec<Host> {
        (0..4).map(|number| member(number, if number < 2 { "east" } else { "west" }, "r", &[])).collect()
    }

    fn covered(policy: &dyn LoadBalancingPolicy, route: &Route) -> Vec<u32> {
        let mut covered = numbers(&plan(
            policy,
            &RoutingQuery::default(),
            route,
            &FakeLoad::default(),
            &mut Rng::seeded(1),
        ));
        covered.sort_unstable();
        covered
    }

    #[test]
    fn listed_hosts_take_turns_whatever_their_datacenter_and_others_are_ignored() {
        let known = members();
        let policy = AllowList::new([known[0].address, known[3].address]);
        let route = builder(known).0.finish(&policy);
        assert_eq!(covered(&policy, &route), [0, 3]);
        let distances: Vec<Distance> = route.hosts().iter().map(|entry| entry.distance).collect();
        use Distance::{Ignored, Local};
        assert_eq!(distances, [Local, Ignored, Ignored, Local]);
    }

    #[test]
    fn a_host_is_listed_by_address_by_any_port_of_its_address_or_by_id() {
        let host = member(7, "dc", "r", &[]);
        let elsewhere = SocketAddr::new(host.address.ip(), 1234);
        for (allowed, expected) in [
            (AllowedHost::from(host.address), true),
            (AllowedHost::from(host.address.ip()), true),
            (AllowedHost::from(host.id), true),
            (AllowedHost::from(elsewhere), false),
            (AllowedHost::from(Uuid::nil()), false),
        ] {
            let distance = AllowList::new([allowed]).distance(&host);
            assert_eq!(distance != Distance::Ignored, expected, "{allowed:?}");
        }
    }

    #[test]
    fn another_policy_may_order_the_listed_hosts() {
        let known = members();
        let listed = [known[1].id, known[2].id];
        let policy = AllowList::over(DcAwareRoundRobin::preferring("east"), listed);
        let route = builder(known).0.finish(&policy);
        assert_eq!(covered(&policy, &route), [1], "host 2 is listed and in another datacenter");
    }

    #[test]
    fn an_empty_list_ignores_everybody() {
        let policy = AllowList::new(Vec::<SocketAddr>::new());
        let route = builder(members()).0.finish(&policy);
        assert!(covered(&policy, &route).is_empty());
    }
}
