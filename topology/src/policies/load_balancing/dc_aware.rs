//! The hosts of one datacenter in turn, others only when asked for.

use std::sync::{Arc, OnceLock};

use super::{Load, LoadBalancingPolicy, RoundRobin, RoutingQuality, RoutingQuery, SlowHosts, Target, rotate};
use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{RouteHost, View};

/// The hosts of the preferred datacenter in turn, those of the preferred rack first when one was given, and then, if
/// allowed, a few hosts of each other datacenter.
///
/// The preferred datacenter defaults to that of the first host the driver reaches. A host that does not tell its
/// datacenter counts as local. A host whose turn it is lets the next one go first when it is slow beside it.
#[derive(Debug)]
pub struct DcAwareRoundRobin {
    datacenter: OnceLock<Arc<str>>,
    rack: Option<Arc<str>>,
    remote_hosts_per_datacenter: usize,
    turn: RoundRobin,
    slow: Option<SlowHosts>,
}

impl DcAwareRoundRobin {
    /// Prefers the datacenter of the first host the driver reaches.
    pub fn new() -> DcAwareRoundRobin {
        DcAwareRoundRobin {
            datacenter: OnceLock::new(),
            rack: None,
            remote_hosts_per_datacenter: 0,
            turn: RoundRobin::new(),
            slow: Some(SlowHosts::default()),
        }
    }

    /// Prefers `datacenter`.
    pub fn preferring(datacenter: impl Into<Arc<str>>) -> DcAwareRoundRobin {
        DcAwareRoundRobin { datacenter: OnceLock::from(datacenter.into()), ..DcAwareRoundRobin::new() }
    }

    /// Tries the hosts of `rack` before the others of the preferred datacenter. Defaults to no preference.
    #[must_use]
    pub fn preferred_rack(mut self, rack: impl Into<Arc<str>>) -> Self {
        self.rack = Some(rack.into());
        self
    }

    /// Tries up to `count` hosts of each other datacenter when the preferred one has none left. Defaults to 0: other
    /// datacenters are ignored, since a request that crosses over may break what a local consistency promised.
    #[must_use]
    pub fn remote_hosts_per_datacenter(mut self, count: usize) -> Self {
        self.remote_hosts_per_datacenter = count;
        self
    }

    /// When a host is so slow that the next in turn goes first; `None` never looks. Defaults to [`SlowHosts::default`].
    #[must_use]
    pub fn slow_hosts(mut self, slow: impl Into<Option<SlowHosts>>) -> Self {
        self.slow = slow.into();
        self
    }

    /// The preferred datacenter; `None` when it was not given and no host was reached yet.
    pub fn preferred_datacenter(&self) -> Option<&Arc<str>> {
        self.datacenter.get()
    }
}

impl Default for DcAwareRoundRobin {
    fn default() -> Self {
        DcAwareRoundRobin::new()
    }
}

impl LoadBalancingPolicy for DcAwareRoundRobin {
    fn distance(&self, host: &Host) -> Distance {
        let is_local = |datacenter: &Arc<str>| host.datacenter.is_empty() || host.datacenter == *datacenter;
        if !self.datacenter.get().is_none_or(is_local) {
            return if self.remote_hosts_per_datacenter > 0 { Distance::Remote } else { Distance::Ignored };
        }
        match &self.rack {
            Some(rack) if host.rack.is_empty() || host.rack == *rack => Distance::LocalRack,
            _ => Distance::Local,
        }
    }

    /// Of each remote datacenter the first few hosts are enough; those known to be down are passed over while others are
    /// left.
    fn assign(&self, hosts: &mut [RouteHost]) {
        for entry in hosts.iter_mut() {
            entry.distance = self.distance(&entry.host);
        }
        let mut remote: Vec<_> = (hosts.iter())
            .filter(|entry| entry.member && entry.distance == Distance::Remote)
            .map(|entry| (entry.dc, !entry.up, entry.host.index))
            .collect();
        remote.sort_unstable();
        for datacenter in remote.chunk_by(|left, right| left.0 == right.0) {
            for (_, _, surplus) in datacenter.iter().skip(self.remote_hosts_per_datacenter) {
                hosts[surplus.as_usize()].distance = Distance::Ignored;
            }
        }
    }

    fn contacted(&self, contact: &Host) {
        if !contact.datacenter.is_empty() {
            self.datacenter.get_or_init(|| contact.datacenter.clone());
        }
    }

    fn wants_token(&self, _: View<'_>, _: TableId) -> bool {
        false
    }

    fn next(
        &self,
        _: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        let start = self.turn.start(tried, rng);
        let at = |distance| {
            let hosts = view.hosts_at(distance);
            let host = rotate(hosts, start, load, tried)?;
            Some(self.faster(host, hosts, load, tried))
        };
        let near = at(Distance::LocalRack).or_else(|| at(Distance::Local));
        let (host, quality) = match near {
            Some(host) => (host, RoutingQuality::Unrouted),
            None => (at(Distance::Remote)?, RoutingQuality::RemoteDatacenter),
        };
        Some(Target { host, shard: None, quality })
    }
}

impl DcAwareRoundRobin {
    /// `turn`, or the usable host after it when `turn` is slow beside that one. One look aside is enough: a slow host among
    /// several is passed over, and where most are slow there is nothing to gain.
    fn faster(
        &self,
        turn: HostIndex,
        hosts: &[HostIndex],
        load: &dyn Load,
        tried: &[HostIndex],
    ) -> HostIndex {
        let (Some(slow), Some(own)) = (self.slow, load.latency_us(turn)) else { return turn };
        let Some(place) = hosts.iter().position(|host| *host == turn) else { return turn };
        let after = rotate(hosts, place + 1, load, tried).filter(|after| *after != turn);
        let beside = after.and_then(|after| Some((after, load.latency_us(after)?)));
        match beside {
            Some((after, fast)) if own > slow.limit_us(fast) => after,
            _ => turn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::routing::Route;

    fn two_datacenters() -> Vec<Host> {
        vec![
            member(0, "east", "r1", &[]),
            member(1, "west", "r1", &[]),
            member(2, "east", "r2", &[]),
            member(3, "west", "r2", &[]),
            member(4, "west", "r1", &[]),
        ]
    }

    fn distances(route: &Route) -> Vec<Distance> {
        route.hosts().iter().map(|entry| entry.distance).collect()
    }

    use Distance::{Ignored, Local, LocalRack, Remote};

    #[test]
    fn other_datacenters_are_ignored_by_default() {
        let policy = DcAwareRoundRobin::preferring("east");
        let route = builder(two_datacenters()).0.finish(&policy);
        assert_eq!(distances(&route), [Local, Ignored, Local, Ignored, Ignored]);
        let mut covered = numbers(&plan(
            &policy,
            &RoutingQuery::default(),
            &route,
            &FakeLoad::default(),
            &mut Rng::seeded(4),
        ));
        covered.sort_unstable();
        assert_eq!(covered, [0, 2]);
    }

    #[test]
    fn the_first_contact_decides_when_no_datacenter_was_given() {
        let policy = DcAwareRoundRobin::new();
        let (builder, members) = builder(two_datacenters());
        policy.contacted(&members[3]);
        policy.contacted(&members[0]);
        assert_eq!(policy.preferred_datacenter().map(|name| &**name), Some("west"));
        assert_eq!(distances(&builder.finish(&policy)), [Ignored, Local, Ignored, Local, Local]);
    }

    #[test]
    fn a_given_datacenter_is_not_changed_by_the_first_contact() {
        let policy = DcAwareRoundRobin::preferring("east");
        policy.contacted(&member(1, "west", "r1", &[]));
        assert_eq!(policy.preferred_datacenter().map(|name| &**name), Some("east"));
    }

    #[test]
    fn hosts_that_do_not_tell_their_datacenter_are_local() {
        let policy = DcAwareRoundRobin::preferring("east").preferred_rack("r1");
        assert_eq!(policy.distance(&member(0, "", "", &[])), LocalRack);
        assert_eq!(policy.distance(&member(0, "", "r2", &[])), Local);
    }

    #[test]
    fn local_hosts_come_before_a_few_of_each_remote_datacenter() {
        let policy = DcAwareRoundRobin::preferring("east").remote_hosts_per_datacenter(2);
        let route = builder(two_datacenters()).0.finish(&policy);
        assert_eq!(distances(&route), [Local, Remote, Local, Remote, Ignored]);
        let targets =
            plan(&policy, &RoutingQuery::default(), &route, &FakeLoad::default(), &mut Rng::seeded(4));
        let mut near = numbers(&targets[..2]);
        let mut far = numbers(&targets[2..]);
        near.sort_unstable();
        far.sort_unstable();
        assert_eq!((near, far), (vec![0, 2], vec![1, 3]));
        assert!(targets[2..].iter().all(|target| target.quality == RoutingQuality::RemoteDatacenter));
    }

    #[test]
    fn a_remote_host_that_is_down_gives_its_place_to_one_that_is_up() {
        let policy = DcAwareRoundRobin::preferring("east").remote_hosts_per_datacenter(2);
        let (mut builder, _) = builder(two_datacenters());
        builder.up(HostIndex(1), false);
        assert_eq!(distances(&builder.finish(&policy)), [Local, Ignored, Local, Remote, Remote]);
    }

    #[test]
    fn a_slow_host_lets_the_next_in_turn_go_first_and_is_still_in_the_plan() {
        let members = (0..4).map(|number| member(number, "east", "r", &[])).collect();
        let policy = DcAwareRoundRobin::preferring("east");
        let route = builder(members).0.finish(&policy);
        let load = FakeLoad { millis: vec![1, 1, 50, 1], ..FakeLoad::default() };
        let mut rng = Rng::seeded(2);
        let mut firsts = [0; 4];
        for _ in 0..400 {
            let mut covered = numbers(&plan(&policy, &RoutingQuery::default(), &route, &load, &mut rng));
            firsts[covered[0] as usize] += 1;
            covered.sort_unstable();
            assert_eq!(covered, [0, 1, 2, 3]);
        }
        assert_eq!(firsts, [100, 100, 0, 200], "host 3 takes the turns of host 2");
        let indifferent = DcAwareRoundRobin::preferring("east").slow_hosts(None);
        let firsts: Vec<u32> = (0..4)
            .map(|_| plan(&indifferent, &RoutingQuery::default(), &route, &load, &mut rng)[0].host.0)
            .collect();
        assert!(firsts.contains(&2), "{firsts:?}");
    }

    #[test]
    fn the_preferred_rack_comes_first() {
        let policy = DcAwareRoundRobin::preferring("west").preferred_rack("r1");
        let route = builder(two_datacenters()).0.finish(&policy);
        assert_eq!(distances(&route), [Ignored, LocalRack, Ignored, Local, LocalRack]);
        let mut rng = Rng::seeded(9);
        for _ in 0..6 {
            let covered =
                numbers(&plan(&policy, &RoutingQuery::default(), &route, &FakeLoad::default(), &mut rng));
            assert_eq!(covered.len(), 3);
            assert_eq!(covered[2], 3, "{covered:?}");
        }
    }
}
