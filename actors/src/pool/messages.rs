//! Everything one may say to a [`PoolActor`](super::PoolActor). `UseKeyspace` and `Stop` pass through from the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::Message;
use chorus_topology::Host;

use crate::connection::ConnectionFact;
use crate::coordinator::Lesson;
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
    /// What the host was told since it came up.
    pub(crate) schooling: Arc<Schooling>,
}

/// Whether a host was told the statements of the session since it was last down, by whichever reactor's pool was first.
#[derive(Debug, Default)]
pub(crate) struct Schooling {
    /// How often it was down.
    absences: AtomicU64,
    /// How often it had been down when it was last told, plus one; zero if it never was. Held while it is told: connections that
    /// arrive meanwhile wait.
    pub(super) told: tokio::sync::Mutex<u64>,
}

impl Schooling {
    /// From the host: it is down, and forgets.
    pub(crate) fn forget(&self) {
        self.absences.fetch_add(1, Ordering::AcqRel);
    }

    /// What `told` is when it was told since it was last down.
    pub(super) fn term(&self) -> u64 {
        self.absences.load(Ordering::Acquire) + 1
    }
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

/// From the coordinator: have the host prepare this.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(super) struct GiveLesson(pub(super) Lesson);

/// From a connection of this pool.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(super) struct Fact(pub(super) ConnectionFact);

/// Longest time a connection may take to answer a [`Probe`].
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
