//! Replicas first, the less busy of two.

use chorus_protocol::Consistency;

use super::draw::{Draw, Drawn, Rank};
use super::{DcAwareRoundRobin, Load, LoadBalancingPolicy, RoutingQuality, RoutingQuery, SlowHosts, Target};
use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{Replica, Replicas, RouteHost, View};

/// Sends a request to a replica of its token, the nearest first; when none is left, or the token is not known, goes on as
/// its child policy would.
///
/// Among equally near replicas two are drawn at random and the one with fewer requests in flight wins: this avoids the
/// busy replica almost as well as comparing all would, and, unlike always taking the least busy, does not send every
/// client to the same one. Replicas that are [much slower](SlowHosts) than the fastest come after all others of the
/// datacenter, those of the preferred rack included.
///
/// Two kinds of requests are better served by one certain replica. Lightweight transactions, and requests at a serial
/// consistency, keep ring order, so that contenders meet at one replica. In a strongly consistent keyspace (ScyllaDB) the
/// leader of the tablet comes first wherever it is, unless one replica is all the consistency asks for.
#[derive(Debug)]
pub struct TokenAware<C = DcAwareRoundRobin> {
    child: C,
    shuffle: bool,
    slow: Option<SlowHosts>,
    prefer_leader: bool,
}

impl<C: LoadBalancingPolicy> TokenAware<C> {
    /// Replicas first, then as `child` says. Distances are the child's.
    pub fn new(child: C) -> TokenAware<C> {
        TokenAware { child, shuffle: true, slow: Some(SlowHosts::default()), prefer_leader: true }
    }

    /// Whether to choose among equally near replicas. Defaults to true; false takes the first in ring order, which makes
    /// better use of the servers' caches and worse use of the servers.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// When a replica is so slow that all others of the datacenter come before it; `None` never looks. Defaults to
    /// [`SlowHosts::default`]. Without shuffling it has no effect.
    #[must_use]
    pub fn slow_hosts(mut self, slow: impl Into<Option<SlowHosts>>) -> Self {
        self.slow = slow.into();
        self
    }

    /// Whether the leader of a tablet comes first in strongly consistent keyspaces. Defaults to true: another replica would
    /// have to forward the request.
    #[must_use]
    pub fn prefer_leader(mut self, prefer: bool) -> Self {
        self.prefer_leader = prefer;
        self
    }

    /// The child policy.
    pub fn child(&self) -> &C {
        &self.child
    }

    /// The leader, where there is one and the request is for it.
    fn leader(&self, query: &RoutingQuery, replicas: &Replicas<'_>) -> Option<Replica> {
        let any_will_do = matches!(query.consistency, Consistency::One | Consistency::LocalOne);
        (self.prefer_leader && replicas.leader_first() && !any_will_do).then(|| replicas.get(0)).flatten()
    }

    /// The longest a replica may take that is not slow beside the fastest one.
    #[inline]
    fn limit_us(&self, view: View<'_>, replicas: &Replicas<'_>, load: &dyn Load) -> u32 {
        let Some(slow) = self.slow.filter(|slow| load.may_be_slow(*slow)) else { return u32::MAX };
        let near = |host: &HostIndex| view.distance(*host) < Distance::Remote;
        let hosts = (0..replicas.len()).filter_map(|place| replicas.host(place)).filter(near);
        match hosts.filter_map(|host| load.latency_us(host)).min() {
            Some(best) => slow.limit_us(best),
            None => u32::MAX,
        }
    }

    /// Two drawn at once, when both can be used and nobody is slow: what almost every request gets.
    #[inline]
    fn two_of(&self, view: View<'_>, load: &dyn Load, rng: &mut Rng) -> Option<Target> {
        let (distance, hosts) = match view.hosts_at(Distance::LocalRack) {
            [] => (Distance::Local, view.hosts_at(Distance::Local)),
            hosts => (Distance::LocalRack, hosts),
        };
        let host = match hosts {
            [] => return None,
            // There is nobody to be slow beside.
            [only] if distance == Distance::Local => Some(*only).filter(|host| load.usable(*host))?,
            hosts => {
                let mut draw = || hosts[rng.below(hosts.len() as u32) as usize];
                let (first, second) = (draw(), draw());
                let slow = self.slow.is_some_and(|slow| load.may_be_slow(slow));
                if slow || !load.usable(first) || !load.usable(second) {
                    return None;
                }
                if load.in_flight(second) < load.in_flight(first) { second } else { first }
            }
        };
        Some(Rank::of(distance, false).target(Replica { host, shard: None }))
    }

    /// The less busy of two of the nearest hosts, when all of them are replicas.
    fn anyone(&self, view: View<'_>, load: &dyn Load, tried: &[HostIndex], rng: &mut Rng) -> Option<Target> {
        if self.shuffle
            && tried.is_empty()
            && let Some(target) = self.two_of(view, load, rng)
        {
            return Some(target);
        }
        let slow = self.slow.filter(|slow| load.may_be_slow(*slow));
        for distance in &[Distance::LocalRack, Distance::Local, Distance::Remote] {
            let (distance, hosts) = (*distance, view.hosts_at(*distance));
            if hosts.is_empty() {
                continue;
            }
            let best = hosts.iter().filter_map(|host| load.latency_us(*host)).min();
            let limit = slow.zip(best).map_or(u32::MAX, |(slow, best)| slow.limit_us(best));
            let mut draw = Draw::new(self.shuffle);
            for (place, host) in hosts.iter().copied().enumerate() {
                let slow = limit < u32::MAX && load.latency_us(host).is_some_and(|took| took > limit);
                let rank = Rank::of(distance, slow);
                if draw.wants(rank) && !tried.contains(&host) && load.usable(host) {
                    draw.put(Drawn { place, host }, rank, rng);
                }
            }
            if let Some(winner) = draw.winner(load, rng) {
                return Some(draw.rank.target(Replica { host: winner.host, shard: None }));
            }
        }
        None
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

    fn wants_token(&self, view: View<'_>, table: TableId) -> bool {
        !view.is_everywhere(table)
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        if let (Some(table), None) = (query.table, query.token)
            && view.is_everywhere(table)
            && let Some(target) = self.anyone(view, load, tried, rng)
        {
            return Some(target);
        }
        let mut replicas_known = false;
        if let (Some(table), Some(token)) = (query.table, query.token) {
            let replicas = view.route().replicas(table, token);
            replicas_known = !replicas.is_empty();
            let usable = |host: HostIndex| !tried.contains(&host) && load.usable(host);
            if let Some(leader) = self.leader(query, &replicas).filter(|leader| usable(leader.host)) {
                let rank = Rank::of(view.distance(leader.host), false);
                if rank < Rank::NONE {
                    return Some(rank.target(leader));
                }
            }
            let mut draw = Draw::new(self.shuffle && !query.is_lwt && !query.consistency.is_serial());
            let limit = if draw.shuffle { self.limit_us(view, &replicas, load) } else { u32::MAX };
            for place in 0..replicas.len() {
                let Some(host) = replicas.host(place) else { continue };
                let slow = limit < u32::MAX && load.latency_us(host).is_some_and(|took| took > limit);
                let rank = Rank::of(view.distance(host), slow);
                if draw.wants(rank) && usable(host) {
                    draw.put(Drawn { place, host }, rank, rng);
                }
            }
            // Only the winner's shard is worth computing.
            if let Some(replica) = draw.winner(load, rng).and_then(|winner| replicas.get(winner.place)) {
                return Some(draw.rank.target(replica));
            }
        }
        let mut target = self.child.next(query, view, load, tried, rng)?;
        if replicas_known && target.quality == RoutingQuality::Unrouted {
            target.quality = RoutingQuality::NonReplica;
        }
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::host::Sharding;
    use crate::routing::{
        KeyspaceRouting, ReplicationFactor, ReplicationStrategy, Route, RouteBuilder, TabletHint, ViewId,
    };
    use chorus_protocol::Consistency;
    use chorus_protocol::token::Token;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn keyspace(factors: &[(&str, u32)]) -> KeyspaceRouting {
        let factors = factors.iter().map(|(name, all)| ((*name).to_owned(), ReplicationFactor::new(*all)));
        KeyspaceRouting {
            name: "ks".into(),
            replication: ReplicationStrategy::NetworkTopology(factors.collect::<BTreeMap<_, _>>()),
            consistency: Some("global".into()),
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
        routed(route, 5)
    }

    fn first(policy: &TokenAware, query: &RoutingQuery, route: &Route, load: &FakeLoad) -> Target {
        policy.next(query, route.view(ViewId::SESSION), load, &[], &mut Rng::seeded(1)).unwrap()
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
    fn where_all_hosts_hold_all_rows_no_token_is_wanted_and_any_host_is_a_replica() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let (mut builder, _) = builder((0..3).map(|n| member(n, "east", "r1", &[i64::from(n)])).collect());
        builder.keyspaces([&keyspace(&[("east", 3)])]);
        let route = builder.finish(&policy);
        let view = route.view(ViewId::SESSION);
        let table = route.table_id("ks", "t").unwrap();
        assert!(!policy.wants_token(view, table));
        let query = RoutingQuery { table: Some(table), ..RoutingQuery::default() };
        let mut seen = [0; 3];
        for seed in 0..300 {
            let targets = plan(&policy, &query, &route, &FakeLoad::default(), &mut Rng::seeded(seed));
            assert_eq!(sorted(numbers(&targets)), [0, 1, 2]);
            assert!(targets.iter().all(|target| target.quality == RoutingQuality::Replica));
            seen[targets[0].host.as_usize()] += 1;
        }
        assert!(seen.iter().all(|count| (60..140).contains(count)), "{seen:?}");
        let busy = FakeLoad { in_flight: vec![9, 0, 9], ..FakeLoad::default() };
        let first = |seed| plan(&policy, &query, &route, &busy, &mut Rng::seeded(seed))[0].host.0;
        assert!((0..90).filter(|seed| first(*seed) == 1).count() > 40, "the less busy of two");
        let down = FakeLoad { unusable: [1].into(), ..FakeLoad::default() };
        assert_eq!(plan(&policy, &query, &route, &down, &mut Rng::seeded(7)).len(), 2);
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
            let view = route.view(ViewId::SESSION);
            let target = policy.next(&query(route), view, load, &[], &mut rng).unwrap();
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
        let target = first(&policy, &query(&route), &route, &FakeLoad::default());
        assert_eq!(target.shard, Some(sharding.shard_of(Token(5))));
        assert_eq!(target.quality, RoutingQuality::ReplicaShard);
    }

    #[test]
    fn a_known_tablet_outranks_the_ring() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let before = cluster().finish(&policy);
        let mut builder = RouteBuilder::from_route(&before);
        let table = before.table_id("ks", "t").unwrap();
        let hint = TabletHint {
            first: Token(0),
            last: Token(8),
            replicas: vec![(Uuid::from_u128(1), 6)],
            version: None,
        };
        builder.learn(table, &hint).unwrap();
        let route = builder.finish(&policy);
        let targets = plan(&policy, &query(&route), &route, &FakeLoad::default(), &mut Rng::seeded(1));
        assert_eq!((targets[0].host, targets[0].shard), (HostIndex(0), Some(6)));
        assert_eq!(sorted(numbers(&targets[1..])), [1, 2, 3]);
        let beyond = RoutingQuery { token: Some(Token(9)), ..query(&route) };
        let target = first(&policy, &beyond, &route, &FakeLoad::default());
        assert_ne!(target.host, HostIndex(0), "token 9 is past the tablet, so the ring decides");
    }

    #[test]
    fn a_slow_replica_comes_after_the_others_and_before_hosts_that_are_no_replicas() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load =
            FakeLoad { millis: vec![1, 1, 40, 2, 90], in_flight: vec![0, 9, 0, 9], ..FakeLoad::default() };
        let counts = firsts(&route, &policy, &load);
        assert_eq!(counts[2], 0, "idle, but twenty times as slow");
        assert!((14_500..15_500).contains(&counts[1]), "a millisecond more is not slow: {counts:?}");
        let plan = numbers(&plan(&policy, &query(&route), &route, &load, &mut Rng::seeded(1)));
        assert_eq!(plan[2..], [2, 0]);
    }

    #[test]
    fn a_slow_replica_of_the_preferred_rack_comes_after_those_of_other_racks() {
        let child = DcAwareRoundRobin::preferring("east").preferred_rack("r2").remote_hosts_per_datacenter(1);
        let policy = TokenAware::new(child);
        let route = cluster().finish(&policy);
        let load = FakeLoad { millis: vec![1, 1, 9, 1, 0], ..FakeLoad::default() };
        let hosts = numbers(&plan(&policy, &query(&route), &route, &load, &mut Rng::seeded(1)));
        assert_eq!(sorted(hosts[..2].to_vec()), [1, 3]);
        assert_eq!(hosts[2..], [2, 4, 0], "the far one is faster still and does not count");
    }

    #[test]
    fn when_all_replicas_are_slow_the_less_busy_wins_and_nothing_is_lost() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load = FakeLoad { millis: vec![0, 80, 90, 100], unusable: [1].into(), ..FakeLoad::default() };
        let counts = firsts(&route, &policy, &load);
        assert!((14_500..15_500).contains(&counts[2]) && counts[3] > 14_500, "{counts:?}");
    }

    #[test]
    fn nothing_is_slow_when_nobody_looks_and_hosts_without_answers_never_are() {
        let route = cluster().finish(&TokenAware::new(DcAwareRoundRobin::preferring("east")));
        let load = FakeLoad { millis: vec![1, 1, 90], ..FakeLoad::default() };
        let indifferent = TokenAware::new(DcAwareRoundRobin::preferring("east")).slow_hosts(None);
        let counts = firsts(&route, &indifferent, &load);
        assert!(counts[1..4].iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let looking = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let counts = firsts(&route, &looking, &load);
        assert!(counts[2] == 0 && (14_500..15_500).contains(&counts[3]), "host 3 is unknown: {counts:?}");
    }

    #[test]
    fn lightweight_transactions_go_to_the_primary_even_when_it_is_slow() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = cluster().finish(&policy);
        let load = FakeLoad { millis: vec![1, 90, 1, 1], ..FakeLoad::default() };
        let lwt = RoutingQuery { is_lwt: true, ..query(&route) };
        assert_eq!(numbers(&plan(&policy, &lwt, &route, &load, &mut Rng::seeded(1))), [1, 2, 3, 0]);
    }

    /// Token 5 in a tablet of hosts 4 (west), 1 and 3, the first of which leads.
    fn led(version: Option<u64>, policy: &TokenAware) -> Route {
        let before = cluster().finish(policy);
        let mut builder = RouteBuilder::from_route(&before);
        let replicas = [4, 1, 3].map(|host: u128| (Uuid::from_u128(host + 1), 0)).to_vec();
        let hint = TabletHint { first: Token(0), last: Token(8), replicas, version };
        builder.learn(before.table_id("ks", "t").unwrap(), &hint).unwrap();
        builder.finish(policy)
    }

    #[test]
    fn the_leader_of_a_tablet_comes_first_wherever_it_is() {
        let child = || DcAwareRoundRobin::preferring("east").remote_hosts_per_datacenter(2);
        let policy = TokenAware::new(child());
        let route = led(Some(7), &policy);
        let quorum = RoutingQuery { consistency: Consistency::Quorum, ..query(&route) };
        let targets = plan(&policy, &quorum, &route, &FakeLoad::default(), &mut Rng::seeded(1));
        assert_eq!(targets[0].host, HostIndex(4));
        assert_eq!(targets[0].quality, RoutingQuality::RemoteDatacenter);
        assert_eq!(sorted(numbers(&targets[1..3])), [1, 3], "then the others as ever");

        let one = |consistency| RoutingQuery { consistency, ..quorum };
        for consistency in [Consistency::One, Consistency::LocalOne] {
            let target = first(&policy, &one(consistency), &route, &FakeLoad::default());
            assert_ne!(target.host, HostIndex(4), "any replica serves {consistency:?}");
        }
        let down = FakeLoad { unusable: [4].into(), ..FakeLoad::default() };
        assert_ne!(first(&policy, &quorum, &route, &down).host, HostIndex(4));
        let not_asked = TokenAware::new(child()).prefer_leader(false);
        assert_ne!(first(&not_asked, &quorum, &route, &FakeLoad::default()).host, HostIndex(4));
        let without_version = led(None, &policy);
        assert_ne!(first(&policy, &quorum, &without_version, &FakeLoad::default()).host, HostIndex(4));
    }

    #[test]
    fn a_leader_that_is_ignored_is_not_asked() {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("east"));
        let route = led(Some(7), &policy);
        let quorum = RoutingQuery { consistency: Consistency::Quorum, ..query(&route) };
        let hosts = numbers(&plan(&policy, &quorum, &route, &FakeLoad::default(), &mut Rng::seeded(1)));
        assert_eq!(sorted(hosts[..2].to_vec()), [1, 3]);
        assert!(!hosts.contains(&4));
    }
}
