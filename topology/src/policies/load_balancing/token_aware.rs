//! Replicas first, the less busy of two.

use std::cmp::Ordering;

use super::{DcAwareRoundRobin, Load, LoadBalancingPolicy, RoutingQuality, RoutingQuery, Target};
use crate::host::{Distance, Host, HostIndex};
use crate::rng::Rng;
use crate::routing::{Replica, Route, RouteHost};

/// Sends a request to a replica of its token, the nearest first; when none is left, or the token is not known, goes on as
/// its child policy would.
///
/// Among equally near replicas two are drawn at random and the one with fewer requests in flight wins: this avoids the
/// slow replica almost as well as comparing all would, and, unlike always taking the least busy, does not send every
/// client to the same one. Lightweight transactions, and requests at a serial consistency, keep ring order instead, so
/// that contenders meet at one replica.
#[derive(Debug)]
pub struct TokenAware<C = DcAwareRoundRobin> {
    child: C,
    shuffle: bool,
}

impl<C: LoadBalancingPolicy> TokenAware<C> {
    /// Replicas first, then as `child` says. Distances are the child's.
    pub fn new(child: C) -> TokenAware<C> {
        TokenAware { child, shuffle: true }
    }

    /// Whether to choose among equally near replicas. Defaults to true; false takes the first in ring order, which makes
    /// better use of the servers' caches and worse use of the servers.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The child policy.
    pub fn child(&self) -> &C {
        &self.child
    }
}

/// Token-aware over datacenter-aware round robin: the default of a session.
impl Default for TokenAware {
    fn default() -> Self {
        TokenAware::new(DcAwareRoundRobin::new())
    }
}

impl<C: LoadBalancingPolicy> LoadBalancingPolicy for TokenAware<C> {
    fn distance(&self, host: &Host) -> Distance {
        self.child.distance(host)
    }

    fn assign(&self, hosts: &mut [RouteHost]) {
        self.child.assign(hosts);
    }

    fn contacted(&self, contact: &Host) {
        self.child.contacted(contact);
    }

    fn next(
        &self,
        query: &RoutingQuery,
        route: &Route,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        let mut replicas_known = false;
        if let (Some(table), Some(token)) = (query.table, query.token) {
            let replicas = route.replicas(table, token);
            replicas_known = !replicas.is_empty();
            let mut draw = Draw::new(self.shuffle && !query.is_lwt && !query.consistency.is_serial());
            for place in 0..replicas.len() {
                let Some(host) = replicas.host(place) else { continue };
                let Some(entry) = route.host(host) else { continue };
                if draw.wants(entry.distance) && !tried.contains(&host) && load.usable(host) {
                    draw.put(Drawn { place, host }, entry.distance, rng);
                }
            }
            // Only the winner's shard is worth computing.
            if let Some(replica) = draw.winner(load, rng).and_then(|winner| replicas.get(winner.place)) {
                return Some(draw.target(replica));
            }
        }
        let mut target = self.child.next(query, route, load, tried, rng)?;
        if replicas_known && target.quality == RoutingQuality::Unrouted {
            target.quality = RoutingQuality::NonReplica;
        }
        Some(target)
    }
}

/// Two replicas drawn at random from the nearest ones, in one pass and without knowing how many there will be.
struct Draw {
    /// False: the first of the nearest is taken.
    shuffle: bool,
    distance: Distance,
    /// How many of that distance came by.
    seen: u32,
    drawn: [Option<Drawn>; 2],
}

#[derive(Clone, Copy)]
struct Drawn {
    /// Its place among the replicas.
    place: usize,
    host: HostIndex,
}

impl Draw {
    fn new(shuffle: bool) -> Draw {
        Draw { shuffle, distance: Distance::Ignored, seen: 0, drawn: [None; 2] }
    }

    /// Whether a host at this distance may still be drawn.
    #[inline]
    fn wants(&self, distance: Distance) -> bool {
        distance < self.distance || (distance == self.distance && self.seen > 0 && self.shuffle)
    }

    #[inline]
    fn put(&mut self, candidate: Drawn, distance: Distance, rng: &mut Rng) {
        if distance < self.distance {
            self.distance = distance;
            self.drawn = [Some(candidate), None];
            self.seen = 1;
            return;
        }
        self.seen += 1;
        // Each of the n so far is among the two drawn with probability 2/n.
        let slot = if self.seen == 2 { 1 } else { rng.below(self.seen) };
        if let Some(slot) = self.drawn.get_mut(slot as usize) {
            *slot = Some(candidate);
        }
    }

    #[inline]
    fn winner(&self, load: &dyn Load, rng: &mut Rng) -> Option<Drawn> {
        let [first, second] = self.drawn;
        let (first, Some(second)) = (first?, second) else { return first };
        match load.in_flight(first.host).cmp(&load.in_flight(second.host)) {
            Ordering::Less => Some(first),
            Ordering::Greater => Some(second),
            Ordering::Equal if rng.coin() => Some(first),
            Ordering::Equal => Some(second),
        }
    }

    #[inline]
    fn target(&self, replica: Replica) -> Target {
        let quality = match (self.distance, replica.shard) {
            (Distance::Remote, _) => RoutingQuality::RemoteDatacenter,
            (_, Some(_)) => RoutingQuality::ReplicaShard,
            (_, None) => RoutingQuality::Replica,
        };
        Target { host: replica.host, shard: replica.shard, quality }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::host::{Sharding, TableId};
    use crate::routing::{KeyspaceRouting, ReplicationFactor, ReplicationStrategy, RouteBuilder};
    use chorus_protocol::Consistency;
    use chorus_protocol::token::Token;
    use std::collections::BTreeMap;

    fn keyspace(factors: &[(&str, u32)]) -> KeyspaceRouting {
        let factors = factors.iter().map(|(name, all)| ((*name).to_owned(), ReplicationFactor::new(*all)));
        KeyspaceRouting {
            name: "ks".into(),
            replication: ReplicationStrategy::NetworkTopology(factors.collect::<BTreeMap<_, _>>()),
            tables: vec!["t".into()],
        }
    }

    /// Token 5 belongs to hosts 1, 2, 3 of east (in ring order, racks r1 r2 r1) and 4 of west.
    fn cluster() -> RouteBuilder {
        let (mut builder, _) = builder(vec![
            member(0, "east", "r1", &[0]),
            member(1, "east", "r1", &[10]),
            member(2, "east", "r2", &[20]),
            member(3, "east", "r3", &[30]),
            member(4, "west", "r1", &[40]),
            member(5, "west", "r2", &[50]),
        ]);
        builder.keyspaces([&keyspace(&[("east", 3), ("west", 1)])]);
        builder
    }

    fn query(route: &Route) -> RoutingQuery {
        let table = route.table_id("ks", "t");
        assert!(table.is_some());
        RoutingQuery { table, token: Some(Token(5)), ..RoutingQuery::default() }
    }

    fn sorted(mut hosts: Vec<u32>) -> Vec<u32> {
        hosts.sort_unstable();
        hosts
    }

    #[test]
    fn replicas_come_first_then_the_rest_of_the_datacenter() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let targets = plan(&policy, &query(&route), &route, &FakeLoad::default(), &mut Rng::seeded(1));
        assert_eq!(sorted(numbers(&targets[..3])), [1, 2, 3]);
        assert_eq!(numbers(&targets[3..]), [0]);
        let qualities: Vec<_> = targets.iter().map(|target| target.quality).collect();
        use RoutingQuality::{NonReplica, Replica};
        assert_eq!(qualities, [Replica, Replica, Replica, NonReplica]);
    }

    #[test]
    fn nearer_replicas_come_before_farther_ones_and_those_before_other_hosts() {
        let child = DcAwareRoundRobin::preferring("east").preferred_rack("r2").remote_hosts_per_datacenter(1);
        let policy = TokenAware::new(child);
        let route = cluster().finish(&policy);
        let targets = plan(&policy, &query(&route), &route, &FakeLoad::default(), &mut Rng::seeded(1));
        let hosts = numbers(&targets);
        assert_eq!(hosts[0], 2, "the replica in the preferred rack");
        assert_eq!(sorted(hosts[1..3].to_vec()), [1, 3], "the other local replicas");
        assert_eq!(hosts[3..], [4, 0], "the remote replica, then the local host that is none");
        assert_eq!(targets[3].quality, RoutingQuality::RemoteDatacenter);
    }

    #[test]
    fn without_token_or_table_the_child_decides() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let whole = query(&route);
        for query in [
            RoutingQuery { token: None, ..whole },
            RoutingQuery { table: None, ..whole },
            RoutingQuery { table: Some(TableId(77)), ..whole },
        ] {
            let targets = plan(&policy, &query, &route, &FakeLoad::default(), &mut Rng::seeded(1));
            assert_eq!(sorted(numbers(&targets)), [0, 1, 2, 3]);
            assert!(targets.iter().all(|target| target.quality == RoutingQuality::Unrouted));
        }
    }

    #[test]
    fn lightweight_transactions_and_serial_reads_keep_ring_order() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load = FakeLoad { in_flight: vec![0, 900, 0, 0], ..FakeLoad::default() };
        let mut rng = Rng::seeded(2);
        for serial in [
            RoutingQuery { is_lwt: true, ..query(&route) },
            RoutingQuery { consistency: Consistency::Serial, ..query(&route) },
            RoutingQuery { consistency: Consistency::LocalSerial, ..query(&route) },
        ] {
            for _ in 0..20 {
                assert_eq!(numbers(&plan(&policy, &serial, &route, &load, &mut rng)), [1, 2, 3, 0]);
            }
        }
    }

    #[test]
    fn without_shuffling_the_primary_comes_first() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east")).shuffle(false);
        let route = cluster().finish(&policy);
        let mut rng = Rng::seeded(2);
        for _ in 0..20 {
            let load = FakeLoad::default();
            assert_eq!(numbers(&plan(&policy, &query(&route), &route, &load, &mut rng)), [1, 2, 3, 0]);
        }
    }

    /// How often each host is the first of a plan.
    fn firsts(route: &Route, policy: &TokenAware, load: &FakeLoad) -> [u32; 6] {
        let mut rng = Rng::seeded(3);
        let mut counts = [0; 6];
        for _ in 0..30_000 {
            let target = policy.next(&query(route), route, load, &[], &mut rng).unwrap();
            counts[target.host.as_usize()] += 1;
        }
        counts
    }

    #[test]
    fn equally_busy_replicas_share_the_requests_evenly() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let counts = firsts(&route, &policy, &FakeLoad::default());
        assert!(counts[1..4].iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!((counts[0], counts[4], counts[5]), (0, 0, 0));
    }

    #[test]
    fn the_busiest_of_three_replicas_is_never_chosen_and_the_idle_one_most() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load = FakeLoad { in_flight: vec![0, 7, 3, 50], ..FakeLoad::default() };
        let counts = firsts(&route, &policy, &load);
        // Pairs are (1,2), (1,3), (2,3): host 2 wins two of them, host 1 one.
        assert_eq!(counts[3], 0);
        assert!((19_500..20_500).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn an_unusable_replica_is_passed_over_and_its_share_is_spread() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load = FakeLoad { unusable: [2].into(), ..FakeLoad::default() };
        let counts = firsts(&route, &policy, &load);
        assert_eq!(counts[2], 0);
        assert!((14_500..15_500).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn a_target_names_the_shard_that_owns_the_token() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let mut builder = cluster();
        let sharding = Sharding { nr_shards: 8, ignore_msb: 12 };
        for host in 0..4 {
            builder.sharding(HostIndex(host), Some(sharding));
        }
        let route = builder.finish(&policy);
        let target =
            policy.next(&query(&route), &route, &FakeLoad::default(), &[], &mut Rng::seeded(1)).unwrap();
        assert_eq!(target.shard, Some(sharding.shard_of(Token(5))));
        assert_eq!(target.quality, RoutingQuality::ReplicaShard);
    }

    #[test]
    fn a_known_tablet_outranks_the_ring() {
        use crate::routing::TabletHint;
        use uuid::Uuid;

        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let before = cluster().finish(&policy);
        let mut builder = RouteBuilder::from_route(&before);
        let table = before.table_id("ks", "t").unwrap();
        let hint = TabletHint { first: Token(0), last: Token(8), replicas: vec![(Uuid::from_u128(1), 6)] };
        builder.learn(table, &hint).unwrap();
        let route = builder.finish(&policy);
        let targets = plan(&policy, &query(&route), &route, &FakeLoad::default(), &mut Rng::seeded(1));
        assert_eq!((targets[0].host, targets[0].shard), (HostIndex(0), Some(6)));
        assert_eq!(sorted(numbers(&targets[1..])), [1, 2, 3]);
        let beyond = RoutingQuery { token: Some(Token(9)), ..query(&route) };
        let target = policy.next(&beyond, &route, &FakeLoad::default(), &[], &mut Rng::seeded(1)).unwrap();
        assert_ne!(target.host, HostIndex(0), "token 9 is past the tablet, so the ring decides");
    }
}
