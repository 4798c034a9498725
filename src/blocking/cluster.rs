//! What a session knows of its cluster, waited for; and several sessions with the same settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{AgreementScope, MetricsSnapshot, ShutdownReport};
use chorus_protocol::{IntoRow, ProtocolVersion, Uuid};
use chorus_topology::metadata::UserType;
use chorus_topology::{ClusterState, Host, SchemaScope};

use super::park::{block_apart, block_on};
use super::{EventIter, Session};
use crate::error::Error;
use crate::{
    ExecutionProfile, PoolState, PreparedStatement, ReplicaGroup, RequestListener, SessionBuilder, ShardStats,
};

/// The cluster.
impl Session {
    /// See [`Session::state`](crate::Session::state).
    pub fn state(&self) -> Arc<ClusterState> {
        self.inner.state()
    }

    /// See [`Session::user_type`](crate::Session::user_type).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn user_type(&self, keyspace: &str, name: &str) -> Result<Arc<UserType>, Error> {
        self.inner.user_type(keyspace, name)
    }

    /// See [`Session::await_schema_agreement`](crate::Session::await_schema_agreement).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn await_schema_agreement(&self) -> Result<bool, Error> {
        block_on(self.inner.await_schema_agreement())
    }

    /// See [`Session::await_schema_agreement_among`](crate::Session::await_schema_agreement_among).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn await_schema_agreement_among(
        &self,
        scope: AgreementScope,
        limit: Duration,
    ) -> Result<Option<Uuid>, Error> {
        block_on(self.inner.await_schema_agreement_among(scope, limit))
    }

    /// See [`Session::refresh_schema`](crate::Session::refresh_schema).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn refresh_schema(&self) -> Result<(), Error> {
        block_on(self.inner.refresh_schema())
    }

    /// See [`Session::refresh_schema_of`](crate::Session::refresh_schema_of).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn refresh_schema_of(&self, part: SchemaScope) -> Result<(), Error> {
        block_on(self.inner.refresh_schema_of(part))
    }

    /// See [`Session::refresh_topology`](crate::Session::refresh_topology).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn refresh_topology(&self) -> Result<(), Error> {
        block_on(self.inner.refresh_topology())
    }

    /// See [`Session::events`](crate::Session::events).
    pub fn events(&self) -> EventIter {
        EventIter(self.inner.events())
    }

    /// See [`Session::control_host`](crate::Session::control_host).
    pub fn control_host(&self) -> Option<Arc<Host>> {
        self.inner.control_host()
    }

    /// See [`Session::set_fetch_schema`](crate::Session::set_fetch_schema).
    pub fn set_fetch_schema(&self, fetch: bool) {
        self.inner.set_fetch_schema(fetch);
    }

    /// See [`Session::set_fetch_tokens`](crate::Session::set_fetch_tokens).
    pub fn set_fetch_tokens(&self, fetch: bool) {
        self.inner.set_fetch_tokens(fetch);
    }

    /// See [`Session::group_by_replica`](crate::Session::group_by_replica).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn group_by_replica<R: IntoRow>(
        &self,
        statement: &PreparedStatement,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<ReplicaGroup<R>>, Error> {
        self.inner.group_by_replica(statement, rows)
    }

    /// See [`Session::group_by_shard`](crate::Session::group_by_shard).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn group_by_shard<R: IntoRow>(
        &self,
        statement: &PreparedStatement,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<ReplicaGroup<R>>, Error> {
        self.inner.group_by_shard(statement, rows)
    }

    /// See [`Session::pool_state`](crate::Session::pool_state).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn pool_state(&self) -> Result<Vec<PoolState>, Error> {
        block_on(self.inner.pool_state())
    }

    /// See [`Session::is_shard_aware`](crate::Session::is_shard_aware).
    pub fn is_shard_aware(&self) -> bool {
        self.inner.is_shard_aware()
    }

    /// See [`Session::shard_stats`](crate::Session::shard_stats).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn shard_stats(&self) -> Result<BTreeMap<SocketAddr, ShardStats>, Error> {
        block_on(self.inner.shard_stats())
    }
}

/// Profiles, listeners, and the session itself.
impl Session {
    /// See [`Session::profile`](crate::Session::profile).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn profile(&self, name: &str) -> Result<ExecutionProfile, Error> {
        self.inner.profile(name)
    }

    /// See [`Session::profile_names`](crate::Session::profile_names).
    pub fn profile_names(&self) -> Vec<Arc<str>> {
        self.inner.profile_names()
    }

    /// See [`Session::add_profile`](crate::Session::add_profile).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn add_profile(&self, name: &str, profile: &ExecutionProfile) -> Result<(), Error> {
        block_on(self.inner.add_profile(name, profile))
    }

    /// See [`Session::connect_profile`](crate::Session::connect_profile).
    pub fn connect_profile(&self, profile: &ExecutionProfile) {
        block_on(self.inner.connect_profile(profile));
    }

    /// See [`Session::add_request_listener`](crate::Session::add_request_listener).
    pub fn add_request_listener(&self, listener: &Arc<dyn RequestListener>) {
        self.inner.add_request_listener(listener);
    }

    /// See [`Session::remove_request_listener`](crate::Session::remove_request_listener).
    pub fn remove_request_listener(&self, listener: &Arc<dyn RequestListener>) -> bool {
        self.inner.remove_request_listener(listener)
    }

    /// See [`Session::use_keyspace`](crate::Session::use_keyspace).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn use_keyspace(&self, name: impl Into<String>) -> Result<(), Error> {
        block_on(self.inner.use_keyspace(name))
    }

    /// See [`Session::keyspace`](crate::Session::keyspace).
    pub fn keyspace(&self) -> Option<Arc<str>> {
        self.inner.keyspace()
    }

    /// See [`Session::protocol_version`](crate::Session::protocol_version).
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.inner.protocol_version()
    }

    /// See [`Session::id`](crate::Session::id).
    pub fn id(&self) -> Uuid {
        self.inner.id()
    }

    /// See [`Session::metrics`](crate::Session::metrics).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn metrics(&self) -> Result<MetricsSnapshot, Error> {
        block_on(self.inner.metrics())
    }

    /// See [`Session::shutdown`](crate::Session::shutdown).
    pub fn shutdown(&self, limit: Duration) -> ShutdownReport {
        block_apart(self.inner.shutdown(limit))
    }
}

/// A cluster to connect to: checked settings, from which sessions are opened; see [`chorus::Cluster`](crate::Cluster).
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: crate::Cluster,
}

impl Cluster {
    /// Checks the settings. Each session's engine gets one thread of its own unless they say more.
    ///
    /// # Errors
    ///
    /// Those of [`SessionBuilder::build`]; [`ErrorKind::Config`](crate::ErrorKind::Config) when the engine is to live on the
    /// caller's runtime.
    pub fn new(builder: SessionBuilder) -> Result<Self, Error> {
        Ok(Self { inner: builder.for_blocking().build()? })
    }

    /// See [`Cluster::connect`](crate::Cluster::connect).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn connect(&self) -> Result<Session, Error> {
        Ok(Session { inner: block_apart(self.inner.connect())? })
    }

    /// See [`Cluster::connect_to`](crate::Cluster::connect_to).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn connect_to(&self, keyspace: impl Into<String>) -> Result<Session, Error> {
        let keyspace: String = keyspace.into();
        Ok(Session { inner: block_apart(self.inner.connect_to(keyspace))? })
    }

    /// See [`Cluster::id`](crate::Cluster::id).
    pub fn id(&self) -> Uuid {
        self.inner.id()
    }
}
