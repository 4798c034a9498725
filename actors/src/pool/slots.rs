//! Which connections a pool has, wants and lacks. Pure: handles are a type parameter, dialling is somebody else's.

use chorus_topology::Sharding;

use super::wanted::Wanted;

/// The number of a connection, given by its pool and never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A place of the pool that a connection can fill: a shard, or any place where there are no shards.
pub(crate) type Shard = Option<u16>;

/// What becomes of a connection that was just established.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It fills a place: requests may use it.
    Keep,
    /// Its shard is served already. It is parked, so that the server gives the next one another shard.
    Park,
    /// It is of no use and is closed.
    Close,
}

/// The connections of one pool.
pub(crate) struct Slots<H> {
    wanted: Wanted,
    sharding: Option<Sharding>,
    entries: Vec<Entry<H>>,
    /// Parked connections: idle, held only to make the server choose other shards.
    excess: Vec<H>,
    dialling: Vec<Shard>,
}

struct Entry<H> {
    id: ConnectionId,
    shard: Shard,
    stage: Stage,
    handle: H,
}

/// How far a connection is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It serves.
    Serving,
    /// It still serves, and a replacement is wanted.
    Replacing,
    /// It takes nothing new and ends when its last request is answered.
    Leaving,
}

impl<H> Entry<H> {
    fn fills(&self, place: Shard) -> bool {
        self.shard == place && self.stage == Stage::Serving
    }
}

impl<H> Slots<H> {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self { wanted, sharding: None, entries: Vec::new(), excess: Vec::new(), dialling: Vec::new() }
    }

    /// The places that neither a connection fills nor a dial is under way for.
    pub(crate) fn missing(&self) -> Vec<Shard> {
        let mut missing = Vec::new();
        for (shard, target) in self.wanted.places(self.sharding) {
            let filled = self.filled(shard);
            let dialled = self.dialling.iter().filter(|&&dialled| dialled == shard).count();
            missing.extend(std::iter::repeat_n(shard, usize::from(target).saturating_sub(filled + dialled)));
        }
        missing
    }

    /// How many connections there should be.
    pub(crate) fn target(&self) -> u32 {
        self.wanted.places(self.sharding).iter().map(|(_, target)| u32::from(*target)).sum()
    }

    /// A dial for `shard` was begun.
    pub(crate) fn on_dial(&mut self, shard: Shard) {
        self.dialling.push(shard);
    }

    /// A dial for `shard` ended, one way or the other.
    pub(crate) fn on_dialled(&mut self, shard: Shard) {
        if let Some(at) = self.dialling.iter().position(|&dialled| dialled == shard) {
            self.dialling.swap_remove(at);
        }
    }

    /// What a new connection on `shard` of a host with this `sharding` is good for.
    ///
    /// The sharding may be news: it is adopted, and what is [`missing`](Self::missing) changes with it. A host that
    /// was restarted with another number of shards invalidates every place; connections keep working as they are.
    pub(crate) fn judge(&mut self, shard: Shard, sharding: Option<Sharding>) -> Verdict {
        if self.sharding != sharding {
            self.sharding = sharding;
            // Dials under way aimed at places that may no longer exist; they are judged when they arrive.
            self.dialling.clear();
        }
        let place = self.place(shard);
        let target = self
            .wanted
            .places(self.sharding)
            .into_iter()
            .find(|&(wanted, _)| wanted == place)
            .map_or(0, |(_, target)| usize::from(target));
        if self.filled(place) < target {
            Verdict::Keep
        } else if !self.missing_at_all() {
            Verdict::Close
        } else if self.entries.iter().all(|entry| entry.stage != Stage::Serving) {
            // Better a connection to a shard of another reactor than none.
            Verdict::Keep
        } else {
            Verdict::Park
        }
    }

    fn missing_at_all(&self) -> bool {
        self.wanted
            .places(self.sharding)
            .into_iter()
            .any(|(shard, target)| self.filled(shard) < usize::from(target))
    }

    fn filled(&self, place: Shard) -> usize {
        self.entries.iter().filter(|entry| entry.fills(place)).count()
    }

    /// The place a connection on `shard` fills: where the pool does not count by shards, every one fills the same.
    fn place(&self, shard: Shard) -> Shard {
        if self.wanted.by_shard(self.sharding) { shard } else { None }
    }

    /// Adds a connection that was judged worth keeping. Returns those it makes superfluous, which are to be drained: those it
    /// replaces, and connections to shards of other reactors once each place of this one is filled.
    #[must_use]
    pub(crate) fn insert(&mut self, id: ConnectionId, shard: Shard, handle: H) -> Vec<ConnectionId> {
        let shard = self.place(shard);
        let mut replaced = Vec::new();
        for entry in &mut self.entries {
            if entry.shard == shard && entry.stage == Stage::Replacing {
                entry.stage = Stage::Leaving;
                replaced.push(entry.id);
            }
        }
        self.entries.push(Entry { id, shard, stage: Stage::Serving, handle });
        if !self.missing_at_all() {
            let places = self.wanted.places(self.sharding);
            let foreign = |entry: &&mut Entry<H>| {
                entry.stage == Stage::Serving && places.iter().all(|(place, _)| *place != entry.shard)
            };
            for entry in self.entries.iter_mut().filter(foreign) {
                entry.stage = Stage::Leaving;
                replaced.push(entry.id);
            }
        }
        replaced
    }

    /// Parks a connection. Returns the parked ones to close: all of them, once there are more than three a shard or
    /// nothing is missing any more.
    #[must_use]
    pub(crate) fn park(&mut self, handle: H) -> Vec<H> {
        self.excess.push(handle);
        let most = 3 * usize::from(self.sharding.map_or(1, |sharding| sharding.nr_shards));
        if self.excess.len() > most { std::mem::take(&mut self.excess) } else { self.surplus() }
    }

    /// The parked connections, when there is no longer a reason to hold them.
    #[must_use]
    pub(crate) fn surplus(&mut self) -> Vec<H> {
        if self.missing_at_all() { Vec::new() } else { std::mem::take(&mut self.excess) }
    }

    /// A connection should be replaced; it serves until its replacement is there.
    pub(crate) fn replace(&mut self, id: ConnectionId) {
        if let Some(entry) =
            self.entries.iter_mut().find(|entry| entry.id == id && entry.stage == Stage::Serving)
        {
            entry.stage = Stage::Replacing;
        }
    }

    /// The handle of a connection that is not parked.
    pub(crate) fn handle(&self, id: ConnectionId) -> Option<&H> {
        self.entries.iter().find(|entry| entry.id == id).map(|entry| &entry.handle)
    }

    /// Whether requests may use it.
    pub(crate) fn serves(&self, id: ConnectionId) -> bool {
        self.entries.iter().any(|entry| entry.id == id && entry.stage != Stage::Leaving)
    }

    /// Removes a connection and gives its handle back.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<H> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.swap_remove(at).handle)
    }

    /// Every connection that serves is to leave. Returns them: they are to be drained.
    #[must_use]
    pub(crate) fn dismiss(&mut self) -> Vec<ConnectionId> {
        let serving = self.entries.iter_mut().filter(|entry| entry.stage != Stage::Leaving);
        serving
            .map(|entry| {
                entry.stage = Stage::Leaving;
                entry.id
            })
            .collect()
    }

    /// The pool is going: nothing is missing any more. Returns the parked connections, which held no request ever.
    #[must_use]
    pub(crate) fn wind_up(&mut self) -> Vec<H> {
        self.dialling.clear();
        std::mem::take(&mut self.excess)
    }

    /// Takes out every connection that is left.
    pub(crate) fn clear(&mut self) -> Vec<H> {
        self.entries.drain(..).map(|entry| entry.handle).collect()
    }

    /// Connections that requests may use.
    pub(crate) fn usable(&self) -> usize {
        self.entries.iter().filter(|entry| entry.stage != Stage::Leaving).count()
    }

    /// Every connection, leaving ones included, parked ones not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &H> {
        self.entries.iter().map(|entry| &entry.handle)
    }

    /// Connections that are not parked.
    pub(crate) fn open(&self) -> usize {
        self.entries.len()
    }

    /// The shards of the host, as its last connection told.
    pub(crate) fn sharding(&self) -> Option<Sharding> {
        self.sharding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PoolSize;
    use std::num::NonZeroU16;

    fn one(count: u16) -> NonZeroU16 {
        NonZeroU16::new(count).unwrap()
    }

    fn slots(size: PoolSize) -> Slots<&'static str> {
        Slots::new(Wanted { size, host: 0, reactor: 0, reactors: 1 })
    }

    const FOUR: Option<Sharding> = Some(Sharding { nr_shards: 4, ignore_msb: 12 });

    #[test]
    fn a_host_without_shards_is_filled_to_its_size() {
        let mut slots = slots(PoolSize::PerHost(one(2)));
        assert_eq!(slots.missing(), [None, None]);
        slots.on_dial(None);
        assert_eq!(slots.missing(), [None]);
        slots.on_dialled(None);
        assert_eq!(slots.judge(None, None), Verdict::Keep);
        let _ = slots.insert(ConnectionId(1), None, "a");
        assert_eq!(slots.missing(), [None]);
        let _ = slots.insert(ConnectionId(2), None, "b");
        assert!(slots.missing().is_empty());
        assert_eq!(slots.judge(None, None), Verdict::Close);
    }

    #[test]
    fn the_first_connection_tells_the_shards_and_the_others_are_dialled() {
        let mut slots = slots(PoolSize::PerShard(one(1)));
        assert_eq!(slots.missing(), [None]);
        slots.on_dial(None);
        slots.on_dialled(None);
        assert_eq!(slots.judge(Some(2), FOUR), Verdict::Keep);
        let _ = slots.insert(ConnectionId(1), Some(2), "a");
        assert_eq!(slots.missing(), [Some(0), Some(1), Some(3)]);
    }

    #[test]
    fn an_arbitrary_shard_is_parked_while_others_are_missing_and_released_when_all_are_there() {
        let mut slots = slots(PoolSize::PerShard(one(1)));
        for (id, shard) in [(1, 0), (2, 1)] {
            assert_eq!(slots.judge(Some(shard), FOUR), Verdict::Keep);
            let _ = slots.insert(ConnectionId(id), Some(shard), "kept");
        }
        assert_eq!(slots.judge(Some(1), FOUR), Verdict::Park);
        assert!(slots.park("parked").is_empty());
        let _ = slots.insert(ConnectionId(3), Some(2), "kept");
        let _ = slots.insert(ConnectionId(4), Some(3), "kept");
        assert_eq!(slots.surplus(), ["parked"]);
        assert_eq!(slots.judge(Some(1), FOUR), Verdict::Close);
    }

    #[test]
    fn more_than_three_parked_connections_a_shard_are_closed_together() {
        let mut slots = slots(PoolSize::PerShard(one(1)));
        let _ = slots.judge(Some(0), FOUR);
        let _ = slots.insert(ConnectionId(0), Some(0), "kept");
        for _ in 0..12 {
            assert!(slots.park("parked").is_empty());
        }
        assert_eq!(slots.park("parked").len(), 13);
    }

    #[test]
    fn a_connection_serves_until_its_replacement_is_there_and_leaves_then() {
        let mut slots = slots(PoolSize::PerHost(one(1)));
        assert!(slots.insert(ConnectionId(7), None, "old").is_empty());
        slots.replace(ConnectionId(7));
        assert_eq!(slots.missing(), [None]);
        assert_eq!(slots.usable(), 1);
        assert_eq!(slots.judge(None, None), Verdict::Keep);
        assert_eq!(slots.insert(ConnectionId(8), None, "new"), [ConnectionId(7)]);
        assert_eq!((slots.usable(), slots.open()), (1, 2));
        assert_eq!(slots.remove(ConnectionId(7)), Some("old"));
        assert_eq!(slots.remove(ConnectionId(7)), None);
        assert_eq!((slots.usable(), slots.open()), (1, 1));
        assert!(slots.missing().is_empty());
    }

    #[test]
    fn connections_that_are_dismissed_serve_no_more_and_their_places_are_missing() {
        let mut slots = slots(PoolSize::PerHost(one(2)));
        let _ = slots.insert(ConnectionId(1), None, "a");
        let _ = slots.insert(ConnectionId(2), None, "b");
        slots.replace(ConnectionId(2));
        assert_eq!(slots.dismiss(), [ConnectionId(1), ConnectionId(2)]);
        assert_eq!((slots.usable(), slots.open(), slots.missing().len()), (0, 2, 2));
        assert!(slots.dismiss().is_empty(), "they leave once");
    }

    #[test]
    fn a_host_restarted_with_fewer_shards_is_filled_by_the_new_count() {
        let mut slots = slots(PoolSize::PerShard(one(1)));
        for shard in 0..4 {
            assert_eq!(slots.judge(Some(shard), FOUR), Verdict::Keep);
            let _ = slots.insert(ConnectionId(u64::from(shard)), Some(shard), "old");
        }
        for shard in 0..4 {
            slots.remove(ConnectionId(shard));
        }
        let two = Some(Sharding { nr_shards: 2, ignore_msb: 12 });
        assert_eq!(slots.judge(Some(1), two), Verdict::Keep);
        let _ = slots.insert(ConnectionId(9), Some(1), "new");
        assert_eq!(slots.missing(), [Some(0)]);
    }

    #[test]
    fn a_reactor_keeps_a_connection_to_a_foreign_shard_rather_than_none() {
        let wanted = Wanted { size: PoolSize::PerShard(one(1)), host: 0, reactor: 1, reactors: 2 };
        let mut slots: Slots<&str> = Slots::new(wanted);
        assert_eq!(slots.judge(Some(0), FOUR), Verdict::Keep);
        let _ = slots.insert(ConnectionId(1), Some(0), "foreign");
        assert_eq!(slots.missing(), [Some(1), Some(3)]);
        assert_eq!(slots.judge(Some(2), FOUR), Verdict::Park);
        assert_eq!(slots.insert(ConnectionId(2), Some(1), "own"), []);
        assert_eq!(
            slots.insert(ConnectionId(3), Some(3), "own"),
            [ConnectionId(1)],
            "it is not needed any more"
        );
        assert_eq!(slots.usable(), 2);
    }
}
