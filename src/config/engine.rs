//! Settings of the engine: its connections, where it runs, and what it learns of the cluster.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::Placement;
use chorus_actors::config::{
    ControlConnectionFallback, EventWindows, Heartbeat, Limits, PoolSize, ShardAwareness,
};
use chorus_topology::{ConvictionPolicy, ReconnectionPolicy};

use super::SessionBuilder;

/// Connections, the engine and its knowledge of the cluster.
impl SessionBuilder {
    /// The time one connection may take from the first packet to usable, TLS and authentication included. Defaults to 5
    /// seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.engine.connect_timeout = timeout;
        self
    }

    /// The time one question about the cluster may take. Defaults to 2 seconds.
    pub fn control_timeout(mut self, timeout: Duration) -> Self {
        self.engine.control_timeout = timeout;
        self
    }

    /// The limit ScyllaDB is given with each question about the schema; zero gives none. Defaults to
    /// [`control_timeout`](Self::control_timeout).
    pub fn metadata_request_timeout(mut self, timeout: Duration) -> Self {
        self.engine.metadata_request_timeout = Some(timeout);
        self
    }

    /// How many connections a host gets. Requests share connections well, up to 32767 at a time on each, and more
    /// connections usually cost throughput. Defaults to one for each shard, and one where there are no shards.
    pub fn pool_size(mut self, size: PoolSize) -> Self {
        self.engine.pool_size = size;
        self
    }

    /// Where the engine runs. Defaults to the caller's runtime; see [`Placement`].
    pub fn placement(mut self, placement: Placement) -> Self {
        self.engine.placement = placement;
        self
    }

    /// Runs the engine on this many threads of its own; the same as [`Placement::Dedicated`]. Defaults to none.
    pub fn reactors(self, threads: usize) -> Self {
        self.placement(Placement::Dedicated { threads })
    }

    /// Spares a lone request the two thread wake-ups of a [dedicated placement](Placement::Dedicated), which is required: while
    /// requests trickle, a reactor that has nothing to do goes on looking at its sockets for this long after the last request or
    /// answer before its thread sleeps, and so does a caller that waits for an answer. At most 1 ms. Defaults to none.
    ///
    /// It costs a core for each reactor, and one for the caller, that are busy for up to this long after every request and
    /// answer, and brings nothing on a machine without cores to spare. Answers that usually take longer than this gain little.
    /// With more than two requests in flight, and for 2 ms after, nobody spins. An idle session costs nothing. A caller that
    /// spins holds up no other task of its runtime. `docs/performance.md` has figures; in other placements a lone request
    /// crosses no thread.
    pub fn spin(mut self, longest: Duration) -> Self {
        self.engine.spin = Some(longest);
        self
    }

    /// Bounds on queues, windows and frames. See [`Limits`] for each default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.engine.limits = limits;
        self
    }

    /// When connections on which nothing arrives are probed. Defaults to after 30 seconds, with 30 seconds to answer.
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.engine.heartbeat = heartbeat;
        self
    }

    /// When a host that was lost is tried again. Defaults to 1 second, doubling to 10 minutes, with jitter.
    pub fn reconnection(mut self, policy: Arc<dyn ReconnectionPolicy>) -> Self {
        self.engine.reconnection = policy;
        self
    }

    /// When a failed connection is held against its host, which then is down although others work. Defaults to
    /// [`LastConnection`](crate::policy::LastConnection): never.
    pub fn conviction(mut self, policy: Arc<dyn ConvictionPolicy>) -> Self {
        self.engine.conviction = policy;
        self
    }

    /// How long a schema change waits until every host knows it; zero does not wait. Defaults to 10 seconds.
    pub fn schema_agreement_timeout(mut self, timeout: Duration) -> Self {
        self.engine.schema_agreement_timeout = timeout;
        self
    }

    /// How long events of the cluster are gathered before they are acted upon. See [`EventWindows`] for each default.
    pub fn event_windows(mut self, windows: EventWindows) -> Self {
        self.engine.event_windows = windows;
        self
    }

    /// Whether requests may be sent on the control connection: when no other connection can be used, or because there shall be no
    /// others. See [`ControlConnectionFallback`]. Without pools, [`keyspace`](Self::keyspace) must exist when the control
    /// connection is made. Defaults to [`ControlConnectionFallback::Disabled`].
    pub fn control_connection_fallback(mut self, fallback: ControlConnectionFallback) -> Self {
        self.engine.control_connection_fallback = fallback;
        self
    }

    /// Whether the schema is read. Without it requests are not sent to the replicas of their partition. Defaults to true.
    pub fn fetch_schema(mut self, fetch: bool) -> Self {
        self.engine.fetch_schema = fetch;
        self
    }

    /// Whether the tokens of hosts are read. Without them requests are not sent to the replicas of their partition. Defaults
    /// to true.
    pub fn fetch_tokens(mut self, fetch: bool) -> Self {
        self.engine.fetch_tokens = fetch;
        self
    }

    /// How many rows of the schema are asked for at a time; all of them are read whatever this is. Defaults to 1000.
    pub fn schema_page_size(mut self, rows: i32) -> Self {
        self.engine.schema_page_size = rows;
        self
    }

    /// Whether a statement that one host has prepared is prepared on the others that are up, too. [`Session::prepare`](crate::Session::prepare) waits for
    /// them, for at most a second; what cannot be prepared there is only logged, and tried again when it is executed there.
    /// Without it every host is told a statement when it is first asked to execute it. Defaults to true.
    pub fn prepare_on_all_hosts(mut self, prepare: bool) -> Self {
        self.engine.prepare_on_all_hosts = prepare;
        self
    }

    /// Whether a host that comes up, or joins, is told the statements the program holds before requests are sent to it: ten at
    /// a time, for at most 5 seconds each ten. Without it every statement costs the first request one more round trip there.
    /// Defaults to true.
    pub fn reprepare_on_up(mut self, prepare: bool) -> Self {
        self.engine.reprepare_on_up = prepare;
        self
    }

    /// How far the shards of ScyllaDB are taken into account. Defaults to full.
    pub fn shard_awareness(mut self, awareness: ShardAwareness) -> Self {
        self.engine.shard_awareness = awareness;
        self
    }

    /// Whether ScyllaDB is asked for the versions of tablets. It then tells of a tablet whenever the session believes in an older
    /// version of it, and names the leader of tablets in strongly consistent keyspaces, who is then asked first
    /// ([`TokenAware::prefer_leader`](crate::policy::TokenAware::prefer_leader)). An experiment of ScyllaDB's, and unstable here as
    /// there. Servers that do not offer it are served as ever. Defaults to false.
    #[cfg(feature = "unstable-tablets-v2")]
    pub fn tablet_versions(mut self, ask: bool) -> Self {
        self.engine.tablet_versions = ask;
        self
    }

    /// Whether hosts of other datacenters get connections. Defaults to true.
    pub fn connect_to_remote_hosts(mut self, connect: bool) -> Self {
        self.engine.connect_to_remote_hosts = connect;
        self
    }

    /// Whether [`connect`](Self::connect) waits until every host was tried, not only the first that works. Defaults to
    /// false.
    pub fn wait_for_all_hosts(mut self, wait: bool) -> Self {
        self.engine.wait_for_all_hosts = wait;
        self
    }
}
