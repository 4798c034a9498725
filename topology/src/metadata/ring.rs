//! What a state of the cluster tells about places: the ring, replicas, datacenters and racks.

use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::token::{AnyToken, Token};

use super::state::ClusterState;
use crate::host::{Host, HostIndex};

/// A stretch of the ring and the hosts that hold it in a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRange {
    /// Where it begins: the first token that is not in it. On the ring's first range that is the ring's last token: it goes
    /// round.
    pub after: AnyToken,
    /// The last token in it.
    pub last: AnyToken,
    /// The hosts that hold it, the first replica first; empty for keyspaces without replicas.
    pub replicas: Vec<Arc<Host>>,
}

/// Replicas.
impl ClusterState {
    /// The token of a routing key; `None` when the partitioner is not known.
    pub fn token(&self, routing_key: &[u8]) -> Option<AnyToken> {
        self.partitioner.token(routing_key)
    }

    /// The hosts that hold the partition of a table with this routing key, the first replica first: its tablet's where
    /// known, else the ring's. Empty for unknown tables, and for keyspaces whose replicas cannot be known.
    pub fn replicas(&self, keyspace: &str, table: &str, routing_key: &[u8]) -> Vec<Arc<Host>> {
        match (self.token(routing_key), self.route.table_id(keyspace, table)) {
            (Some(AnyToken::Murmur3(token)), Some(_)) => self.replicas_of_token(keyspace, table, token),
            (Some(token), Some(_)) => self.ring_replicas(keyspace, &token),
            _ => Vec::new(),
        }
    }

    /// The same for a token.
    pub fn replicas_of_token(&self, keyspace: &str, table: &str, token: Token) -> Vec<Arc<Host>> {
        let Some(table) = self.route.table_id(keyspace, table) else { return Vec::new() };
        self.route.replicas(table, token).iter().filter_map(|replica| self.known(replica.host)).collect()
    }

    /// The hosts that hold a token of any partitioner in a keyspace, by the ring alone.
    pub fn ring_replicas(&self, keyspace: &str, token: &AnyToken) -> Vec<Arc<Host>> {
        let Some(keyspace) = self.route.keyspace_id(keyspace) else { return Vec::new() };
        self.route.ring_replicas(keyspace, token).iter().filter_map(|host| self.known(*host)).collect()
    }

    /// The hosts that hold the partition with this routing key in a keyspace, by the ring alone.
    pub fn replicas_of_key(&self, keyspace: &str, routing_key: &[u8]) -> Vec<Arc<Host>> {
        self.token(routing_key).map_or_else(Vec::new, |token| self.ring_replicas(keyspace, &token))
    }

    fn known(&self, host: HostIndex) -> Option<Arc<Host>> {
        self.route.host(host).map(|entry| entry.host.clone())
    }
}

/// The ring.
impl ClusterState {
    /// Every token of the ring with its owner, in token order.
    pub fn ring(&self) -> Vec<(AnyToken, Arc<Host>)> {
        let ring = self.route.ring();
        let owners = ring.owners().iter().map(|owner| self.known(*owner));
        ring.tokens().zip(owners).filter_map(|(token, owner)| Some((token, owner?))).collect()
    }

    /// The ring in stretches, in token order, each with the hosts that hold it in `keyspace`. Empty for a keyspace that is
    /// not known. Of keyspaces with tablets this is not where the rows are.
    pub fn ring_of(&self, keyspace: &str) -> Vec<TokenRange> {
        if self.route.keyspace_id(keyspace).is_none() || self.keyspace(keyspace).is_none() {
            return Vec::new();
        }
        let tokens: Vec<AnyToken> = self.route.ring().tokens().collect();
        let before = tokens.iter().cycle().skip(tokens.len().saturating_sub(1));
        let range = |(after, last): (&AnyToken, &AnyToken)| TokenRange {
            after: after.clone(),
            last: last.clone(),
            replicas: self.ring_replicas(keyspace, last),
        };
        before.zip(&tokens).map(range).collect()
    }
}

/// Hosts and where they stand.
impl ClusterState {
    /// The hosts by datacenter and rack, all by name.
    pub fn datacenters(&self) -> BTreeMap<&str, BTreeMap<&str, Vec<&Arc<Host>>>> {
        let mut datacenters: BTreeMap<&str, BTreeMap<&str, Vec<&Arc<Host>>>> = BTreeMap::new();
        for host in self.hosts.iter() {
            datacenters.entry(&host.datacenter).or_default().entry(&host.rack).or_default().push(host);
        }
        datacenters
    }

    /// The hosts of a datacenter.
    pub fn hosts_in(&self, datacenter: &str) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.iter().filter(move |host| &*host.datacenter == datacenter)
    }

    /// Whether the session has, or may have, a connection to a host; false for one that is not of this session.
    pub fn is_up(&self, host: &Host) -> bool {
        self.route.host(host.index).is_some_and(|entry| entry.member && entry.up && entry.host.id == host.id)
    }
}
