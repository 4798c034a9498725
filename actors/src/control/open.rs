//! Finding a host that serves as control connection: each known host, then each contact point, until one works.

use std::sync::Arc;

use chorus_protocol::response::Response;
use chorus_topology::{Endpoint, RouteScope, SchemaScope};
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
    pub(super) plan: Vec<Endpoint>,
    pub(super) options: ConnectOptions,
    pub(super) maker: LinkMaker,
}

impl Opening {
    /// Tries everything once. The error lists what was tried; it is empty only when there was nothing to try.
    pub(super) async fn run(mut self) -> Result<Opened, Arc<[ConnectAttempt]>> {
        let mut attempts: Vec<ConnectAttempt> = Vec::new();
        for endpoint in std::mem::take(&mut self.plan) {
            if let Some(opened) = self.attempt(endpoint, &mut attempts).await {
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
                    attempts.push(ConnectAttempt { endpoint: None, error });
                }
                Ok(endpoints) => {
                    if let ContactPoint::Name { name, .. } = &point {
                        let addresses = endpoints.iter().filter_map(Endpoint::address);
                        self.options.directory.names.learn(name, addresses.map(|address| address.ip()));
                    }
                    for endpoint in endpoints {
                        if attempts.iter().any(|attempt| attempt.endpoint.as_ref() == Some(&endpoint)) {
                            continue;
                        }
                        if let Some(opened) = self.attempt(endpoint, &mut attempts).await {
                            return Ok(opened);
                        }
                    }
                }
            }
        }
        Err(attempts.into())
    }

    async fn attempt(&mut self, endpoint: Endpoint, attempts: &mut Vec<ConnectAttempt>) -> Option<Opened> {
        match self.open(&endpoint).await {
            Ok(opened) => Some(opened),
            Err(error) => {
                debug!(%endpoint, %error, "no control connection here");
                attempts.push(ConnectAttempt { endpoint: Some(endpoint), error });
                None
            }
        }
    }

    /// Connects, registers and reads everything; again with a lower version if a member speaks no higher one.
    async fn open(&mut self, endpoint: &Endpoint) -> Result<Opened, ConnectError> {
        loop {
            let established = connect(endpoint.clone(), &self.options, None).await?;
            let version = established.shape.version;
            let link = self.maker.start(established, endpoint.clone());
            let opened = self.register_and_read(link).await?;
            let common = highest_common(version, opened.rows.release_versions());
            if common == version || self.config.protocol_version.is_some() {
                return Ok(opened);
            }
            info!(%endpoint, spoken = %version, common = %common, "some members speak only a lower protocol version");
            self.options.versions = Versions::Only(common);
        }
    }

    async fn register_and_read(&self, link: Link) -> Result<Opened, ConnectError> {
        let handle = link.handle();
        // Before reading, so that what changes meanwhile is not missed.
        let with_routes = self.config.client_routes.is_some();
        let register = register_frame(&handle.shape, with_routes);
        match ask(handle, register, self.config.control_timeout).await {
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
        scope.routes = with_routes.then_some(RouteScope::All);
        let rows = Reader::new(&link, &self.config).read(&scope).await;
        let rows = rows.map_err(|error| error.into_connect(Phase::Metadata))?;
        Ok(Opened { link, rows })
    }
}
