//! One member of a cluster as its connections see it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::time::{Duration, Instant};

use chorus_protocol::Event;
use tokio::sync::{broadcast, watch};

use super::auth::Credentials;
use super::fault::FaultRules;
use super::limits::Limits;
use super::prepared::PreparedStore;
use super::rate::RateLimiter;
use super::startup::Versions;
use super::statement::Prepared;
use crate::Database;
use crate::catalog::TableSchema;
use crate::cluster::{
    AimCounters, Division, Door, Epochs, Member, OwnerCache, Owners, Place, Roster, TabletStore,
};
use crate::system::Release;
use crate::system::{ClientRoutes, Traces};

/// Events a client may leave unread before it is disconnected.
const EVENT_BACKLOG: usize = 4096;

/// What the nodes of a cluster share.
pub(crate) struct Shared {
    pub(crate) roster: Arc<Roster>,
    pub(crate) database: Arc<Database>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) routes: Arc<ClientRoutes>,
    pub(crate) faults: FaultRules,
    pub(crate) limits: Limits,
    /// Who may connect; anybody if `None`.
    credentials: RwLock<Option<Credentials>>,
    /// How many were not let in.
    pub(crate) refused_logins: AtomicU64,
    pub(crate) versions: Versions,
    pub(crate) release: Release,
    /// Further entries of SUPPORTED.
    pub(crate) offers: Vec<(String, Vec<String>)>,
    pub(crate) tablets: TabletStore,
    pub(crate) rates: RateLimiter,
    owners: OwnerCache,
    /// What registered clients are told.
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    /// The numbers of the nodes that are down, and how many they are.
    down: RwLock<Vec<usize>>,
    down_count: AtomicUsize,
}

/// What is said about a cluster when it is made.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) versions: Versions,
    pub(crate) release: Release,
    /// Further entries of SUPPORTED.
    pub(crate) offers: Vec<(String, Vec<String>)>,
    /// What the places of tablets and the chances of fault rules are drawn from.
    pub(crate) seed: u64,
}

impl Shared {
    pub(crate) fn new(
        roster: Arc<Roster>,
        database: Arc<Database>,
        traces: Arc<Traces>,
        routes: Arc<ClientRoutes>,
        settings: Settings,
    ) -> Self {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let Settings { limits, credentials, versions, release, offers, seed } = settings;
        Self {
            roster,
            database,
            traces,
            routes,
            faults: FaultRules::new(seed),
            limits,
            credentials: RwLock::new(credentials),
            refused_logins: AtomicU64::new(0),
            versions,
            release,
            offers,
            tablets: TabletStore::new(seed),
            rates: RateLimiter::default(),
            owners: OwnerCache::default(),
            events,
            down: RwLock::default(),
            down_count: AtomicUsize::new(0),
        }
    }

    /// What changes whenever [`owners`](Self::owners) may.
    #[inline]
    pub(crate) fn epochs(&self) -> Epochs {
        [self.database.schema_epoch(), self.roster.epoch(), self.tablets.epoch()]
    }

    /// Who has the partitions of a table.
    pub(crate) fn owners(&self, table: &TableSchema) -> Arc<Owners> {
        // Read before what they tell of: a change in between makes the answer look old, never the other way round.
        let epochs = self.epochs();
        let (catalog, membership) = (self.database.catalog(), self.roster.now());
        self.owners.of(epochs, &catalog, table, &membership, |keyspace| {
            self.tablets.of(&catalog, keyspace, table, &membership)
        })
    }

    /// Who may connect now; anybody if `None`. Asked for once for each connection.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        self.credentials.read().expect("no code panics with the lock held").clone()
    }

    /// Lets in somebody else from now on. Those who are connected stay.
    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        *self.credentials.write().expect("no code panics with the lock held") = Some(credentials);
    }

    /// Notes that a node is up or down.
    pub(crate) fn mark(&self, node: usize, up: bool) {
        let mut down = self.down.write().expect("no code panics with the lock held");
        down.retain(|other| *other != node);
        if !up {
            down.push(node);
        }
        self.down_count.store(down.len(), Ordering::Release);
    }

    /// The nodes that are down; `None`, found out without a lock, when there are none.
    pub(crate) fn down(&self) -> Option<Vec<usize>> {
        if self.down_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(self.down.read().expect("no code panics with the lock held").clone())
    }

    /// Tells every registered client of every node.
    pub(crate) fn broadcast(&self, event: Event) {
        // Nobody listening is not an error.
        let _ = self.events.send(Arc::new(event));
    }
}

/// A node: what it remembers, who is connected, and whether it is to stop.
pub(crate) struct Node {
    pub(crate) index: usize,
    member: RwLock<Arc<Member>>,
    /// Its shards since it was started last; `None` when it has none.
    division: RwLock<Option<Arc<Division>>>,
    /// How well its clients aim.
    pub(crate) aims: AimCounters,
    pub(crate) shared: Arc<Shared>,
    pub(crate) prepared: PreparedStore<Prepared>,
    pub(crate) counters: Counters,
    /// True while nobody may be connected.
    pub(crate) stopped: watch::Sender<bool>,
    /// True while it does nothing for anybody, as a process that is suspended.
    pub(crate) frozen: watch::Sender<bool>,
    /// True from when it is told to leave until it is stopped.
    pub(crate) leaving: AtomicBool,
    presence: Presence,
    /// What it shows to clients that connect from now on; they are served plainly without it.
    #[cfg(feature = "tls")]
    tls: RwLock<Option<super::NodeTls>>,
}

/// What a node has done since its cluster was started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Requests refused because it was leaving.
    pub(crate) turned_away: AtomicU64,
}

/// How many listeners and connections there are, for whoever waits for the last one.
#[derive(Default)]
struct Presence {
    tasks: Mutex<usize>,
    gone: Condvar,
    connections: AtomicUsize,
    unready: AtomicUsize,
}

impl Node {
    pub(crate) fn new(member: Arc<Member>, shared: Arc<Shared>) -> Self {
        let prepared = PreparedStore::new(shared.limits.max_prepared);
        let (stopped, _) = watch::channel(true);
        let (frozen, _) = watch::channel(false);
        Self {
            index: member.index,
            member: RwLock::new(member),
            division: RwLock::default(),
            aims: AimCounters::default(),
            shared,
            prepared,
            counters: Counters::default(),
            stopped,
            frozen,
            leaving: AtomicBool::new(false),
            presence: Presence::default(),
            #[cfg(feature = "tls")]
            tls: RwLock::default(),
        }
    }

    /// What it is now.
    pub(crate) fn member(&self) -> Arc<Member> {
        Arc::clone(&self.member.read().expect("no code panics with the lock held"))
    }

    pub(crate) fn set_member(&self, member: Arc<Member>) {
        *self.member.write().expect("no code panics with the lock held") = member;
    }

    pub(crate) fn division(&self) -> Option<Arc<Division>> {
        self.division.read().expect("no code panics with the lock held").clone()
    }

    pub(crate) fn set_division(&self, division: Option<Arc<Division>>) {
        *self.division.write().expect("no code panics with the lock held") = division;
    }

    /// Whether connections that are accepted now speak TLS.
    pub(crate) fn is_secured(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls().is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// How connections are secured that are accepted now.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<super::NodeTls> {
        self.tls.read().expect("no code panics with the lock held").clone()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn set_tls(&self, tls: Option<super::NodeTls>) {
        *self.tls.write().expect("no code panics with the lock held") = tls;
    }

    /// Waits until it does something again, or is stopped.
    pub(crate) async fn thawed(&self) {
        if !*self.frozen.borrow() {
            return;
        }
        let (mut frozen, mut stopped) = (self.frozen.subscribe(), self.stopped.subscribe());
        // Neither sender goes away before the node does.
        tokio::select! {
            _ = frozen.wait_for(|frozen| !frozen) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    /// Connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.presence.connections.load(Ordering::Relaxed)
    }

    /// Waits until listener and connections are gone; false if they are not in time.
    pub(crate) fn wait_until_gone(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut tasks = self.presence.tasks.lock().expect("no code panics with the lock held");
        while *tasks > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (tasks, _) =
                self.presence.gone.wait_timeout(tasks, left).expect("no code panics with the lock held");
        }
        true
    }
}

/// Held by a task that serves for a node.
pub(crate) struct TaskGuard {
    node: Arc<Node>,
}

impl TaskGuard {
    pub(crate) fn new(node: &Arc<Node>) -> Self {
        *node.presence.tasks.lock().expect("no code panics with the lock held") += 1;
        Self { node: Arc::clone(node) }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        *self.node.presence.tasks.lock().expect("no code panics with the lock held") -= 1;
        self.node.presence.gone.notify_all();
    }
}

/// Held by a connection: its place among the connections a node allows.
pub(crate) struct Admission {
    task: TaskGuard,
    unready: bool,
    /// Which of the connections to the node it is, the first being 1.
    number: u64,
    /// Its place on a shard, until somebody takes it.
    place: Option<Place>,
}

impl Admission {
    /// A place for one more client that has not said who it is, if there is one. It came through `door` from `port`.
    pub(crate) fn request(node: &Arc<Node>, door: Door, port: u16) -> Option<Self> {
        let limits = &node.shared.limits;
        let presence = &node.presence;
        if presence.connections.load(Ordering::Relaxed) >= limits.max_connections
            || presence.unready.load(Ordering::Relaxed) >= limits.max_unready_connections
        {
            return None;
        }
        presence.connections.fetch_add(1, Ordering::Relaxed);
        presence.unready.fetch_add(1, Ordering::Relaxed);
        let number = node.counters.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let place = node.division().map(|division| Place::take(&division, door, port));
        Some(Self { task: TaskGuard::new(node), unready: true, number, place })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        self.task.node()
    }

    /// The client has finished its handshake.
    pub(crate) fn ready(&mut self) {
        if std::mem::take(&mut self.unready) {
            self.task.node.presence.unready.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.ready();
        self.task.node.presence.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
