//! Parts of the engine, each alone on a reactor.

use std::{net::SocketAddr, sync::Arc, task::Poll, time::Duration};

use chorus_protocol::{
    FrameShape, ProtocolVersion,
    token::{AnyToken, Token},
};
use chorus_topology::{
    DefaultRetry, Host, HostIndex, LoadBalancingPolicy, ReplicationFactor, ReplicationStrategy, RetryBudget,
    Rng, Route, RouteBuilder, TableId, TokenAware, ViewId, routing::KeyspaceRouting,
};
use tokio::io::DuplexStream;

use crate::{
    connection::{self, ConnectionSettings, Owner, Socket, Wire, Work, stand_in},
    coordinator::{self, CoordinatorPort},
    reactor::{Inbox, Job, Placement, RunningReactor, Stage, launch},
    request::{ExecutionPolicies, PendingReply, RequestOptions},
};

/// A reactor with one part of the engine on it, and the way in. It runs on the runtime that it was made in, until that ends.
pub struct Rig {
    inbox: Arc<Inbox>,
    table: Option<TableId>,
    _reactor: RunningReactor,
}

const HOST: HostIndex = HostIndex(0);
const WINDOW: u32 = 2048;

impl Rig {
    /// A coordinator, routing by token as it does by default, and a connection that answers at once.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn coordinator() -> Self {
        let load_balancing: Arc<dyn LoadBalancingPolicy> = Arc::new(TokenAware::default());
        let route = Arc::new(route(&*load_balancing));
        let table = route.table_id("bench", "kv");
        let retry = Arc::new(DefaultRetry::default());
        let policies = ExecutionPolicies { load_balancing, view: ViewId::SESSION, retry, speculative: None };
        Self::start(table, move |stage, inbox| {
            let port = CoordinatorPort::new(stage, None);
            port.set_route(route);
            port.add_connection(stand_in::start(stage, HOST, address(), WINDOW, &port));
            coordinator::start(
                stage,
                0,
                inbox,
                &port,
                Arc::new(policies),
                RetryBudget::default(),
                Rng::seeded(1),
            );
        })
    }

    /// A connection that is handed every request as it comes, and whose other end is `pipe`. It speaks protocol v4.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn connection(pipe: DuplexStream) -> Self {
        Self::start(None, move |stage, inbox| {
            let port = CoordinatorPort::new(stage, None);
            let wire = Wire {
                socket: Socket::Memory(pipe),
                address: address(),
                leftover: Default::default(),
                shape: FrameShape::new(ProtocolVersion::V4),
                compression: None,
                shard: None,
            };
            let settings =
                ConnectionSettings { window: WINDOW, heartbeat_interval: None, ..Default::default() };
            let owner = Owner { fact: Box::new(|_| {}), event: None };
            let connection = connection::start(stage, wire, HOST, settings, &port, owner);
            stage.spawn(std::future::poll_fn(move |task| {
                loop {
                    while let Some(job) = inbox.pop() {
                        let Job::One(request) = job else { unreachable!("a bench of single requests") };
                        connection.push(Work::One(request), 1);
                    }
                    if !inbox.fall_silent(task.waker()) {
                        return Poll::Pending;
                    }
                }
            }));
        })
    }

    fn start(
        table: Option<TableId>,
        build: impl FnOnce(&Stage, Arc<Inbox>) + Send + Unpin + 'static,
    ) -> Self {
        let inbox = Arc::new(Inbox::new(WINDOW as usize, None));
        let door = Arc::clone(&inbox);
        let reactor = launch(Placement::Local, 0, None, move |stage| build(stage, door));
        Self { inbox, table, _reactor: reactor.expect("a runtime is around") }
    }

    /// A request of these bytes, which are not looked at, for the partition of this token.
    #[inline]
    pub fn request(&self, frame: &[u8], token: i64) -> PendingReply<'_> {
        let mut request = PendingReply::blank(Some(&self.inbox));
        let (envelope, options) = request.parts();
        envelope.extend_from_slice(frame);
        *options = RequestOptions {
            token: Some(Token(token)),
            table: self.table,
            timeout: Some(Duration::from_secs(10)),
            ..RequestOptions::default()
        };
        request
    }
}

fn address() -> SocketAddr {
    ([127, 0, 0, 1], 9042).into()
}

/// One host with everything on it.
fn route(policy: &dyn LoadBalancingPolicy) -> Route {
    let tokens = (-8..8).map(|token: i64| AnyToken::Murmur3(Token(token << 59)));
    let host = Host::new(uuid::Uuid::from_u128(1), address()).owning(tokens);
    let keyspace = KeyspaceRouting {
        name: "bench".into(),
        replication: ReplicationStrategy::Simple(ReplicationFactor::new(1)),
        consistency: None,
        tables: vec!["kv".into()],
    };
    let mut builder = RouteBuilder::from_route(&Route::default());
    builder.members([host]);
    builder.keyspaces([&keyspace]);
    builder.finish(policy)
}
