//! Spreading tablets over the nodes and shards of a cluster.

use std::sync::Arc;

use super::membership::{Member, Membership};
use super::replicas::factors;
use super::ring::Sequence;
use super::tablets::TabletMap;
use crate::catalog::Keyspace;

/// Hands out places so that all nodes of a datacenter, and all shards of a node, get about as many.
pub(super) struct Spread {
    nodes: Vec<Candidate>,
    /// Datacenters with the replicas wanted in each.
    wanted: Vec<(String, usize)>,
    sequence: Sequence,
}

struct Candidate {
    node: usize,
    datacenter: String,
    rack: String,
    /// Tablets on each shard.
    shards: Vec<u32>,
}

impl Spread {
    pub(super) fn new(membership: &Membership, keyspace: &Keyspace, seed: u64) -> Self {
        let candidate = |member: &Arc<Member>| Candidate {
            node: member.index,
            datacenter: member.datacenter.clone(),
            rack: member.rack.clone(),
            shards: vec![0; usize::from(member.shard_count())],
        };
        Self {
            nodes: membership.members.iter().map(candidate).collect(),
            wanted: factors(&keyspace.replication, membership),
            sequence: Sequence::new(seed),
        }
    }

    /// As many tablets as give every shard one at least.
    pub(super) fn least_count(&self) -> usize {
        let in_datacenter = |(name, factor): &(String, usize)| {
            let nodes = self.nodes.iter().filter(|node| node.datacenter == *name);
            nodes.map(|node| node.shards.len()).sum::<usize>().div_ceil((*factor).max(1))
        };
        self.wanted.iter().map(in_datacenter).max().unwrap_or(1)
    }

    /// Notes what is placed already.
    pub(super) fn count(&mut self, map: &TabletMap) {
        for (node, shard) in map.tablets().iter().flat_map(|tablet| &tablet.replicas) {
            let candidate = self.nodes.iter_mut().find(|candidate| candidate.node == *node);
            if let Some(load) = candidate.and_then(|candidate| candidate.shards.get_mut(usize::from(*shard)))
            {
                *load += 1;
            }
        }
    }

    /// The replicas of one tablet: those of `kept`, and what is missing beside them. Racks without one come first.
    pub(super) fn place(&mut self, kept: &[(usize, u16)]) -> Vec<(usize, u16)> {
        let mut replicas = kept.to_vec();
        for (datacenter, factor) in self.wanted.clone() {
            let is_here = |nodes: &[Candidate], node: usize| {
                nodes.iter().any(|candidate| candidate.node == node && candidate.datacenter == datacenter)
            };
            let there = replicas.iter().filter(|(node, _)| is_here(&self.nodes, *node)).count();
            for _ in there..factor {
                let Some(best) = self.best(&datacenter, &replicas) else { break };
                let candidate = &mut self.nodes[best];
                let least = (0..candidate.shards.len()).min_by_key(|shard| candidate.shards[*shard]);
                let shard = least.unwrap_or_default();
                candidate.shards[shard] += 1;
                replicas.push((candidate.node, shard as u16));
            }
        }
        replicas
    }

    fn best(&mut self, datacenter: &str, replicas: &[(usize, u16)]) -> Option<usize> {
        let has = |node: usize| replicas.iter().any(|(replica, _)| *replica == node);
        let racks: Vec<&str> =
            self.nodes.iter().filter(|node| has(node.node)).map(|node| node.rack.as_str()).collect();
        let tie = self.sequence.next() as usize;
        let count = self.nodes.len();
        (0..count)
            .filter(|place| self.nodes[*place].datacenter == datacenter && !has(self.nodes[*place].node))
            .min_by_key(|place| {
                let node = &self.nodes[*place];
                let tablets: u64 = node.shards.iter().map(|load| u64::from(*load)).sum();
                // Per shard, in thousandths: nodes need not have the same number of them.
                let load = tablets * 1000 / node.shards.len().max(1) as u64;
                (racks.contains(&node.rack.as_str()), load, (place + tie) % count)
            })
    }
}
