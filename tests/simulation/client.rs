//! How the session of a story is set up.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{
    ConstantReconnection, ConstantSpeculation, DcAwareRoundRobin, ExponentialReconnection,
    ReconnectionPolicy, Rng, SpeculativePolicy, TokenAware,
};
use chorus::{
    Consistency, EventWindows, Heartbeat, Limits, MonotonicTimestampGenerator, Placement, PoolSize, Resolver,
    SessionBuilder,
};
use chorus_node::EmbeddedCluster;
use tokio::runtime::{Builder, Runtime};

use crate::clock::JumpingClock;

#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Of the callers' runtime; `None` for one that lives on the thread of the story.
    workers: Option<usize>,
    placement: Placement,
    pub(crate) timeout: Duration,
    pub(crate) control_timeout: Duration,
    pub(crate) agreement_timeout: Duration,
    heartbeat: Heartbeat,
    /// Base and cap; a constant when they are the same.
    reconnection: (Duration, Duration),
    speculation: Option<Duration>,
    orphans: u32,
    window: u32,
    pub(crate) pool: PoolSize,
    consistency: Consistency,
    compressed: bool,
    /// Whether hosts of other datacenters are used at all.
    abroad: bool,
}

fn millis(rng: &mut Rng, low: u64, high: u64) -> Duration {
    Duration::from_millis(rng.between(low, high))
}

impl Client {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let dedicated = Placement::Dedicated { threads: rng.between(1, 2) as usize };
        let (workers, placement) = match rng.below(4) {
            0 | 1 => (None, Placement::Auto),
            2 => (Some(2), Placement::Hosted),
            _ => (rng.coin().then_some(2), dedicated),
        };
        let base = millis(rng, 50, 100);
        let interval = millis(rng, 50, 200);
        let connections = NonZeroU16::MIN.saturating_add(rng.below(2) as u16);
        Self {
            workers,
            placement,
            timeout: millis(rng, 300, 600),
            control_timeout: millis(rng, 300, 600),
            agreement_timeout: millis(rng, 100, 300),
            heartbeat: Heartbeat { interval, timeout: millis(rng, 200, 400) },
            reconnection: (base, base * [1, 4][rng.below(2) as usize]),
            speculation: rng.coin().then(|| millis(rng, 10, 60)),
            orphans: rng.between(2, 32) as u32,
            window: [4, 64, 1024][rng.below(3) as usize],
            pool: match rng.coin() {
                true => PoolSize::PerShard(connections),
                false => PoolSize::PerHost(connections),
            },
            consistency: [Consistency::One, Consistency::LocalQuorum, Consistency::Quorum]
                [rng.below(3) as usize],
            compressed: rng.below(4) == 0,
            abroad: rng.coin(),
        }
    }

    /// The same with that many requests in flight on a connection, and so many of them orphans before it is replaced.
    pub(crate) fn with_window(mut self, window: u32, orphans: u32) -> Self {
        (self.window, self.orphans) = (window, orphans);
        self
    }

    pub(crate) fn with_one_reactor(mut self) -> Self {
        (self.workers, self.placement) = (None, Placement::Auto);
        self
    }

    pub(crate) fn with_dedicated_reactors(mut self, threads: usize) -> Self {
        self.placement = Placement::Dedicated { threads };
        self.pool = PoolSize::PerShard(NonZeroU16::MIN);
        self
    }

    /// Whether the engine keeps time by the clock of the story's own thread, which can be made to jump.
    pub(crate) fn can_be_suspended(&self) -> bool {
        self.workers.is_none() && self.placement == Placement::Auto
    }

    /// How many connections a host with that many shards gets in the end, all reactors together.
    pub(crate) fn connections(&self, shards: Option<u16>) -> u64 {
        let reactors = match self.placement {
            Placement::Dedicated { threads } => threads as u64,
            _ => 1,
        };
        let (PoolSize::PerShard(each) | PoolSize::PerHost(each)) = self.pool;
        let each = u64::from(each.get());
        match (self.pool, shards) {
            (PoolSize::PerShard(_), Some(shards)) => {
                let shards = u64::from(shards);
                shards * each + reactors.saturating_sub(shards)
            }
            _ => each.max(reactors),
        }
    }

    /// Answers that may be outstanding for ever before a connection is replaced.
    pub(crate) fn bearable_orphans(&self) -> u64 {
        u64::from(self.orphans.min(self.window / 2))
    }

    pub(crate) fn runtime(&self) -> Runtime {
        let built = match self.workers {
            None => Builder::new_current_thread().enable_all().build(),
            Some(workers) => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
        };
        built.expect("a runtime")
    }

    pub(crate) fn builder(&self, cluster: &Arc<EmbeddedCluster>, clock: &JumpingClock) -> SessionBuilder {
        let (base, cap) = self.reconnection;
        let reconnection: Arc<dyn ReconnectionPolicy> = match base == cap {
            true => Arc::new(ConstantReconnection::new(base)),
            false => Arc::new(ExponentialReconnection::new(base, cap).expect("base below cap")),
        };
        let speculation = self
            .speculation
            .map(|delay| Arc::new(ConstantSpeculation::new(delay, 1)) as Arc<dyn SpeculativePolicy>);
        let local = DcAwareRoundRobin::new().remote_hosts_per_datacenter(if self.abroad { 9 } else { 0 });
        let window = Duration::from_millis(20);
        let windows = EventWindows { schema: Some(window), topology: Some(window), status: Some(window) };
        let builder = SessionBuilder::new()
            .contact_point("story.example")
            // Where there is one port for all, nodes without `peers_v2` do not tell it.
            .port(cluster.address(0).port())
            .resolver(Names(Arc::clone(cluster)))
            .placement(self.placement)
            .request_timeout(self.timeout)
            .connect_timeout(self.control_timeout)
            .control_timeout(self.control_timeout)
            .schema_agreement_timeout(self.agreement_timeout)
            .heartbeat(self.heartbeat)
            .reconnection(reconnection)
            .speculation(speculation)
            .limits(Limits {
                orphans_per_connection: self.orphans,
                in_flight_per_connection: self.window,
                ..Limits::default()
            })
            .pool_size(self.pool)
            .consistency(self.consistency)
            .load_balancing(Arc::new(TokenAware::new(local)))
            .event_windows(windows)
            .timestamp_generator(Arc::new(MonotonicTimestampGenerator::following(clock.clone())));
        if self.compressed { builder.compress_if_possible() } else { builder }
    }
}

/// A name service that knows where the nodes are now.
#[derive(Debug)]
struct Names(Arc<EmbeddedCluster>);

impl Resolver for Names {
    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.addresses())
    }
}
