//! Tablets that servers told, on their way into a route.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::route::{Replica, Route};
use super::tablet_payload::TabletHint;
use super::tablets::Tablet;
use crate::host::{HostIndex, TableId};

/// A tablet names a host that is no member (yet). It was not cached; the server tells it again when a request misses, by
/// which time a refresh of the topology may have found the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tablet is served by unknown host {0}")]
pub struct UnknownReplica(pub Uuid);

/// Tablets to learn, by table, the latest last.
#[derive(Debug, Default)]
pub(super) struct TabletNews(FxHashMap<TableId, Vec<Tablet>>);

impl TabletNews {
    /// Notes a tablet as the server told it. `member` gives the number of a host that is a member.
    pub(super) fn add(
        &mut self,
        table: TableId,
        hint: &TabletHint,
        member: impl Fn(Uuid) -> Option<HostIndex>,
    ) -> Result<(), UnknownReplica> {
        let known = |(id, shard): &(Uuid, u16)| {
            let host = member(*id).ok_or(UnknownReplica(*id))?;
            Ok(Replica { host, shard: Some(*shard) })
        };
        let replicas = hint.replicas.iter().map(known).collect::<Result<_, _>>()?;
        let tablet = Tablet { first: hint.first, last: hint.last, replicas, version: hint.version };
        self.0.entry(table).or_default().push(tablet);
        Ok(())
    }

    pub(super) fn forget_table(&mut self, table: TableId) {
        self.0.remove(&table);
    }

    pub(super) fn forget_hosts(&mut self, departed: &[HostIndex]) {
        let gone = |replica: &Replica| departed.contains(&replica.host);
        for news in self.0.values_mut() {
            news.retain(|tablet| !tablet.replicas.iter().any(gone));
        }
    }

    /// Puts them into the maps of their tables. Tables that are not there any more have none.
    pub(super) fn apply(self, route: &mut Route) {
        if self.0.is_empty() {
            return;
        }
        let tables = Arc::make_mut(&mut route.tables);
        for (table, news) in self.0 {
            let Some(table) = tables.get_mut(table.as_usize()).filter(|table| table.live) else { continue };
            let known = table.tablets.as_deref();
            let map = known.map_or_else(Default::default, Clone::clone);
            table.tablets = Some(Arc::new(map.learn(news)));
            table.everywhere = false;
        }
    }
}

impl Route {
    /// This route after learning tablets as servers told them, the latest last. Everything but the pages they are on is
    /// shared with this one. Also returns those that could not be learned.
    #[must_use]
    pub fn learning<'h>(
        &self,
        hints: impl IntoIterator<Item = (TableId, &'h TabletHint)>,
    ) -> (Route, Vec<UnknownReplica>) {
        let member = |id| {
            let host = self.host_index(id)?;
            self.host(host).filter(|entry| entry.member).map(|_| host)
        };
        let mut news = TabletNews::default();
        let unknown =
            hints.into_iter().filter_map(|(table, hint)| news.add(table, hint, member).err()).collect();
        let mut route = self.clone();
        news.apply(&mut route);
        route.version += 1;
        (route, unknown)
    }
}
