//! Reading what the cluster says about itself.

use std::collections::HashMap;
use std::net::SocketAddr;

use chorus_protocol::Compression;
use chorus_protocol::response::RowsBody;
use chorus_topology::rows::{
    ClientRouteRow, LegacyRows, LocalRow, PeerRow, SELECT_LOCAL, SELECT_LOCAL_SCHEMA_VERSION,
    SELECT_PEER_SCHEMA_VERSIONS, SELECT_PEER_V2_SCHEMA_VERSIONS, SELECT_PEERS, SELECT_PEERS_V2, SchemaLayout,
    SchemaRows, SchemaTable,
};
use chorus_topology::{RouteScope, SchemaScope};
use tracing::debug;

use super::agreement::HostVersion;
use super::link::Link;
use super::scope::Scope;
use super::translate::translate;
use crate::config::EngineConfig;
use crate::internal::{InternalError, pages, read_where_it_harms_nobody, rows};

/// What one read of the cluster brought. Parts that were not asked for are absent.
#[derive(Debug, Default)]
pub(crate) struct ClusterRows {
    /// The host that told, and the other hosts.
    pub(crate) members: Option<(LocalRow, Vec<PeerRow>)>,
    /// The rows of parts of the schema, in the order in which they must be taken over.
    pub(crate) schema: Vec<(SchemaScope, SchemaRows)>,
    /// What the control connection negotiated.
    pub(crate) compression: Option<Compression>,
    /// Whether the server is DataStax Astra.
    pub(crate) is_astra: bool,
    /// Where the other hosts are reached, by what they tell, if that had to be asked on another thread.
    pub(crate) translated: HashMap<SocketAddr, SocketAddr>,
    /// The rows of routes, and for which hosts they were asked.
    pub(super) routes: Option<(RouteScope, Vec<ClientRouteRow>)>,
}

impl ClusterRows {
    /// The release versions of all members that tell theirs.
    pub(crate) fn release_versions(&self) -> impl Iterator<Item = &str> {
        self.members.iter().flat_map(|(local, peers)| {
            std::iter::once(&local.release_version)
                .chain(peers.iter().map(|peer| &peer.release_version))
                .filter_map(Option::as_deref)
        })
    }
}

/// The rows of pages of the schema tables.
fn schema_rows(layout: SchemaLayout, read: &[(SchemaTable, Vec<RowsBody>)]) -> SchemaRows {
    let pages = read.iter().flat_map(|(table, pages)| pages.iter().map(|page| (*table, page)));
    match layout {
        SchemaLayout::Legacy => {
            let mut rows = LegacyRows::default();
            pages.for_each(|(table, page)| rows.extend(table, page));
            rows.translate()
        }
        SchemaLayout::Modern => {
            let mut rows = SchemaRows::default();
            pages.for_each(|(table, page)| rows.extend(table, page));
            rows
        }
    }
}

/// Reads through one control connection.
pub(super) struct Reader<'a> {
    link: &'a Link,
    config: &'a EngineConfig,
}

impl<'a> Reader<'a> {
    pub(super) fn new(link: &'a Link, config: &'a EngineConfig) -> Self {
        Self { link, config }
    }

    /// Reads the parts in `scope`.
    pub(super) async fn read(&self, scope: &Scope) -> Result<ClusterRows, InternalError> {
        let mut read = ClusterRows {
            compression: self.link.handle().compression,
            is_astra: self.link.is_astra(),
            ..ClusterRows::default()
        };
        // Before the members: their hosts are dialled as soon as they are known.
        if let (Some(routes), Some(scope)) = (&self.config.client_routes, &scope.routes) {
            read.routes = Some((scope.clone(), self.rows(&routes.select(scope)).await?));
        }
        if scope.topology {
            let members = self.members().await?;
            read.translated = translate(self.config, &members.0, &members.1).await;
            read.members = Some(members);
        }
        for part in scope.schema.iter() {
            read.schema.push((part.clone(), self.schema(part).await?));
        }
        Ok(read)
    }

    async fn members(&self) -> Result<(LocalRow, Vec<PeerRow>), InternalError> {
        let local = self.rows::<LocalRow>(SELECT_LOCAL);
        let peers = self.peers(SELECT_PEERS_V2, SELECT_PEERS);
        let (local, peers) = futures::future::try_join(local, peers).await?;
        let local = local.into_iter().next().ok_or_else(|| {
            InternalError::Answer("system.local has no row: the server is not ready".into())
        })?;
        self.link.note_versions(local.release_version.as_deref(), local.dse_version.as_deref());
        Ok((local, peers))
    }

    /// "peers_v2 is tried first unless the connection carries shard information; any error falls back to peers and is
    /// remembered."
    async fn peers(&self, newer: &str, older: &str) -> Result<Vec<PeerRow>, InternalError> {
        if !self.link.has_old_peers() {
            match self.rows(newer).await {
                Err(error) if error.is_database() => {
                    debug!(%error, "no system.peers_v2, reading system.peers");
                    self.link.remember_old_peers();
                }
                outcome => return outcome,
            }
        }
        self.rows(older).await
    }

    async fn schema(&self, part: &SchemaScope) -> Result<SchemaRows, InternalError> {
        let layout = self.link.layout();
        let tables = SchemaTable::ALL.into_iter().filter(|table| self.link.may_have(*table));
        // Sent together: their answers arrive in the time of the slowest.
        let reads = tables.filter_map(|table| Some((table, table.select(part, layout)?))).map(
            |(table, text)| async move {
                let text = self.limited(&text);
                let read = pages(
                    self.link.handle(),
                    &text,
                    Some(self.config.schema_page_size),
                    self.config.control_timeout,
                );
                match read.await {
                    Err(error) if table.is_optional() && error.is_refused() => {
                        debug!(?table, %error, "the server lacks a part of the schema tables");
                        self.link.remember_lack_of(table);
                        Ok((table, Vec::new()))
                    }
                    Err(error) => Err(error.during(&text)),
                    Ok(found) => Ok((table, found)),
                }
            },
        );
        let read = futures::future::try_join_all(reads).await?;
        let bytes = read.iter().flat_map(|(_, pages)| pages).map(|page| page.content.len()).sum();
        read_where_it_harms_nobody(bytes, move || schema_rows(layout, &read)).await
    }

    /// The schema version of every host.
    pub(super) async fn schema_versions(&self) -> Result<Vec<HostVersion>, InternalError> {
        let local = self.rows::<LocalRow>(SELECT_LOCAL_SCHEMA_VERSION);
        let peers = self.peers(SELECT_PEER_V2_SCHEMA_VERSIONS, SELECT_PEER_SCHEMA_VERSIONS);
        let (local, peers) = futures::future::try_join(local, peers).await?;
        let local =
            local.into_iter().map(|row| HostVersion { host: row.host_id, version: row.schema_version });
        let peers =
            peers.into_iter().map(|row| HostVersion { host: row.host_id, version: row.schema_version });
        Ok(local.chain(peers).collect())
    }

    async fn rows<T>(&self, text: &str) -> Result<Vec<T>, InternalError>
    where
        T: for<'f> chorus_protocol::FromRow<'f> + Send + 'static,
    {
        rows(self.link.handle(), &self.limited(text), None, self.config.control_timeout)
            .await
            .map_err(|error| error.during(text))
    }

    /// ScyllaDB is told how long its answer is waited for.
    fn limited(&self, text: &str) -> String {
        match self.config.metadata_limit().filter(|_| self.link.is_scylla()) {
            Some(limit) => format!("{text} USING TIMEOUT {}ms", limit.as_millis().max(1)),
            None => text.to_owned(),
        }
    }
}
