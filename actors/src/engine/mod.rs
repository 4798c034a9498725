//! The engine as its callers hold it: queues to the reactors, and the latest snapshot of what is known.

mod connect;
mod control;
mod doors;
mod views;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use actix::Addr;
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use chorus_protocol::{Compression, FrameShape, ProtocolVersion};
use chorus_topology::{ClusterState, Route, metadata::Schema};
use tokio::sync::oneshot;
pub use views::PolicyViews;

use crate::{
    bulk::{BulkJob, BulkOptions},
    cluster::{ClusterActor, Feed},
    config::EngineConfig,
    control::Fetch,
    coordinator::CoordinatorActor,
    mail::Mail,
    metrics::{Gather, MetricsActor, MetricsSnapshot},
    reactor::{Inbox, Relay, RunningReactor},
    request::{ExecutionPolicies, PendingReply, RequestBuilder, RequestError, RequestErrorKind},
    statements::Statements,
};

/// What the cluster actor publishes and everybody reads.
pub(crate) struct Published {
    route: ArcSwap<Route>,
    /// That of `route`, for those who only want to know whether it changed.
    route_version: AtomicU64,
    pub(crate) state: ArcSwap<ClusterState>,
    /// What connections of this cluster negotiate.
    pub(crate) agreement: ArcSwap<Agreement>,
    /// The policies the route is seen by.
    pub(crate) views: PolicyViews,
    /// Where the control connection is to.
    pub(crate) control: ArcSwapOption<SocketAddr>,
    /// News for whoever listens.
    pub(crate) feed: Feed,
    /// What is read unasked.
    pub(crate) fetch: Arc<Fetch>,
    /// What hosts are told when they come up.
    pub(crate) statements: Arc<Statements>,
    /// Whether what one host has prepared is prepared by all.
    pub(crate) prepare_on_all: bool,
}

impl Published {
    /// Nothing is known yet.
    pub(crate) fn empty(config: &EngineConfig) -> Self {
        let version = config.protocol_version.unwrap_or(ProtocolVersion::V5);
        Self {
            route: ArcSwap::from_pointee(Route::default()),
            route_version: AtomicU64::new(0),
            state: ArcSwap::from_pointee(ClusterState::default()),
            agreement: ArcSwap::from_pointee(Agreement {
                shape: FrameShape::new(version),
                compression: None,
                is_astra: false,
                frame_bytes: config.limits.frame_bytes,
            }),
            views: PolicyViews::new(Arc::clone(&config.load_balancing)),
            control: ArcSwapOption::empty(),
            feed: Feed::default(),
            fetch: Arc::new(Fetch::new(config)),
            statements: Arc::default(),
            prepare_on_all: config.prepare_on_all_hosts,
        }
    }
}

impl Published {
    pub(crate) fn route(&self) -> &ArcSwap<Route> {
        &self.route
    }

    pub(crate) fn set_route(&self, route: Arc<Route>) {
        let version = route.version();
        self.route.store(route);
        self.route_version.store(version, Ordering::Release);
    }
}

/// What was negotiated with the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    /// How envelopes look.
    pub shape: FrameShape,
    /// How answers may be compressed below v5.
    pub compression: Option<Compression>,
    /// Whether the server is DataStax Astra, where the usual default consistency is of no use.
    pub is_astra: bool,
    /// The largest body accepted, in bytes, compressed or expanded; see [`Limits`](crate::config::Limits).
    pub frame_bytes: u32,
}

pub(crate) struct Shared {
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    pub(crate) published: Arc<Published>,
    pub(crate) policies: Arc<ExecutionPolicies>,
    pub(crate) metrics: Addr<MetricsActor>,
    pub(crate) cluster: Mail<ClusterActor>,
    pub(crate) coordinators: Vec<Addr<CoordinatorActor>>,
    pub(crate) relay: Option<Relay>,
    pub(crate) reactors: Mutex<Vec<RunningReactor>>,
    pub(crate) next_reactor: AtomicUsize,
    /// The process its reactors belong to.
    pub(crate) process: u32,
}

/// A running engine. Cheap to clone; the reactors end when the last clone is dropped or after
/// [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl Engine {
    /// A request to fill and send.
    #[inline]
    pub fn request(&self) -> RequestBuilder {
        match self.shared.inboxes.as_slice() {
            [only] => RequestBuilder::new(Arc::clone(only)),
            _ => RequestBuilder::among(self.clone()),
        }
    }

    /// The same for a caller who keeps the engine until the answer is there, to be filled where that one keeps it: the cheapest way
    /// to send. See [`PendingReply::parts`] and [`PendingReply::choose_reactor`].
    #[inline(always)]
    pub fn blank(&self) -> PendingReply<'_> {
        match self.shared.inboxes.as_slice() {
            [only] => PendingReply::blank(Some(only)),
            _ => PendingReply::blank(None),
        }
    }

    /// The process that started it. One that was forked off has none of its threads, and shares its sockets.
    pub fn process(&self) -> u32 {
        self.shared.process
    }

    /// A job of many requests.
    pub fn bulk(&self, options: BulkOptions) -> BulkJob {
        BulkJob::new(self.clone(), options)
    }

    /// The version of [`route`](Self::route). A route with this version is published already.
    #[inline]
    pub fn route_version(&self) -> u64 {
        self.shared.published.route_version.load(Ordering::Acquire)
    }

    /// What is known of the cluster now.
    pub fn state(&self) -> Arc<ClusterState> {
        self.shared.published.state.load_full()
    }

    /// Whether the schema is still the one that was seen in an earlier [`state`](Self::state). Cheap.
    pub fn has_schema(&self, seen: &Arc<Schema>) -> bool {
        Arc::ptr_eq(&self.shared.published.state.load().keyspaces, seen)
    }

    /// How requests find their way now.
    pub fn route(&self) -> Arc<Route> {
        self.shared.published.route.load_full()
    }

    /// The same without touching a reference count, for a look in passing.
    #[inline]
    pub fn peek_route(&self) -> Guard<Arc<Route>> {
        self.shared.published.route.load()
    }

    /// What was negotiated with the cluster.
    #[inline]
    pub fn agreement(&self) -> Agreement {
        **self.shared.published.agreement.load()
    }

    /// How envelopes must look.
    #[inline]
    pub fn shape(&self) -> FrameShape {
        self.agreement().shape
    }

    /// The load balancing policies of this engine, and the number of each one's view.
    pub fn views(&self) -> &PolicyViews {
        &self.shared.published.views
    }

    /// The policies of requests that bring none.
    pub fn policies(&self) -> &Arc<ExecutionPolicies> {
        &self.shared.policies
    }

    pub(crate) fn inboxes(&self) -> &[Arc<Inbox>] {
        &self.shared.inboxes
    }

    /// Everything counted so far.
    ///
    /// # Errors
    ///
    /// [`RequestErrorKind::SessionClosed`] when the engine has ended.
    pub async fn metrics(&self) -> Result<MetricsSnapshot, RequestError> {
        let (send, receive) = oneshot::channel();
        self.shared.metrics.do_send(Gather(send));
        receive.await.map_err(|_| RequestErrorKind::SessionClosed.into())
    }
}
