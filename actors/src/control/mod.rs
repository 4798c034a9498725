//! One actor a session: the connection that watches the cluster.
//!
//! Owns the control connection, the registration for events and their gathering, and every read of the system tables.
//! Started by the cluster on reactor 0, which tells it where to connect ([`Plan`]); it tells the cluster what it read
//! ([`ClusterRead`]) and what servers say about hosts ([`HostReported`]). When the connection is lost it moves to
//! another host, then to the contact points (resolved anew), then waits as the reconnection policy says; what was being
//! read is read again there. When the actor dies, the session goes on with the cluster as it was last seen.

mod agreement;
mod contact;
mod events;
mod fetch;
mod keyspace;
mod link;
mod messages;
mod open;
mod pending;
mod read;
mod reading;
mod scope;
mod translate;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use chorus_protocol::RequestExtensions;
use chorus_topology::{Endpoint, ReconnectionSchedule, Rng};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::cluster::{ClusterActor, ClusterRead, ControlDied, ControlLost, ControlMoved};
use crate::config::{ControlConnectionFallback, Directory, EngineConfig};
use crate::connection::handshake::{ConnectOptions, Versions};
use crate::connection::{ConnectionFact, ConnectionSettings};
use crate::coordinator::CoordinatorPort;
use crate::host::REFUSED_PAUSE;
use crate::mail::{Census, Mail, Presence, takes_mail};
use crate::metrics::ControlSnapshot;
use crate::reactor::Stage;

pub(crate) use fetch::Fetch;
pub use messages::ControlError;
pub(crate) use messages::{
    Answer, AwaitAgreement, Leave, Plan, Read, StopControl, Survey, TryKeyspace, Urgency,
};
pub(crate) use read::ClusterRows;
pub(crate) use scope::{SchemaParts, Scope};

use agreement::Waiting;
use link::{Inbox, Link, LinkMaker};
use messages::LinkFact;
use open::Opening;
use pending::Pending;

/// What a control actor is started with.
pub(crate) struct ControlSetup {
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) fetch: Arc<Fetch>,
    pub(crate) cluster: Mail<ClusterActor>,
    pub(crate) stage: Stage,
    pub(crate) coordinator: Rc<CoordinatorPort>,
    pub(crate) connection: ConnectionSettings,
    /// Learned here, used by every dial.
    pub(crate) directory: Arc<Directory>,
}

/// A connection that lasted this long was a good one: when it is lost the next is looked for at once.
const STABLE: Duration = Duration::from_secs(5);

/// See the module documentation.
pub(crate) struct ControlActor {
    setup: ControlSetup,
    options: ConnectOptions,
    inbox: Inbox,
    plan: Vec<Endpoint>,
    link: Option<Rc<Link>>,
    /// Since when there is one.
    since: Instant,
    /// A host is being looked for, and is going to answer this.
    opening: Option<Wanted>,
    schedule: Option<Box<dyn ReconnectionSchedule + Send>>,
    /// Servers refused who we are: not before then are they asked again, so that no account is locked.
    refused_until: Option<Instant>,
    rng: Rng,
    retry: Option<SpawnHandle>,
    /// Wakes when gathered events are due.
    alarm: Option<SpawnHandle>,
    /// What is to be read next, and who waits for it.
    wanted: Wanted,
    /// What is being read.
    reading: Option<Wanted>,
    agreement: Waiting,
    /// What requests look like as the first connection agreed, where they may be sent on it.
    agreed: Option<RequestExtensions>,
    /// The look at schema versions that is under way.
    look: Option<SpawnHandle>,
    /// What it did so far, events excepted.
    counts: ControlSnapshot,
    /// Told that the session ends, and whom to tell when it has.
    stopped: Option<UnboundedSender<u64>>,
    mail: Mail<Self>,
    _presence: Presence,
}

takes_mail!(ControlActor);

/// Something to read and whom to tell when it was.
#[derive(Default)]
struct Wanted {
    scope: Scope,
    answers: Vec<Answer<()>>,
}

impl ControlActor {
    /// Puts a control actor on stage.
    pub(crate) fn start(setup: ControlSetup, census: &Census) -> Mail<Self> {
        let stage = setup.stage.clone();
        let mut way = None;
        stage.start_with(|ctx| {
            let (mail, presence) = census.admit("control", ctx.address());
            way = Some(mail.clone());
            Self::new(setup, mail, presence)
        });
        way.expect("the actor was made a moment ago")
    }

    fn new(setup: ControlSetup, mail: Mail<Self>, presence: Presence) -> Self {
        let mut options = ConnectOptions::for_control(&setup.config);
        options.directory = Arc::clone(&setup.directory);
        Self {
            options,
            inbox: Inbox::new(Pending::new(
                setup.config.event_windows,
                Rng::from_entropy(),
                setup.config.client_routes.clone(),
            )),
            plan: Vec::new(),
            link: None,
            since: Instant::now(),
            opening: None,
            schedule: None,
            refused_until: None,
            rng: Rng::from_entropy(),
            retry: None,
            alarm: None,
            wanted: Wanted::default(),
            reading: None,
            agreement: Waiting::default(),
            agreed: None,
            look: None,
            counts: ControlSnapshot::default(),
            stopped: None,
            mail,
            _presence: presence,
            setup,
        }
    }

    /// Looks for a host, unless one is being looked for already.
    fn open(&mut self, ctx: &mut Context<Self>) {
        if self.opening.is_some() || self.stopped.is_some() || self.link.is_some() {
            return;
        }
        // What is asked for and announced from now on may be news to the host that is found.
        self.opening = Some(std::mem::take(&mut self.wanted));
        self.inbox.pending.borrow_mut().clear();
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
        let opening = Opening {
            config: Arc::clone(&self.setup.config),
            fetch: Arc::clone(&self.setup.fetch),
            plan: self.plan.clone(),
            options: self.options.clone(),
            maker: LinkMaker {
                stage: self.setup.stage.clone(),
                coordinator: Rc::clone(&self.setup.coordinator),
                settings: self.setup.connection.clone(),
                actor: self.mail.clone(),
                inbox: self.inbox.clone(),
            },
        };
        ctx.spawn(opening.run().into_actor(self).map(|outcome, actor, ctx| {
            let Wanted { scope, answers } = actor.opening.take().unwrap_or_default();
            if actor.stopped.is_some() {
                tell_all(answers, &ControlError::ShutDown);
                return;
            }
            match outcome {
                Ok(opened) => actor.on_opened(opened, Wanted { scope, answers }, ctx),
                Err(attempts) => {
                    if attempts.iter().any(|attempt| attempt.error.is_authentication()) {
                        actor.refused_until = Some(Instant::now() + REFUSED_PAUSE);
                    }
                    actor.setup.cluster.do_send(ControlLost { attempts });
                    tell_all(answers, &ControlError::NotConnected);
                    actor.fail_waiting();
                    actor.retry_later(ctx);
                }
            }
        }));
    }

    /// A host was found, and has told everything. `wanted` is what was wanted before it was asked.
    fn on_opened(&mut self, opened: open::Opened, wanted: Wanted, ctx: &mut Context<Self>) {
        let open::Opened { link, mut rows } = opened;
        info!(host = %link.endpoint(), version = %link.shape().version, "control connection established");
        self.since = Instant::now();
        self.counts.established += 1;
        self.counts.refreshes[0] += 1;
        // Once a version was agreed on, every later connection of the session speaks it.
        self.options.versions = Versions::Only(link.shape().version);
        // A full read answers everybody, unless the schema was asked for and is not read unasked.
        let (config, local) = (&self.setup.config, rows.members.as_ref().map(|(local, _)| local));
        link.note_host(local.and_then(|local| local.host_id));
        let address = local.map(|local| config.address_of_teller(link.endpoint(), local, &rows.translated));
        self.take_routes(&mut rows);
        let answered = wanted.scope.schema.is_empty() || !rows.schema.is_empty();
        let answers = if answered {
            wanted.answers
        } else {
            self.wanted.scope.add(wanted.scope);
            self.wanted.answers.extend(wanted.answers);
            Vec::new()
        };
        self.setup.cluster.do_send(ClusterRead {
            rows: Box::new(rows),
            from: link.endpoint().clone(),
            shape: link.shape(),
            answers,
        });
        if link.handle().is_closed() {
            // It ended while its last answer was being read; its fact came before we knew its number.
            self.retry_later(ctx);
            return;
        }
        self.setup.cluster.do_send(ControlMoved(address));
        if self.serves_requests() {
            // Frames of the session look as its first connection agreed.
            let agreed = *self.agreed.get_or_insert(link.shape().request_extensions());
            self.setup.connection.request_extensions = agreed;
            self.options.request_extensions = agreed;
            self.setup.coordinator.set_control(Some(Rc::clone(link.handle())));
        }
        self.link = Some(Rc::new(link));
        self.look_at_events(ctx);
        self.check_agreement(ctx);
    }

    /// Whether requests may be sent on its connection.
    fn serves_requests(&self) -> bool {
        self.setup.config.control_connection_fallback != ControlConnectionFallback::Disabled
    }

    /// How long servers that refused who we are must be left alone.
    fn refused_for(&self) -> Duration {
        self.refused_until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
    }

    fn retry_later(&mut self, ctx: &mut Context<Self>) {
        if self.retry.is_some() {
            return;
        }
        let policy = &self.setup.config.reconnection;
        let schedule = self.schedule.get_or_insert_with(|| policy.schedule());
        let Some(delay) = schedule.next_delay(&mut self.rng) else {
            warn!("the reconnection schedule has ended: waiting for a host to come up");
            return;
        };
        let delay = delay.max(self.refused_for());
        debug!(?delay, "no control connection, trying again later");
        self.retry = Some(ctx.run_later(delay, |actor, ctx| {
            actor.retry = None;
            actor.open(ctx);
        }));
    }

    /// The control connection is gone: on to another host. What was being read is read there.
    fn on_lost(&mut self, why: &str, ctx: &mut Context<Self>) {
        if self.stopped.is_some() {
            // It was told to close, and whoever shut the session down waits until it has.
            return;
        }
        let Some(link) = self.link.take() else { return };
        self.setup.coordinator.set_control(None);
        warn!(host = %link.endpoint(), why, "control connection lost");
        self.setup.cluster.do_send(ControlMoved(None));
        link.handle().close();
        // A host that just failed is tried last.
        if let Some(at) = self.plan.iter().position(|endpoint| endpoint == link.endpoint()) {
            let failed = self.plan.remove(at);
            self.plan.push(failed);
        }
        if self.since.elapsed() < STABLE {
            // A host that serves and drops, again and again, must not be asked for the whole schema each time at once.
            self.retry_later(ctx);
        } else {
            self.schedule = None;
            self.open(ctx);
        }
    }

    /// Nobody can be asked: whoever waits is told so instead of waiting for a connection that may never come.
    fn fail_waiting(&mut self) {
        tell_all(std::mem::take(&mut self.wanted).answers, &ControlError::NotConnected);
        for answer in self.agreement.give_up() {
            let _ = answer.send(Err(ControlError::NotConnected));
        }
    }
}

/// Tells everybody who waits why there is no answer. Some may have stopped waiting.
fn tell_all(answers: Vec<Answer<()>>, why: &ControlError) {
    for answer in answers {
        let _ = answer.send(Err(why.clone()));
    }
}

/// Whoever waits for the first read of the cluster would wait for ever.
impl Drop for ControlActor {
    fn drop(&mut self) {
        if self.stopped.is_none() {
            self.setup.coordinator.set_control(None);
            self.setup.cluster.do_send(ControlDied);
        }
    }
}

impl Actor for ControlActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.open(ctx);
    }
}

impl Handler<Plan> for ControlActor {
    type Result = ();

    fn handle(&mut self, plan: Plan, ctx: &mut Self::Context) {
        self.plan = plan.hosts;
        match plan.urgency {
            Urgency::None => {}
            Urgency::LastResort if !self.refused_for().is_zero() => {}
            Urgency::LastResort | Urgency::HostUp => self.open(ctx),
        }
    }
}

impl Handler<LinkFact> for ControlActor {
    type Result = ();

    fn handle(&mut self, LinkFact(fact): LinkFact, ctx: &mut Self::Context) {
        let is_closed = matches!(fact, ConnectionFact::Closed { .. });
        let (id, why) = match fact {
            ConnectionFact::Closed { id, reason, .. } => (id, reason.to_string()),
            // So few requests cannot all go unanswered on a connection that is worth keeping.
            ConnectionFact::Saturated { id } => (id, "too many unanswered requests".to_owned()),
            ConnectionFact::OutOfService { id } => (id, "the server serves nobody".to_owned()),
        };
        if self.link.as_ref().is_none_or(|link| link.id() != id) {
            return;
        }
        match &self.stopped {
            Some(_) if !is_closed => {}
            Some(closed) => {
                // Whoever shut the session down may have stopped waiting.
                let _ = closed.send(1);
                ctx.stop();
            }
            None => self.on_lost(&why, ctx),
        }
    }
}

impl Handler<Survey> for ControlActor {
    type Result = ();

    fn handle(&mut self, Survey { mut findings, answer }: Survey, _: &mut Self::Context) {
        findings.control = ControlSnapshot {
            connected: self.link.is_some(),
            events: self.inbox.came.get(),
            ..self.counts.clone()
        };
        // Whoever asked may have stopped waiting.
        let _ = answer.send(findings);
    }
}

impl Handler<Leave> for ControlActor {
    type Result = ();

    fn handle(&mut self, Leave { endpoint, gone }: Leave, ctx: &mut Self::Context) {
        let is_there =
            |link: &Rc<Link>| *link.endpoint() == endpoint || gone.is_some_and(|host| link.is_to(host));
        if self.link.as_ref().is_some_and(is_there) {
            self.on_lost("its host left the cluster", ctx);
        }
    }
}

impl Handler<StopControl> for ControlActor {
    type Result = ();

    fn handle(&mut self, StopControl { closed }: StopControl, ctx: &mut Self::Context) {
        tell_all(std::mem::take(&mut self.wanted).answers, &ControlError::ShutDown);
        if let Some(opening) = &mut self.opening {
            tell_all(std::mem::take(opening).answers, &ControlError::ShutDown);
        }
        self.setup.coordinator.set_control(None);
        match &self.link {
            // It ends when the connection tells that it is closed.
            Some(link) if !link.handle().is_closed() => link.handle().close(),
            _ => ctx.stop(),
        }
        self.stopped = Some(closed);
    }
}
