//! Which nodes would have a partition, and whether enough of them are up.
//!
//! All nodes share their data, so every one of them could answer anything. A cluster of Apache Cassandra could not: a request is
//! refused as unavailable when too few of the nodes its replication names are running. Datacenters with fewer nodes than
//! replicas are the one exception: what they lack counts as there, or no single node could serve a keyspace made for three.

use std::collections::BTreeSet;

use chorus_protocol::Consistency;

use super::membership::{Member, Membership};
use super::tablets::Tablet;
use crate::catalog::Replication;

/// How many replicas answer, of how many that must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) required: usize,
    pub(crate) alive: usize,
}

/// A cluster with some of its nodes down.
pub(crate) struct Availability<'a> {
    pub(crate) membership: &'a Membership,
    /// The numbers of the nodes that are down.
    pub(crate) down: &'a [usize],
    /// The datacenter of the node that was asked.
    pub(crate) local: &'a str,
}

/// The replicas of a partition in one datacenter.
struct Copies {
    datacenter: String,
    wanted: usize,
    alive: usize,
}

impl Availability<'_> {
    /// Whether `consistency` can be had for the partition at `token`. Of a partition that is not known, only what no
    /// partition could have is missing.
    pub(crate) fn check(
        &self,
        replication: &Replication,
        token: Option<i64>,
        consistency: Consistency,
    ) -> Result<(), Shortage> {
        self.decide(&self.copies(replication, token), consistency)
    }

    /// Whether `consistency` can be had for what is in a tablet.
    pub(crate) fn check_tablet(&self, tablet: &Tablet, consistency: Consistency) -> Result<(), Shortage> {
        self.decide(&self.copies_of(tablet), consistency)
    }

    fn decide(&self, copies: &[Copies], consistency: Consistency) -> Result<(), Shortage> {
        if copies.is_empty() {
            return Ok(());
        }
        let quorum = |wanted: usize| wanted / 2 + 1;
        let everywhere = |count: fn(&Copies) -> usize| copies.iter().map(count).sum::<usize>();
        let (wanted, alive) = (everywhere(|copies| copies.wanted), everywhere(|copies| copies.alive));
        let local = copies.iter().find(|copies| copies.datacenter == self.local);
        let (local_wanted, local_alive) = local.map_or((0, 0), |copies| (copies.wanted, copies.alive));
        let (required, alive) = match consistency {
            // A hint on any node will do.
            Consistency::Any => return Ok(()),
            Consistency::One => (1, alive),
            Consistency::Two => (2.min(wanted), alive),
            Consistency::Three => (3.min(wanted), alive),
            Consistency::Quorum | Consistency::Serial => (quorum(wanted), alive),
            Consistency::All => (wanted, alive),
            Consistency::LocalOne => (1, local_alive),
            Consistency::LocalQuorum | Consistency::LocalSerial => (quorum(local_wanted), local_alive),
            Consistency::EachQuorum => {
                let short = copies.iter().find(|copies| copies.alive < quorum(copies.wanted));
                match short {
                    Some(copies) => (quorum(copies.wanted), copies.alive),
                    None => return Ok(()),
                }
            }
        };
        if alive >= required { Ok(()) } else { Err(Shortage { required, alive }) }
    }

    /// The replicas in each datacenter that has any; none at all for data that every node has of its own.
    fn copies(&self, replication: &Replication, token: Option<i64>) -> Vec<Copies> {
        let is_up = |node: usize| !self.down.contains(&node);
        let rings = rings(replication, self.membership);
        let copies = rings.into_iter().map(|(datacenter, wanted, ring)| {
            let alive = match token {
                Some(token) => ring.replicas(wanted, token).into_iter().filter(|node| is_up(*node)).count(),
                None => ring.nodes().filter(|node| is_up(*node)).count().min(wanted),
            };
            Copies { datacenter: datacenter.unwrap_or_else(|| self.local.to_owned()), wanted, alive }
        });
        copies.collect()
    }

    /// The replicas of a tablet in each datacenter.
    fn copies_of(&self, tablet: &Tablet) -> Vec<Copies> {
        let mut copies: Vec<Copies> = Vec::new();
        for (node, _) in &tablet.replicas {
            let Some(member) = self.membership.member(*node) else { continue };
            let alive = usize::from(!self.down.contains(node));
            match copies.iter_mut().find(|copies| copies.datacenter == member.datacenter) {
                Some(known) => {
                    known.wanted += 1;
                    known.alive += alive;
                }
                None => copies.push(Copies { datacenter: member.datacenter.clone(), wanted: 1, alive }),
            }
        }
        copies
    }
}

/// How many replicas there are in each datacenter, never more than it has nodes. Empty for strategies that do not go by
/// datacenter.
pub(super) fn factors(replication: &Replication, membership: &Membership) -> Vec<(String, usize)> {
    if !replication.class.ends_with("NetworkTopologyStrategy") {
        return Vec::new();
    }
    let mut datacenters: Vec<&str> =
        membership.members.iter().map(|member| member.datacenter.as_str()).collect();
    datacenters.sort_unstable();
    let wanted = |nodes: &[&str]| {
        let factor = factor(replication, nodes[0]).or_else(|| factor(replication, "replication_factor"))?;
        Some((nodes[0].to_owned(), factor.min(nodes.len())))
    };
    datacenters.chunk_by(|one, other| one == other).filter_map(wanted).collect()
}

/// One of the numbers in a replication map, if it is above 0.
fn factor(replication: &Replication, name: &str) -> Option<usize> {
    // "3/1" is three, of which one is transient.
    let text = replication.options.get(name)?.split('/').next()?;
    text.parse::<usize>().ok().filter(|factor| *factor > 0)
}

/// The rings that replicas are chosen on, with how many are: one for each datacenter, or one for all of them, which has no
/// name. None for data that every node has of its own.
pub(super) fn rings(
    replication: &Replication,
    membership: &Membership,
) -> Vec<(Option<String>, usize, Ring)> {
    if replication.class.ends_with("SimpleStrategy") {
        let wanted = factor(replication, "replication_factor").unwrap_or(0).min(membership.members.len());
        let ring = Ring::new(membership.members.iter().map(|member| &**member), false);
        return (wanted > 0).then_some((None, wanted, ring)).into_iter().collect();
    }
    let ring = |(datacenter, wanted): (String, usize)| {
        let within = membership.members.iter().filter(|member| member.datacenter == datacenter);
        let ring = Ring::new(within.map(|member| &**member), true);
        (Some(datacenter), wanted, ring)
    };
    factors(replication, membership).into_iter().map(ring).collect()
}

/// Tokens and their owners.
#[derive(Debug)]
pub(super) struct Ring {
    /// Sorted by token.
    places: Vec<RingPlace>,
    /// How many racks there are; 0 when they do not matter.
    racks: usize,
}

#[derive(Debug)]
struct RingPlace {
    token: i64,
    node: usize,
    rack: usize,
}

impl Ring {
    fn new<'m>(members: impl Iterator<Item = &'m Member>, by_rack: bool) -> Self {
        let mut racks: Vec<&str> = Vec::new();
        let mut places = Vec::new();
        for member in members {
            let rack = racks.iter().position(|rack| *rack == member.rack).unwrap_or_else(|| {
                racks.push(&member.rack);
                racks.len() - 1
            });
            let place = |token: &i64| RingPlace { token: *token, node: member.index, rack };
            places.extend(member.tokens.iter().map(place));
        }
        places.sort_unstable_by_key(|place| place.token);
        Self { places, racks: if by_rack { racks.len() } else { 0 } }
    }

    /// Every token, sorted.
    pub(super) fn tokens(&self) -> impl Iterator<Item = i64> {
        self.places.iter().map(|place| place.token)
    }

    /// The numbers of the nodes on it, each once.
    fn nodes(&self) -> impl Iterator<Item = usize> {
        let nodes: BTreeSet<usize> = self.places.iter().map(|place| place.node).collect();
        nodes.into_iter()
    }

    /// The nodes that have the partition at `token`: clockwise from it, each in a rack that has none yet as long as there is
    /// one.
    pub(super) fn replicas(&self, wanted: usize, token: i64) -> Vec<usize> {
        let start = self.places.partition_point(|place| place.token < token);
        let mut used = vec![false; self.racks];
        let mut unused = self.racks;
        let mut chosen: Vec<usize> = Vec::with_capacity(wanted);
        let mut passed: Vec<usize> = Vec::new();
        for place in self.places[start..].iter().chain(&self.places[..start]) {
            if chosen.len() == wanted {
                break;
            }
            if chosen.contains(&place.node) || passed.contains(&place.node) {
                continue;
            }
            if unused > 0 && std::mem::replace(&mut used[place.rack], true) {
                passed.push(place.node);
                continue;
            }
            chosen.push(place.node);
            unused = unused.saturating_sub(1);
            if unused == 0 {
                let missing = wanted - chosen.len();
                chosen.extend(passed.drain(..missing.min(passed.len())));
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;

    fn member(index: usize, datacenter: &str, rack: &str, token: i64) -> Arc<Member> {
        Arc::new(Member {
            index,
            address: ([127, 0, 0, index as u8 + 1], 9042).into(),
            host_id: Uuid::from_u128(index as u128),
            datacenter: datacenter.to_owned(),
            rack: rack.to_owned(),
            tokens: vec![token],
            shards: None,
            half_known: false,
        })
    }

    fn cluster() -> Membership {
        let members = vec![
            member(0, "dc1", "rack1", 0),
            member(1, "dc1", "rack1", 100),
            member(2, "dc1", "rack2", 200),
            member(3, "dc1", "rack2", 300),
            member(4, "dc2", "rack1", 1),
            member(5, "dc2", "rack1", 101),
        ];
        Membership { name: "test".to_owned(), members }
    }

    fn replication(class: &str, options: &[(&str, &str)]) -> Replication {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Replication { class: format!("org.apache.cassandra.locator.{class}"), options }
    }

    #[test]
    fn replicas_go_to_other_racks_first() {
        let cluster = cluster();
        let ring = Ring::new(cluster.members[..4].iter().map(|member| &**member), true);
        let chosen = |wanted, token| ring.replicas(wanted, token);
        assert_eq!(chosen(2, 0), [0, 2]);
        assert_eq!(chosen(3, 0), [0, 2, 1]);
        assert_eq!(chosen(4, 0), [0, 2, 1, 3]);
        assert_eq!(chosen(1, 1), [1]);
        assert_eq!(chosen(1, 301), [0], "the ring goes round");
        assert_eq!(chosen(2, 150), [2, 0]);
    }

    #[test]
    fn without_racks_replicas_follow_the_ring() {
        let cluster = cluster();
        let ring = Ring::new(cluster.members.iter().map(|member| &**member), false);
        assert_eq!(ring.replicas(3, 0), [0, 4, 1]);
        assert_eq!(ring.replicas(2, 250), [3, 0]);
    }

    #[test]
    fn each_consistency_needs_what_it_says() {
        let cluster = cluster();
        let keyspace = replication("NetworkTopologyStrategy", &[("dc1", "3"), ("dc2", "1")]);
        let check = |down: &[usize], local, consistency| {
            let availability = Availability { membership: &cluster, down, local };
            availability
                .check(&keyspace, Some(0), consistency)
                .err()
                .map(|shortage| (shortage.required, shortage.alive))
        };
        // The partition is on nodes 0, 2, 1 of dc1 and 4 of dc2.
        assert_eq!(check(&[3, 5], "dc1", Consistency::All), None, "no replica is down");
        assert_eq!(check(&[0], "dc1", Consistency::All), Some((4, 3)));
        assert_eq!(check(&[0], "dc1", Consistency::Quorum), None);
        assert_eq!(check(&[0, 2], "dc1", Consistency::Quorum), Some((3, 2)));
        assert_eq!(check(&[0], "dc1", Consistency::LocalQuorum), None);
        assert_eq!(check(&[0, 2], "dc1", Consistency::LocalQuorum), Some((2, 1)));
        assert_eq!(check(&[0, 2], "dc2", Consistency::LocalQuorum), None);
        assert_eq!(check(&[4], "dc2", Consistency::LocalOne), Some((1, 0)));
        assert_eq!(check(&[4], "dc2", Consistency::One), None);
        assert_eq!(check(&[4], "dc1", Consistency::EachQuorum), Some((1, 0)));
        assert_eq!(check(&[0, 1, 2, 3, 4, 5], "dc1", Consistency::Any), None);
        assert_eq!(check(&[0, 1, 2, 4], "dc1", Consistency::One), Some((1, 0)));
    }

    #[test]
    fn a_tablet_has_the_replicas_it_says() {
        let cluster = cluster();
        let tablet =
            Tablet { first: i64::MIN, last: i64::MAX, replicas: vec![(0, 3), (1, 0), (4, 1)], version: 1 };
        let check = |down: &[usize], consistency| {
            let availability = Availability { membership: &cluster, down, local: "dc1" };
            availability.check_tablet(&tablet, consistency)
        };
        assert_eq!(check(&[2, 3, 5], Consistency::All), Ok(()));
        assert_eq!(check(&[1], Consistency::LocalQuorum), Err(Shortage { required: 2, alive: 1 }));
        assert_eq!(check(&[1], Consistency::Quorum), Ok(()));
        assert_eq!(check(&[4], Consistency::EachQuorum), Err(Shortage { required: 1, alive: 0 }));
    }

    #[test]
    fn a_cluster_smaller_than_the_replication_is_no_shortage() {
        let cluster = Membership { name: "test".to_owned(), members: vec![member(0, "dc1", "rack1", 0)] };
        let availability = Availability { membership: &cluster, down: &[], local: "dc1" };
        let simple = replication("SimpleStrategy", &[("replication_factor", "3")]);
        assert_eq!(availability.check(&simple, Some(5), Consistency::All), Ok(()));
    }

    #[test]
    fn of_an_unknown_partition_the_best_is_assumed() {
        let cluster = cluster();
        let simple = replication("SimpleStrategy", &[("replication_factor", "2")]);
        let check = |down: &[usize], token| {
            let availability = Availability { membership: &cluster, down, local: "dc1" };
            availability.check(&simple, token, Consistency::All)
        };
        assert_eq!(check(&[0, 1, 2, 3], None), Ok(()));
        assert_eq!(check(&[0, 1, 2, 3, 4], None), Err(Shortage { required: 2, alive: 1 }));
        assert_eq!(check(&[0], Some(0)), Err(Shortage { required: 2, alive: 1 }));
    }

    #[test]
    fn what_every_node_has_of_its_own_is_always_available() {
        let cluster = cluster();
        let availability = Availability { membership: &cluster, down: &[0, 1, 2, 3, 4], local: "dc2" };
        assert_eq!(availability.check(&Replication::local(), Some(0), Consistency::All), Ok(()));
    }
}
