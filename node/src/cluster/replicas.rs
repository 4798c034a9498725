//! Which nodes would have a partition, and whether enough of them are up.
//!
//! All nodes share their data, so every one of them could answer anything. A cluster of Apache Cassandra could not: a request is
//! refused as unavailable when too few of the nodes its replication names are running. Datacenters with fewer nodes than
//! replicas are the one exception: what they lack counts as there, or no single node could serve a keyspace made for three.

use chorus_protocol::Consistency;

use super::membership::{Member, Membership};
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
struct Copies<'a> {
    datacenter: &'a str,
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
        let copies = self.copies(replication, token);
        if copies.is_empty() {
            return Ok(());
        }
        let quorum = |wanted: usize| wanted / 2 + 1;
        let everywhere = |count: fn(&Copies<'_>) -> usize| copies.iter().map(count).sum::<usize>();
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
    fn copies(&self, replication: &Replication, token: Option<i64>) -> Vec<Copies<'_>> {
        let factor = |name: &str| {
            // "3/1" is three, of which one is transient.
            let text = replication.options.get(name)?.split('/').next()?;
            text.parse::<usize>().ok().filter(|factor| *factor > 0)
        };
        if replication.class.ends_with("SimpleStrategy") {
            let Some(factor) = factor("replication_factor") else { return Vec::new() };
            return self.copies_in(self.local, factor, token, |_| true).into_iter().collect();
        }
        if !replication.class.ends_with("NetworkTopologyStrategy") {
            return Vec::new();
        }
        let mut datacenters: Vec<&str> =
            self.membership.members.iter().map(|member| member.datacenter.as_str()).collect();
        datacenters.sort_unstable();
        datacenters.dedup();
        datacenters
            .into_iter()
            .filter_map(|datacenter| {
                let factor = factor(datacenter).or_else(|| factor("replication_factor"))?;
                self.copies_in(datacenter, factor, token, |member| member.datacenter == datacenter)
            })
            .collect()
    }

    fn copies_in<'m>(
        &self,
        datacenter: &'m str,
        factor: usize,
        token: Option<i64>,
        within: impl Fn(&Member) -> bool,
    ) -> Option<Copies<'m>> {
        let members: Vec<&Member> =
            self.membership.members.iter().map(|member| &**member).filter(|member| within(member)).collect();
        let wanted = factor.min(members.len());
        let is_up = |member: &&&Member| !self.down.contains(&member.index);
        let alive = match token {
            Some(token) => replicas(&members, wanted, token).iter().filter(is_up).count(),
            None => members.iter().filter(is_up).count().min(wanted),
        };
        (wanted > 0).then_some(Copies { datacenter, wanted, alive })
    }
}

/// The nodes that have the partition at `token`: clockwise from it, each in a rack that has none yet as long as there is one.
fn replicas<'m>(members: &[&'m Member], wanted: usize, token: i64) -> Vec<&'m Member> {
    let mut ring: Vec<(i64, &Member)> =
        members.iter().flat_map(|&member| member.tokens.iter().map(move |&token| (token, member))).collect();
    ring.sort_unstable_by_key(|(token, _)| *token);
    let start = ring.partition_point(|(owned, _)| *owned < token);
    let mut racks: Vec<&str> = members.iter().map(|member| member.rack.as_str()).collect();
    racks.sort_unstable();
    racks.dedup();
    let mut unused = racks;
    let mut chosen: Vec<&Member> = Vec::with_capacity(wanted);
    let mut passed: Vec<&Member> = Vec::new();
    for (_, member) in ring[start..].iter().chain(&ring[..start]) {
        if chosen.len() == wanted {
            break;
        }
        let known = |seen: &[&Member]| seen.iter().any(|other| other.index == member.index);
        if known(&chosen) || known(&passed) {
            continue;
        }
        match unused.iter().position(|rack| *rack == member.rack) {
            Some(rack) => {
                unused.swap_remove(rack);
                chosen.push(member);
            }
            None if unused.is_empty() => chosen.push(member),
            None => passed.push(member),
        }
        if unused.is_empty() {
            let missing = wanted - chosen.len();
            chosen.extend(passed.drain(..missing.min(passed.len())));
        }
    }
    chosen
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
        let members: Vec<&Member> = cluster.members[..4].iter().map(|member| &**member).collect();
        let chosen = |wanted, token| {
            replicas(&members, wanted, token).iter().map(|member| member.index).collect::<Vec<_>>()
        };
        assert_eq!(chosen(2, 0), [0, 2]);
        assert_eq!(chosen(3, 0), [0, 2, 1]);
        assert_eq!(chosen(4, 0), [0, 2, 1, 3]);
        assert_eq!(chosen(1, 1), [1]);
        assert_eq!(chosen(1, 301), [0], "the ring goes round");
        assert_eq!(chosen(2, 150), [2, 0]);
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
