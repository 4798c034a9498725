//! From the rows of system tables to the next state of the cluster.
//!
//! Rows of a thousand hosts make a ring of hundreds of thousands of tokens, and those of a thousand tables a schema of tens of
//! thousands of columns: too much for a reactor that has requests to serve, so they are digested on a thread of their own. While one is at it the state stays what it is, and changes to it
//! wait.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use chorus_topology::metadata::Warning;
use chorus_topology::{ClusterState, Discovery, Host, RouteBuilder};
use tokio::sync::oneshot;
use tracing::warn;

use super::{AdmitPolicies, ClusterActor, ClusterRead};
use crate::config::EngineConfig;
use crate::connection::handshake::ConnectError;
use crate::control::ClusterRows;

/// Rows of members that name more tokens than this are digested elsewhere.
const MOST_TOKENS: usize = 16 * 1024;

/// Rows of a schema with more columns than this are digested elsewhere.
const MOST_COLUMNS: usize = 4 * 1024;

/// A change of the route.
type Change = Box<dyn FnOnce(&mut RouteBuilder)>;

/// What waits while rows are digested.
#[derive(Default)]
pub(super) struct Meanwhile {
    pub(super) changes: Vec<Change>,
    pub(super) admissions: Vec<AdmitPolicies>,
    reads: VecDeque<ClusterRead>,
}

/// Rows, and what they are news to.
struct Meal {
    read: ClusterRead,
    previous: Arc<ClusterState>,
    config: Arc<EngineConfig>,
    translated: Arc<HashMap<SocketAddr, SocketAddr>>,
    /// The control connection asked for tokens.
    with_tokens: bool,
}

/// What became of them.
pub(super) struct Digested {
    pub(super) read: ClusterRead,
    pub(super) previous: Arc<ClusterState>,
    pub(super) state: ClusterState,
    pub(super) warnings: Vec<Warning>,
}

impl Meal {
    fn digest(self) -> Digested {
        let policy = &*self.config.load_balancing;
        let (mut state, mut warnings) = match &self.read.rows.members {
            Some((local, peers)) => {
                let translate = |address| self.config.translate(address, &self.translated);
                let reached = &self.read.from;
                let endpoint = |host: &Host| self.config.endpoint_of(host, local.host_id, reached);
                let discovery = Discovery {
                    local,
                    peers,
                    local_address: self.config.address_of_teller(reached, local, &self.translated),
                    default_port: self.config.port,
                    translate: Some(&translate),
                    endpoint: Some(&endpoint),
                    with_tokens: self.with_tokens,
                };
                ClusterState::build(&discovery, None, Some(&self.previous), policy)
            }
            None => (ClusterState::clone(&self.previous), Vec::new()),
        };
        for (scope, rows) in &self.read.rows.schema {
            let (with_schema, more) = state.with_schema(scope, rows, policy);
            state = with_schema;
            warnings.extend(more);
        }
        Digested { read: self.read, previous: self.previous, state, warnings }
    }
}

impl ClusterActor {
    /// Digests rows, one meal after the other.
    fn digest(&mut self, mut read: ClusterRead, ctx: &mut Context<Self>) {
        let translated = std::mem::take(&mut read.rows.translated);
        if !translated.is_empty() {
            Arc::make_mut(&mut self.translated).extend(translated);
        }
        let is_large = tokens(&read.rows) > MOST_TOKENS || columns(&read.rows) > MOST_COLUMNS;
        let meal = Meal {
            read,
            previous: self.published.state.load_full(),
            config: Arc::clone(&self.config),
            translated: Arc::clone(&self.translated),
            with_tokens: self.published.fetch.tokens(),
        };
        if !is_large {
            self.adopt(meal.digest(), ctx);
            return;
        }
        let (done, digested) = oneshot::channel();
        let thread = std::thread::Builder::new().name("chorus-topology".into());
        // Nobody receives it when the session has ended meanwhile.
        if let Err(error) = thread.spawn(move || drop(done.send(meal.digest()))) {
            warn!(%error, "cannot start a thread for the rows of a large cluster: this read is lost");
            self.fail_ready("no thread can be started for the rows of so large a cluster");
            return;
        }
        self.digesting = true;
        let adopt = digested.into_actor(self).map(|digested, actor, ctx| {
            actor.digesting = false;
            if actor.stopping {
                actor.meanwhile = Meanwhile::default();
                return;
            }
            match digested {
                Ok(digested) => actor.adopt(digested, ctx),
                Err(_) => {
                    warn!("the load balancing policy panicked over a large cluster: this read is lost");
                    actor.fail_ready("the load balancing policy panicked");
                }
            }
            actor.catch_up(ctx);
        });
        ctx.spawn(adopt);
    }

    /// There will be no session, if there is none yet: a first read that is lost is not made up for.
    fn fail_ready(&mut self, reason: &str) {
        if self.members.is_empty() {
            self.answer_ready(Err(ConnectError::Metadata { reason: reason.into() }));
        }
    }

    /// Does what waited while rows were digested, until there are more to digest.
    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        let changes = std::mem::take(&mut self.meanwhile.changes);
        if !changes.is_empty() {
            self.change_route(|builder| changes.into_iter().for_each(|change| change(builder)));
        }
        for admission in std::mem::take(&mut self.meanwhile.admissions) {
            self.handle(admission, ctx);
        }
        while !self.digesting {
            let Some(read) = self.meanwhile.reads.pop_front() else { break };
            self.digest(read, ctx);
        }
    }
}

impl Handler<ClusterRead> for ClusterActor {
    type Result = ();

    fn handle(&mut self, read: ClusterRead, ctx: &mut Self::Context) {
        if self.stopping {
            return;
        }
        if self.digesting {
            self.meanwhile.reads.push_back(read);
            return;
        }
        self.digest(read, ctx);
    }
}

/// The tokens that the rows name, about.
fn tokens(rows: &ClusterRows) -> usize {
    let Some((local, peers)) = &rows.members else { return 0 };
    local.tokens.texts().len() + peers.iter().map(|peer| peer.tokens.texts().len()).sum::<usize>()
}

/// The columns of tables that the rows describe.
fn columns(rows: &ClusterRows) -> usize {
    rows.schema.iter().map(|(_, schema)| schema.columns.len() + schema.virtual_columns.len()).sum()
}
