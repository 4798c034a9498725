//! Replicas of every ring position for one replication strategy.
//!
//! Walking the ring for each position costs a whole turn when a rack is rare. Here the positions are visited backwards
//! instead, keeping for each datacenter its hosts in the order a clockwise walk from the current position would meet
//! them: stepping back one position moves that position's owner to the front and leaves the rest as it was. Reading off
//! the replicas is then work proportional to their number, whatever the cluster looks like.

use rustc_hash::FxHashMap;

use super::ring::{Ring, RingPosition};
use super::sites::Sites;
use super::{ReplicationFactor, ReplicationStrategy};
use crate::host::HostIndex;

/// The replicas of every ring position for one replication strategy: what all keyspaces of that strategy share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Replicas of each position: every position has the same number, since it depends only on how many hosts there are.
    replicas_per_position: usize,
    /// The replicas of position 0, of position 1, and so on.
    hosts: Box<[HostIndex]>,
}

impl Placement {
    /// Places `strategy` on `ring`. Strategies without replicas give an empty placement.
    ///
    /// * `SimpleStrategy`: distinct hosts clockwise, as many as the factor says.
    /// * `NetworkTopologyStrategy`: for each datacenter, clockwise, hosts of racks not used yet; when every rack of the
    ///   datacenter is used, the hosts passed over, in order. Datacenters follow one another in name order.
    pub fn new(strategy: &ReplicationStrategy, ring: &Ring, sites: &Sites) -> Placement {
        let mut walk = Walk::new(strategy, ring, sites);
        let replicas_per_position = walk.groups.iter().map(Group::replicas).sum();
        let mut hosts = Vec::new();
        if replicas_per_position > 0 {
            hosts = vec![HostIndex(0); replicas_per_position * ring.len()];
            // The first turn only brings every group into the order seen from position 0.
            ring.owners().iter().rev().for_each(|owner| walk.step_back(*owner));
            for (owner, replicas) in
                ring.owners().iter().zip(hosts.chunks_exact_mut(replicas_per_position)).rev()
            {
                walk.step_back(*owner);
                let mut out = replicas.iter_mut();
                walk.groups.iter().for_each(|group| group.read(&mut out));
            }
        }
        Placement { replicas_per_position, hosts: hosts.into_boxed_slice() }
    }

    /// The replicas of one ring position, primary first within each datacenter.
    #[inline]
    pub fn replicas(&self, position: RingPosition) -> &[HostIndex] {
        let start = position.0 as usize * self.replicas_per_position;
        self.hosts.get(start..start + self.replicas_per_position).unwrap_or(&[])
    }

    /// How many replicas each position has.
    pub fn replicas_per_position(&self) -> usize {
        self.replicas_per_position
    }
}

/// All groups of a strategy, and which of them each host competes in.
struct Walk {
    groups: Vec<Group>,
    /// By host number: its group, and its number within the group.
    seats: Vec<Option<(usize, u32)>>,
}

impl Walk {
    fn new(strategy: &ReplicationStrategy, ring: &Ring, sites: &Sites) -> Walk {
        let factors: Vec<(Option<u16>, ReplicationFactor)> = match strategy {
            ReplicationStrategy::Simple(factor) => vec![(None, *factor)],
            ReplicationStrategy::NetworkTopology(factors) => factors
                .iter()
                .filter_map(|(name, factor)| Some((Some(sites.datacenter_number(name)?), *factor)))
                .collect(),
            ReplicationStrategy::Local | ReplicationStrategy::Other { .. } => Vec::new(),
        };
        let mut groups: Vec<Group> = factors.iter().map(|(_, factor)| Group::new(*factor)).collect();
        let mut seats = vec![None; ring.owners().iter().map(|owner| owner.as_usize() + 1).max().unwrap_or(0)];
        for &owner in ring.owners() {
            let seat = &mut seats[owner.as_usize()];
            let Some(site) = sites.site(owner).filter(|_| seat.is_none()) else { continue };
            let in_group =
                |(datacenter, _): &_| Option::is_none_or(*datacenter, |number| number == site.datacenter);
            let Some(group) = factors.iter().position(in_group) else { continue };
            // SimpleStrategy does not know racks, which is the same as every host having one to itself.
            let rack = match strategy {
                ReplicationStrategy::Simple(_) => owner.0,
                _ => u32::from(site.rack),
            };
            *seat = Some((group, groups[group].admit(owner, rack)));
        }
        Walk { groups, seats }
    }

    fn step_back(&mut self, owner: HostIndex) {
        if let Some((group, member)) = self.seats[owner.as_usize()] {
            self.groups[group].step_back(member);
        }
    }
}

/// Hosts among which one replication factor is filled: those of one datacenter, or all.
struct Group {
    factor: usize,
    members: Vec<Member>,
    /// Rack numbers as the cluster knows them, to numbers within the group.
    racks: FxHashMap<u32, u32>,
    /// For each rack, the member a clockwise walk meets first.
    rack_front: Vec<u32>,
    /// Members in the order a clockwise walk meets them.
    order: MoveToFront,
    /// Racks in the same order.
    rack_order: MoveToFront,
}

struct Member {
    host: HostIndex,
    rack: u32,
}

impl Group {
    fn new(factor: ReplicationFactor) -> Group {
        Group {
            factor: factor.full() as usize,
            members: Vec::new(),
            racks: FxHashMap::default(),
            rack_front: Vec::new(),
            order: MoveToFront::default(),
            rack_order: MoveToFront::default(),
        }
    }

    fn admit(&mut self, host: HostIndex, rack: u32) -> u32 {
        let member = self.order.admit();
        let rack = *self.racks.entry(rack).or_insert_with(|| {
            self.rack_front.push(member);
            self.rack_order.admit()
        });
        self.members.push(Member { host, rack });
        member
    }

    fn step_back(&mut self, member: u32) {
        let rack = self.members[member as usize].rack;
        self.order.touch(member);
        self.rack_order.touch(rack);
        self.rack_front[rack as usize] = member;
    }

    fn replicas(&self) -> usize {
        self.factor.min(self.members.len())
    }

    fn read<'o>(&self, out: &mut impl Iterator<Item = &'o mut HostIndex>) {
        let firsts = self.rack_order.iter().map(|rack| self.rack_front[rack as usize]);
        let passed_over = self.order.iter().filter(|member| {
            let rack = self.members[*member as usize].rack;
            self.rack_front[rack as usize] != *member
        });
        for member in firsts.chain(passed_over).take(self.replicas()) {
            if let Some(slot) = out.next() {
                *slot = self.members[member as usize].host;
            }
        }
    }
}

/// A list of small numbers in which any one is moved to the front in constant time.
#[derive(Default)]
struct MoveToFront {
    /// The first number, or `NONE`.
    head: u32,
    links: Vec<Link>,
}

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

const NONE: u32 = u32::MAX;

impl MoveToFront {
    /// Adds the next number, at the front.
    fn admit(&mut self) -> u32 {
        let number = self.links.len() as u32;
        let after = if number == 0 { NONE } else { self.head };
        self.links.push(Link { before: NONE, after });
        self.become_head(number, after);
        number
    }

    fn touch(&mut self, number: u32) {
        if self.head == number {
            return;
        }
        let Link { before, after } = self.links[number as usize];
        // Not the head, so there is one before.
        self.links[before as usize].after = after;
        if after != NONE {
            self.links[after as usize].before = before;
        }
        self.links[number as usize] = Link { before: NONE, after: self.head };
        self.become_head(number, self.head);
    }

    fn become_head(&mut self, number: u32, old: u32) {
        if old != NONE {
            self.links[old as usize].before = number;
        }
        self.head = number;
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let first = if self.links.is_empty() { NONE } else { self.head };
        std::iter::successors((first != NONE).then_some(first), |number| {
            let after = self.links[*number as usize].after;
            (after != NONE).then_some(after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use chorus_protocol::token::{AnyToken, Token};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use uuid::Uuid;

    fn host(index: u32, datacenter: &str, rack: &str, tokens: &[i64]) -> Arc<Host> {
        let address = ([127, 0, 0, 1], 9042).into();
        let tokens = tokens.iter().map(|token| AnyToken::Murmur3(Token(*token)));
        let host = Host::new(Uuid::from_u128(index.into()), address).numbered(HostIndex(index));
        Arc::new(host.located(datacenter, rack).owning(tokens))
    }

    fn network(factors: &[(&str, u32)]) -> ReplicationStrategy {
        let factors = factors.iter().map(|(name, all)| ((*name).to_owned(), ReplicationFactor::new(*all)));
        ReplicationStrategy::NetworkTopology(factors.collect())
    }

    fn replicas(strategy: &ReplicationStrategy, hosts: &[Arc<Host>], token: i64) -> Vec<u32> {
        let ring = Ring::of(hosts);
        let placement = Placement::new(strategy, &ring, &Sites::of(hosts));
        let position = ring.position(Token(token)).unwrap();
        placement.replicas(position).iter().map(|host| host.0).collect()
    }

    /// The definition, walked for one position at a time.
    fn naive(strategy: &ReplicationStrategy, hosts: &[Arc<Host>], token: i64) -> Vec<u32> {
        let ring: BTreeMap<i64, &Arc<Host>> = hosts
            .iter()
            .rev()
            .flat_map(|host| {
                host.tokens.iter().map(move |token| match token {
                    AnyToken::Murmur3(token) => (token.0, host),
                    other => panic!("{other:?}"),
                })
            })
            .collect();
        let clockwise = || ring.range(token..).chain(ring.range(..token)).map(|(_, host)| *host);
        let distinct = |hosts: &mut dyn Iterator<Item = &Arc<Host>>| {
            let mut seen = BTreeSet::new();
            hosts.filter(|host| seen.insert(host.index)).cloned().collect::<Vec<_>>()
        };
        match strategy {
            ReplicationStrategy::Simple(factor) => distinct(&mut clockwise())
                .iter()
                .take(factor.full() as usize)
                .map(|host| host.index.0)
                .collect(),
            ReplicationStrategy::NetworkTopology(factors) => {
                let mut all = Vec::new();
                for (name, factor) in factors {
                    let local = distinct(&mut clockwise().filter(|host| *host.datacenter == **name));
                    let racks: BTreeSet<_> = local.iter().map(|host| host.rack.clone()).collect();
                    let (mut used, mut chosen, mut passed) = (BTreeSet::new(), Vec::new(), Vec::new());
                    for host in &local {
                        if used.len() == racks.len() || used.insert(host.rack.clone()) {
                            chosen.push(host.index.0);
                            if used.len() == racks.len() {
                                chosen.append(&mut passed);
                            }
                        } else {
                            passed.push(host.index.0);
                        }
                    }
                    chosen.truncate(factor.full() as usize);
                    all.append(&mut chosen);
                }
                all
            }
            _ => Vec::new(),
        }
    }

    /// Two datacenters with interleaved tokens, as in the protocol notes.
    fn worked_example() -> Vec<Arc<Host>> {
        vec![
            host(1, "dc1", "rack1", &[0]),
            host(2, "dc1", "rack1", &[100]),
            host(3, "dc1", "rack2", &[200]),
            host(4, "dc1", "rack2", &[300]),
            host(11, "dc2", "rack1", &[1]),
            host(12, "dc2", "rack1", &[101]),
            host(13, "dc2", "rack2", &[201]),
        ]
    }

    #[test]
    fn racks_are_used_up_before_a_rack_is_used_twice() {
        let found = replicas(&network(&[("dc1", 3), ("dc2", 2)]), &worked_example(), 0);
        assert_eq!(found, [1, 3, 2, 11, 13]);
    }

    #[test]
    fn a_token_belongs_to_the_next_ring_token_and_past_the_last_to_the_first() {
        let hosts = [host(0, "dc1", "r", &[-100]), host(1, "dc1", "r", &[0]), host(2, "dc1", "r", &[100])];
        let simple = ReplicationStrategy::Simple(ReplicationFactor::new(2));
        for (token, expected) in [
            (i64::MIN, [0, 1]),
            (-100, [0, 1]),
            (-99, [1, 2]),
            (0, [1, 2]),
            (1, [2, 0]),
            (100, [2, 0]),
            (101, [0, 1]),
            (i64::MAX, [0, 1]),
        ] {
            assert_eq!(replicas(&simple, &hosts, token), expected, "token {token}");
        }
    }

    #[test]
    fn a_factor_far_above_the_host_count_gives_every_host_once() {
        let hosts = worked_example();
        assert_eq!(
            replicas(&ReplicationStrategy::Simple(ReplicationFactor::new(u32::MAX)), &hosts, 0).len(),
            7
        );
        assert_eq!(replicas(&network(&[("dc2", u32::MAX)]), &hosts, 150), [13, 11, 12]);
    }

    #[test]
    fn datacenters_without_replicas_or_without_hosts_contribute_none() {
        assert_eq!(replicas(&network(&[("dc1", 0), ("dc2", 1), ("mars", 3)]), &worked_example(), 0), [11]);
    }

    #[test]
    fn only_full_replicas_are_routed_to() {
        let transient = ReplicationStrategy::Simple(ReplicationFactor { all: 3, transient: 1 });
        assert_eq!(replicas(&transient, &worked_example(), 0), [1, 11]);
    }

    #[test]
    fn local_and_unknown_strategies_have_no_replicas() {
        let other = ReplicationStrategy::Other { class: "x.Y".into(), options: BTreeMap::new() };
        for strategy in [ReplicationStrategy::Local, other] {
            assert_eq!(replicas(&strategy, &worked_example(), 0), Vec::<u32>::new());
        }
    }

    /// As Cassandra's `NetworkTopologyStrategy` chooses: a host in a rack that has one already is taken while the factor
    /// exceeds the number of racks by more than were taken so.
    fn cassandra(factors: &[(&str, u32)], hosts: &[Arc<Host>], token: i64) -> BTreeSet<u32> {
        let mut ring: Vec<(i64, &Arc<Host>)> = Vec::new();
        for host in hosts {
            for token in host.tokens.iter() {
                let AnyToken::Murmur3(Token(token)) = token else { panic!("{token:?}") };
                ring.push((*token, host));
            }
        }
        ring.sort_by_key(|(token, _)| *token);
        let start = ring.partition_point(|(first, _)| *first < token) % ring.len();
        ring.rotate_left(start);
        let mut all = BTreeSet::new();
        for (datacenter, factor) in factors {
            let local = |host: &&Arc<Host>| *host.datacenter == **datacenter;
            let members: Vec<_> =
                hosts.iter().filter(|host| local(host) && !host.tokens.is_empty()).collect();
            let racks: BTreeSet<_> = members.iter().map(|host| &host.rack).collect();
            let mut left = (*factor as usize).min(members.len());
            let mut repeats = left as i64 - racks.len() as i64;
            let (mut chosen, mut used) = (BTreeSet::new(), BTreeSet::new());
            for (_, host) in ring.iter().filter(|(_, host)| local(host)) {
                if left == 0 || chosen.contains(&host.index.0) {
                    continue;
                }
                if !used.insert(&host.rack) {
                    if repeats <= 0 {
                        continue;
                    }
                    repeats -= 1;
                }
                chosen.insert(host.index.0);
                left -= 1;
            }
            all.extend(chosen);
        }
        all
    }

    #[test]
    fn f74_replica_sets_are_cassandras_at_every_edge() {
        let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        let alone = vec![host(0, "dc1", "r1", &extremes)];
        let one_token = vec![host(0, "dc1", "r1", &[i64::MIN])];
        let at_the_ends = vec![
            host(0, "dc1", "r1", &[i64::MIN]),
            host(1, "dc1", "r2", &[i64::MAX]),
            host(2, "dc2", "r1", &[0]),
        ];
        // Nine hosts in one rack, one in another, one in a third; two datacenters; three tokens each.
        let lopsided: Vec<_> = (0..14)
            .map(|number| {
                let (datacenter, rack) = match number {
                    0..9 => ("dc1", "r1"),
                    9 => ("dc1", "r2"),
                    10 => ("dc1", "r3"),
                    _ => ("dc2", "r1"),
                };
                let tokens =
                    [0, 5, 9].map(|part: i64| i64::MIN / 2 + (number * 10 + part) * (i64::MAX / 150));
                host(number as u32, datacenter, rack, &tokens)
            })
            .collect();
        for hosts in [alone, one_token, at_the_ends, lopsided, worked_example()] {
            let members = hosts.len() as u32;
            for factors in [
                vec![("dc1", 1)],
                vec![("dc1", 2), ("dc2", 2)],
                vec![("dc1", 3), ("dc2", 1)],
                vec![("dc1", members + 3), ("dc2", members + 3)],
                vec![("dc1", 2), ("nowhere", 3)],
                vec![("nowhere", 1)],
            ] {
                let own = hosts.iter().flat_map(|host| host.tokens.iter()).map(|token| match token {
                    AnyToken::Murmur3(token) => token.0,
                    other => panic!("{other:?}"),
                });
                let near = own.flat_map(|token| [token.saturating_sub(1), token, token.saturating_add(1)]);
                for token in near.chain(extremes) {
                    let found: BTreeSet<u32> =
                        replicas(&network(&factors), &hosts, token).into_iter().collect();
                    assert_eq!(found, cassandra(&factors, &hosts, token), "{factors:?} at {token}");
                    let simple = ReplicationStrategy::Simple(ReplicationFactor::new(members + 3));
                    assert_eq!(replicas(&simple, &hosts, token).len(), hosts.len());
                }
            }
        }
    }

    #[test]
    fn an_empty_ring_has_an_empty_placement() {
        let ring = Ring::of(&[]);
        let placement =
            Placement::new(&ReplicationStrategy::Simple(ReplicationFactor::new(3)), &ring, &Sites::of(&[]));
        assert_eq!(ring.position(Token(0)), None);
        assert_eq!(placement.replicas(RingPosition(0)), []);
    }

    #[test]
    fn a_token_claimed_twice_belongs_to_the_lower_number_whatever_the_order_of_rows() {
        let (a, b) = (host(0, "dc1", "r", &[5, 9]), host(1, "dc1", "r", &[5, 7]));
        let ring = Ring::of(&[b.clone(), a.clone()]);
        assert_eq!(ring, Ring::of(&[a, b]));
        assert_eq!(ring.owners(), [HostIndex(0), HostIndex(1), HostIndex(0)]);
    }

    proptest! {
        #[test]
        fn placement_equals_the_definition_on_random_clusters(
            members in prop::collection::vec((0..3u8, 0..4u8, prop::collection::vec(any::<i8>(), 0..6)), 1..16),
            factors in (0..5u32, 0..5u32, 0..5u32),
            simple in 0..20u32,
            probes in prop::collection::vec(any::<i8>(), 1..8),
        ) {
            // Tokens are small on purpose: probes hit them exactly, and some are claimed twice.
            let hosts: Vec<_> = members
                .iter()
                .enumerate()
                .map(|(index, (datacenter, rack, tokens))| {
                    let tokens: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
                    host(index as u32, &format!("dc{datacenter}"), &format!("r{rack}"), &tokens)
                })
                .collect();
            prop_assume!(hosts.iter().any(|host| !host.tokens.is_empty()));
            let strategies = [
                ReplicationStrategy::Simple(ReplicationFactor::new(simple)),
                network(&[("dc0", factors.0), ("dc1", factors.1), ("dc2", factors.2)]),
            ];
            for strategy in &strategies {
                for probe in &probes {
                    let token = i64::from(*probe);
                    prop_assert_eq!(replicas(strategy, &hosts, token), naive(strategy, &hosts, token));
                }
            }
        }
    }
}
