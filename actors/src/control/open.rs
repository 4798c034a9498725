//! Finding a host that serves as control connection: each known host, then each contact point, until one works.

use std::net::SocketAddr;
use std::sync::Arc;

use chorus_protocol::response::Response;
use chorus_topology::SchemaScope;
use tracing::{debug, info};

use super::contact::Contacts;
use super::fetch::Fetch;
use super::link::{Link, LinkMaker};
use super::read::{ClusterRows, Reader};
use super::scope::{SchemaParts, Scope};
use crate::cluster::highest_common;
use crate::config::{ContactPoint, EngineConfig};
use crate::connection::handshake::{ConnectAttempt, ConnectError, ConnectOptions, Phase, Versions, connect};
use crate::internal::{ask, register_frame};

/// A control connection that is registered for events, and what it told.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) rows: ClusterRows,
}

/// Everything needed to look for a host.
pub(super) struct Opening {
    pub(super) config: Arc<EngineConfig>,
    pub(super) fetch: Arc<Fetch>,
    /// Known hosts, best first.
    pub(super) plan: Vec<SocketAddr>,
    pub(super) options: ConnectOptions,
    pub(super) maker: LinkMaker,
}

impl Opening {
    /// Tries everything once. The error lists what was tried; it is empty only when there was nothing to try.
    pub(super) async fn run(mut self) -> Result<Opened, Arc<[ConnectAttempt]>> {
        let mut attempts: Vec<ConnectAttempt> = Vec::new();
        for address in std::mem::take(&mut self.plan) {
            if let Some(opened) = self.attempt(address, &mut attempts).await {
                return Ok(opened);
            }
        }
        // Names are resolved again each time: the cluster may have moved behind them.
        let config = Arc::clone(&self.config);
        let mut contacts = Contacts::new(&config);
        while let Some((point, resolved)) = contacts.next().await {
            match resolved {
                Err(error) => {
                    let error = ConnectError::Resolve {
                        name: point.to_string().into(),
                        reason: error.to_string().into(),
                    };
                    attempts.push(ConnectAttempt { address: None, error });
                }
                Ok(addresses) => {
                    if let ContactPoint::Name { name, .. } = &point {
                        self.options.names.learn(name, &addresses);
                    }
                    for address in addresses {
                        if attempts.iter().any(|attempt| attempt.address == Some(address)) {
                            continue;
                        }
                        if let Some(opened) = self.attempt(address, &mut attempts).await {
                            return Ok(opened);
                        }
                    }
                }
            }
        }
        Err(attempts.into())
    }

    async fn attempt(&mut self, address: SocketAddr, attempts: &mut Vec<ConnectAttempt>) -> Option<Opened> {
        match self.open(address).await {
            Ok(opened) => Some(opened),
            Err(error) => {
                debug!(%address, %error, "no control connection here");
                attempts.push(ConnectAttempt { address: Some(address), error });
                None
            }
        }
    }

    /// Connects, registers and reads everything; again with a lower version if a member speaks no higher one.
    async fn open(&mut self, address: SocketAddr) -> Result<Opened, ConnectError> {
        loop {
            let established = connect(address, &self.options, None).await?;
            let version = established.shape.version;
            let link = self.maker.start(established);
            let opened = self.register_and_read(link).await?;
            let common = highest_common(version, opened.rows.release_versions());
            if common == version || self.config.protocol_version.is_some() {
                return Ok(opened);
            }
            info!(%address, spoken = %version, common = %common, "some members speak only a lower protocol version");
            self.options.versions = Versions::Only(common);
        }
    }

    async fn register_and_read(&self, link: Link) -> Result<Opened, ConnectError> {
        let handle = link.handle();
        // Before reading, so that what changes meanwhile is not missed.
        match ask(handle, register_frame(&handle.shape), self.config.control_timeout).await {
            Ok(Response::Ready) => {}
            Ok(other) => {
                let message = format!("READY was expected, not {other:?}");
                return Err(ConnectError::protocol(Phase::Register, message));
            }
            Err(error) => return Err(error.into_connect(Phase::Register)),
        }
        let mut scope = Scope::topology();
        if self.fetch.schema() {
            scope.schema = SchemaParts::of(SchemaScope::All);
        }
        let rows = Reader::new(&link, &self.config).read(&scope).await;
        let rows = rows.map_err(|error| error.into_connect(Phase::Metadata))?;
        Ok(Opened { link, rows })
    }
}
