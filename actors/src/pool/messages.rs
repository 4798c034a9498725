//! Everything one may say to a [`PoolActor`](super::PoolActor). `UseKeyspace` and `Stop` pass through from the host.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use chorus_topology::Host;

use crate::connection::ConnectionFact;
use crate::host::HostActor;
use crate::mail::Mail;

use super::PoolSettings;

/// What a pool is started with.
pub(crate) struct PoolSetup {
    pub(crate) host: Arc<Host>,
    /// The reactor the pool is for.
    pub(crate) reactor: usize,
    pub(crate) owner: Mail<HostActor>,
    pub(crate) settings: Arc<PoolSettings>,
    pub(crate) keyspace: Option<Arc<str>>,
}

/// From the host: so many dials may be begun.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct MayConnect {
    pub(crate) count: u32,
}

/// From the host: ask every connection whether it lives, and close those that do not say so.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Probe;

/// From the host: it was convicted, or serves nobody. Connections take nothing new, finish what they are at, and end; the next
/// one is asked whether it is served before requests are let onto it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Dismiss;

/// From the host, when the pool came on stage: the session's keyspace by now.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct AdoptKeyspace(pub(crate) Arc<str>);

/// From a connection of this pool.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(super) struct Fact(pub(super) ConnectionFact);

/// Longest time a connection may take to answer a [`Probe`].
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
