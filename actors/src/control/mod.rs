//! One actor a session: the connection that watches the cluster.
//!
//! Owns the control connection, the registration for events and their gathering, and every read of the system tables.
//! Started by the cluster on reactor 0, which tells it where to connect ([`Plan`]); it tells the cluster what it read
//! ([`ClusterRead`]) and what servers say about hosts ([`HostReported`]). When the connection is lost it moves to
//! another host, then to the contact points (resolved anew), then waits as the reconnection policy says; what was being
//! read is read again there. When the actor dies, the session goes on with the cluster as it was last seen.

mod agreement;
mod contact;
mod fetch;
mod link;
mod messages;
mod open;
mod pending;
mod read;
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
use tracing::{debug, error, info, warn};

use crate::cluster::{
    ClusterActor, ClusterRead, ControlLost, ControlMoved, HostReported, RoutesChanged, UseKeyspaceError,
};
use crate::config::{ControlConnectionFallback, Directory, EngineConfig};
use crate::connection::handshake::{ConnectOptions, Versions, use_statement};
use crate::connection::{ConnectionFact, ConnectionSettings};
use crate::coordinator::CoordinatorPort;
use crate::host::REFUSED_PAUSE;
use crate::internal::{ask, query_frame};
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
use messages::{EventsArrived, LinkFact};
use open::Opening;
use pending::Pending;
use read::Reader;

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

    /// Later dials go by the routes that were read.
    fn take_routes(&self, rows: &mut ClusterRows) {
        let (Some((scope, found)), Some(routes)) = (rows.routes.take(), &self.setup.config.client_routes)
        else {
            return;
        };
        let directory = &self.setup.directory;
        match directory.routes().updated(&scope, &found, routes, self.setup.config.is_secured()) {
            Ok(update) => {
                if update.unusable > 0 {
                    warn!(rows = update.unusable, "some rows of system.client_routes cannot be used");
                }
                debug!(hosts = update.table.len(), changed = update.changed.len(), "routes were read");
                directory.set_routes(update.table);
                if !update.changed.is_empty() {
                    self.setup.cluster.do_send(RoutesChanged { hosts: update.changed });
                }
            }
            Err(error) => error!(%error, "routes cannot be read"),
        }
    }

    /// Nobody can be asked: whoever waits is told so instead of waiting for a connection that may never come.
    fn fail_waiting(&mut self) {
        tell_all(std::mem::take(&mut self.wanted).answers, &ControlError::NotConnected);
        for answer in self.agreement.give_up() {
            let _ = answer.send(Err(ControlError::NotConnected));
        }
    }

    /// Acts on what is due, and sets the alarm for what is not.
    fn look_at_events(&mut self, ctx: &mut Context<Self>) {
        self.inbox.looked();
        if self.link.is_none() {
            // A connection that is being opened has registered and reads: what comes meanwhile may be news to it, and is
            // looked at when it is there. Otherwise a full read will answer it all.
            if self.opening.is_none() {
                self.inbox.pending.borrow_mut().clear();
            }
            return;
        }
        let now = self.inbox.now();
        let due = self.inbox.pending.borrow_mut().take_due(now);
        for (address, up) in due.statuses {
            self.setup.cluster.do_send(HostReported { address, up });
        }
        let schema = if self.setup.fetch.schema() { due.schema } else { SchemaParts::default() };
        self.wanted.scope.add(Scope { topology: due.topology, schema, routes: due.routes });
        self.read(ctx);
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let next = self.inbox.pending.borrow().next_due();
        if let Some(next) = next {
            let delay = Duration::from_millis(next.saturating_sub(now).max(1));
            self.alarm = Some(ctx.run_later(delay, |actor, ctx| {
                actor.alarm = None;
                actor.look_at_events(ctx);
            }));
        }
    }

    /// Reads what is wanted, unless something is being read: then it is read next, once, for all who ask meanwhile.
    fn read(&mut self, ctx: &mut Context<Self>) {
        let Some(link) = &self.link else { return };
        if self.reading.is_some() || self.wanted.scope.is_empty() || self.stopped.is_some() {
            return;
        }
        let wanted = std::mem::take(&mut self.wanted);
        let (link, config) = (Rc::clone(link), Arc::clone(&self.setup.config));
        let scope = wanted.scope.clone();
        self.reading = Some(wanted);
        let read = async move {
            let outcome = Reader::new(&link, &config).read(&scope).await;
            (link, outcome)
        };
        ctx.spawn(read.into_actor(self).map(|(link, outcome), actor, ctx| {
            let wanted = actor.reading.take().unwrap_or_default();
            actor.counts.refreshes[usize::from(outcome.is_err())] += 1;
            match outcome {
                Ok(mut rows) => {
                    actor.take_routes(&mut rows);
                    actor.setup.cluster.do_send(ClusterRead {
                        rows: Box::new(rows),
                        from: link.endpoint().clone(),
                        shape: link.shape(),
                        answers: wanted.answers,
                    });
                }
                Err(error) => {
                    // It is repeated on the next connection: this one is of no use if it cannot even do that.
                    actor.wanted.scope.add(wanted.scope);
                    actor.wanted.answers.extend(wanted.answers);
                    if actor.link.as_ref().is_some_and(|current| current.id() == link.id()) {
                        actor.on_lost(&error.to_string(), ctx);
                    }
                }
            }
            actor.read(ctx);
        }));
    }
}

/// Tells everybody who waits why there is no answer. Some may have stopped waiting.
fn tell_all(answers: Vec<Answer<()>>, why: &ControlError) {
    for answer in answers {
        let _ = answer.send(Err(why.clone()));
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

impl Handler<EventsArrived> for ControlActor {
    type Result = ();

    fn handle(&mut self, _: EventsArrived, ctx: &mut Self::Context) {
        self.look_at_events(ctx);
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

impl Handler<Read> for ControlActor {
    type Result = ();

    fn handle(&mut self, read: Read, ctx: &mut Self::Context) {
        if self.link.is_none() && self.opening.is_none() {
            if let Some(answer) = read.answer {
                let _ = answer.send(Err(ControlError::NotConnected));
            }
            return;
        }
        self.wanted.scope.add(read.scope);
        self.wanted.answers.extend(read.answer);
        self.read(ctx);
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

impl Handler<TryKeyspace> for ControlActor {
    type Result = ();

    fn handle(&mut self, TryKeyspace { keyspace, answer }: TryKeyspace, ctx: &mut Self::Context) {
        let Some(link) = self.link.clone() else {
            let _ = answer.send(Err(UseKeyspaceError::NotConnected));
            return;
        };
        let (cluster, timeout) = (self.setup.cluster.clone(), self.setup.config.control_timeout);
        let attempt = async move {
            let frame = query_frame(&link.shape(), &use_statement(&keyspace));
            match ask(link.handle(), frame, timeout).await {
                Ok(_) => {
                    cluster
                        .do_send(crate::cluster::KeyspaceExists { keyspace: Arc::clone(&keyspace), answer });
                    Some(keyspace)
                }
                Err(error) => {
                    let _ = answer.send(Err(UseKeyspaceError::Refused { reason: error.to_string().into() }));
                    None
                }
            }
        };
        ctx.spawn(attempt.into_actor(self).map(|used, actor, _| {
            if actor.serves_requests() && used.is_some() {
                actor.options.keyspace = used;
            }
        }));
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
