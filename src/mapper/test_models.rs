//! Models with columns of every kind, for tests.

use std::collections::{BTreeMap, BTreeSet};

use chorus_derive::Model;

use super::Counter;

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(crate = "crate", keyspace = "shop")]
pub(super) struct Visit {
    #[chorus(partition_key)]
    pub(super) id: i64,
    #[chorus(clustering_key(descending))]
    pub(super) at: Option<i32>,
    #[chorus(static)]
    pub(super) region: Option<String>,
    #[chorus(rename = "Name")]
    pub(super) name: Option<String>,
    #[chorus(index)]
    pub(super) email: Option<String>,
    #[chorus(index)]
    pub(super) tags: BTreeSet<String>,
    #[chorus(index(class = "StorageAttachedIndex"))]
    pub(super) note: Option<String>,
    pub(super) marks: BTreeMap<String, i32>,
    pub(super) steps: Vec<i32>,
    #[chorus(frozen)]
    pub(super) sealed: BTreeSet<i32>,
}

impl Visit {
    pub(super) fn new(id: i64, at: Option<i32>) -> Self {
        Self {
            id,
            at,
            region: None,
            name: None,
            email: None,
            tags: BTreeSet::new(),
            note: None,
            marks: BTreeMap::new(),
            steps: Vec::new(),
            sealed: BTreeSet::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(crate = "crate", keyspace = "shop", table = "Hits")]
pub(super) struct Hits {
    #[chorus(partition_key)]
    pub(super) page: String,
    #[chorus(partition_key)]
    pub(super) day: i32,
    pub(super) seen: Counter,
    pub(super) sold: Counter,
}
