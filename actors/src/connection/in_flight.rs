//! Which stream id belongs to whom.
//!
//! ```text
//!  Free ──take──> Request / Row / Heartbeat ──answer──> Free
//!                        │ deadline, caller left
//!                        └──> Orphan ──late answer──> Free
//! ```
//! An id goes back to the free list when its answer has come and never before, so no answer can reach the wrong
//! caller. The table grows to the largest number of ids ever in flight; ids are reused last in, first out, which
//! keeps it short and warm.

use crate::request::Request;

/// Who waits on a stream id.
pub(crate) enum Occupant {
    Free,
    Request(Box<Request>),
    Row {
        chunk: u32,
        row: u32,
    },
    Heartbeat,
    /// Nobody, since this time (microseconds).
    Orphan {
        since_us: u64,
    },
}

/// The ids a client may use: the sign bit is the server's.
pub(crate) const STREAM_IDS: usize = 32_768;

struct Entry {
    occupant: Occupant,
    /// When it was written, microseconds.
    written_us: u64,
    /// When the wait ends, microseconds; zero for never.
    deadline_us: u64,
}

/// See the module documentation.
pub(crate) struct InFlight {
    entries: Vec<Entry>,
    free: Vec<u16>,
    orphans: u32,
    /// No deadline in the table is earlier than this; zero when there is none.
    next_deadline_us: u64,
}

/// An occupant and when its request was written.
pub(crate) struct Taken {
    pub(crate) occupant: Occupant,
    pub(crate) written_us: u64,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), orphans: 0, next_deadline_us: 0 }
    }

    /// Ids in use, orphans included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn orphans(&self) -> u32 {
        self.orphans
    }

    /// Reserves an id, or gives the occupant back when all are in use.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        occupant: Occupant,
        written_us: u64,
        deadline_us: u64,
    ) -> Result<u16, Occupant> {
        match self.reserve() {
            Some(id) => {
                self.occupy(id, occupant, written_us, deadline_us);
                Ok(id)
            }
            None => Err(occupant),
        }
    }

    /// Takes an id from the free list, to be [occupied](Self::occupy) at once. `None` when all are in use.
    #[inline]
    pub(crate) fn reserve(&mut self) -> Option<u16> {
        match self.free.pop() {
            Some(id) => Some(id),
            None => self.grow(),
        }
    }

    #[cold]
    fn grow(&mut self) -> Option<u16> {
        let id = self.entries.len();
        if id == STREAM_IDS {
            return None;
        }
        self.entries.push(Entry { occupant: Occupant::Free, written_us: 0, deadline_us: 0 });
        Some(id as u16)
    }

    /// Notes who waits on a reserved id.
    #[inline]
    pub(crate) fn occupy(&mut self, id: u16, occupant: Occupant, written_us: u64, deadline_us: u64) {
        if deadline_us != 0 && (self.next_deadline_us == 0 || deadline_us < self.next_deadline_us) {
            self.next_deadline_us = deadline_us;
        }
        let entry = &mut self.entries[usize::from(id)];
        debug_assert!(matches!(entry.occupant, Occupant::Free));
        *entry = Entry { occupant, written_us, deadline_us };
    }

    /// Frees the id an answer came for. `None` when nothing was ever sent on it or it was answered before.
    #[inline]
    pub(crate) fn answer(&mut self, stream: i16) -> Option<Taken> {
        let index = usize::try_from(stream).ok()?;
        let entry = self.entries.get_mut(index)?;
        if matches!(entry.occupant, Occupant::Free) {
            return None;
        }
        let occupant = std::mem::replace(&mut entry.occupant, Occupant::Free);
        let written_us = entry.written_us;
        self.free.push(index as u16);
        if matches!(occupant, Occupant::Orphan { .. }) {
            self.orphans -= 1;
        }
        Some(Taken { occupant, written_us })
    }

    /// Frees the id of a row or request that was acknowledged. `None`, and nothing changes, when it is neither that waits
    /// there.
    #[inline]
    pub(crate) fn acknowledge(&mut self, stream: i16) -> Option<Taken> {
        let index = usize::try_from(stream).ok()?;
        let entry = self.entries.get_mut(index)?;
        if !matches!(entry.occupant, Occupant::Row { .. } | Occupant::Request(_)) {
            return None;
        }
        let occupant = std::mem::replace(&mut entry.occupant, Occupant::Free);
        let written_us = entry.written_us;
        self.free.push(index as u16);
        Some(Taken { occupant, written_us })
    }

    /// Whether a sweep at `now_us` could find anything expired.
    pub(crate) fn is_due(&self, now_us: u64) -> bool {
        self.next_deadline_us != 0 && self.next_deadline_us <= now_us
    }

    /// Turns expired entries into orphans and gives their occupants away. With `abandoned`, also those whose
    /// callers have left.
    pub(crate) fn sweep(&mut self, now_us: u64, abandoned: bool, mut expired: impl FnMut(Occupant)) {
        let mut next = 0;
        for entry in &mut self.entries {
            let left = match &entry.occupant {
                Occupant::Free | Occupant::Orphan { .. } => continue,
                Occupant::Request(request) => abandoned && request.is_abandoned(),
                Occupant::Row { .. } | Occupant::Heartbeat => false,
            };
            if left || (entry.deadline_us != 0 && entry.deadline_us <= now_us) {
                let occupant = std::mem::replace(&mut entry.occupant, Occupant::Orphan { since_us: now_us });
                self.orphans += 1;
                expired(occupant);
            } else if entry.deadline_us != 0 && (next == 0 || entry.deadline_us < next) {
                next = entry.deadline_us;
            }
        }
        self.next_deadline_us = next;
    }

    /// Every occupant with the time its request was written.
    pub(crate) fn occupants(&mut self) -> impl Iterator<Item = (&mut Occupant, u64)> {
        self.entries.iter_mut().map(|entry| (&mut entry.occupant, entry.written_us))
    }

    /// How many orphans have waited longer than `age_us`.
    pub(crate) fn orphans_older_than(&self, now_us: u64, age_us: u64) -> u32 {
        if self.orphans == 0 {
            return 0;
        }
        let old = |entry: &&Entry| match entry.occupant {
            Occupant::Orphan { since_us } => now_us.saturating_sub(since_us) >= age_us,
            _ => false,
        };
        self.entries.iter().filter(old).count() as u32
    }

    /// Empties the table when the connection is gone.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Occupant> {
        self.free.clear();
        self.orphans = 0;
        self.next_deadline_us = 0;
        std::mem::take(&mut self.entries).into_iter().map(|entry| entry.occupant)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn row(row: u32) -> Occupant {
        Occupant::Row { chunk: 0, row }
    }

    #[test]
    fn an_answer_frees_its_id_once() {
        let mut table = InFlight::new();
        let id = table.insert(row(7), 5, 0).ok().expect("room");
        assert_eq!(table.len(), 1);
        let taken = table.answer(id as i16).expect("in flight");
        assert!(matches!(taken.occupant, Occupant::Row { row: 7, .. }));
        assert_eq!(taken.written_us, 5);
        assert!(table.answer(id as i16).is_none(), "the second answer to one stream finds nobody");
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn only_rows_and_requests_that_wait_are_acknowledged() {
        let mut table = InFlight::new();
        let id = table.insert(row(7), 5, 0).ok().expect("room") as i16;
        let request = Occupant::Request(Box::new(Request::new()));
        let request = table.insert(request, 6, 0).ok().expect("room") as i16;
        let late = table.insert(row(8), 5, 10).ok().expect("room") as i16;
        table.sweep(10, false, |_| {});
        let other = table.insert(Occupant::Heartbeat, 5, 0).ok().expect("room") as i16;
        assert!([other, late, -1, 99].into_iter().all(|stream| table.acknowledge(stream).is_none()));
        let taken = table.acknowledge(id).expect("it waits");
        assert!(matches!(taken.occupant, Occupant::Row { row: 7, .. }) && taken.written_us == 5);
        assert!(table.acknowledge(id).is_none(), "the second answer to one stream finds nobody");
        let taken = table.acknowledge(request).expect("it waits");
        assert!(matches!(taken.occupant, Occupant::Request(_)) && taken.written_us == 6);
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn answers_on_ids_never_sent_find_nobody() {
        let mut table = InFlight::new();
        assert!(table.answer(3).is_none());
        assert!(table.answer(-1).is_none());
        assert!(table.answer(i16::MIN).is_none());
    }

    #[test]
    fn orphaned_stream_is_not_reused_before_its_answer() {
        let mut table = InFlight::new();
        let id = table.insert(row(0), 0, 100).ok().expect("room");
        let mut expired = 0;
        table.sweep(100, false, |_| expired += 1);
        assert_eq!((expired, table.orphans(), table.len()), (1, 1, 1));
        let other = table.insert(row(1), 0, 0).ok().expect("room");
        assert_ne!(id, other);
        let late = table.answer(id as i16).expect("the late answer frees it");
        assert!(matches!(late.occupant, Occupant::Orphan { since_us: 100 }));
        assert_eq!(table.orphans(), 0);
        assert_eq!(table.insert(row(2), 0, 0).ok(), Some(id));
    }

    #[test]
    fn a_full_table_gives_the_occupant_back() {
        let mut table = InFlight::new();
        for index in 0..STREAM_IDS {
            assert_eq!(table.insert(row(index as u32), 0, 0).ok(), Some(index as u16));
        }
        assert!(matches!(table.insert(row(9), 0, 0), Err(Occupant::Row { row: 9, .. })));
        table.answer(0).expect("in flight");
        assert_eq!(table.insert(row(9), 0, 0).ok(), Some(0));
    }

    #[test]
    fn sweeping_keeps_the_earliest_deadline_that_is_left() {
        let mut table = InFlight::new();
        for deadline in [300, 100, 200] {
            table.insert(row(deadline as u32), 0, deadline).ok().expect("room");
        }
        assert!(!table.is_due(99));
        assert!(table.is_due(100));
        table.sweep(150, false, |_| {});
        assert!(!table.is_due(199));
        assert!(table.is_due(200));
        assert_eq!(table.orphans_older_than(150 + 50, 50), 1);
        assert_eq!(table.orphans_older_than(150 + 49, 50), 0);
    }

    /// What may happen to the table. Numbers choose among the ids there are, and some there are not.
    #[derive(Debug, Clone)]
    enum Event {
        Send { deadline_us: u64 },
        Answer(u16),
        Acknowledge(u16),
        Sweep { now_us: u64 },
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0u64..100).prop_map(|deadline_us| Event::Send { deadline_us }),
            3 => (0u16..24).prop_map(Event::Answer),
            1 => (0u16..24).prop_map(Event::Acknowledge),
            1 => (0u64..100).prop_map(|now_us| Event::Sweep { now_us }),
        ]
    }

    /// Who waits on an id, as simply as it can be said.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Expected {
        Row { row: u32, deadline_us: u64 },
        Orphan,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn f23_f20_f22_whatever_happens_no_id_is_used_twice_and_none_is_lost(
            events in proptest::collection::vec(event(), 0..120),
        ) {
            let mut table = InFlight::new();
            let mut expected: BTreeMap<u16, Expected> = BTreeMap::new();
            let mut next_row = 0;
            for event in events {
                match event {
                    Event::Send { deadline_us } => {
                        let id = table.insert(row(next_row), 0, deadline_us).ok().expect("there are 32768");
                        let before = expected.insert(id, Expected::Row { row: next_row, deadline_us });
                        prop_assert_eq!(before, None, "the id was in use");
                        next_row += 1;
                    }
                    Event::Answer(id) => {
                        let taken = table.answer(id as i16).map(|taken| taken.occupant);
                        match (taken, expected.remove(&id)) {
                            (None, None) | (Some(Occupant::Orphan { .. }), Some(Expected::Orphan)) => {}
                            (Some(Occupant::Row { row, .. }), Some(Expected::Row { row: mine, .. })) => {
                                prop_assert_eq!(row, mine, "the answer reached another");
                            }
                            (_, expected) => {
                                return Err(TestCaseError::fail(format!("{id} was {expected:?}")));
                            }
                        }
                    }
                    Event::Acknowledge(id) => {
                        let waits = matches!(expected.get(&id), Some(Expected::Row { .. }));
                        prop_assert_eq!(table.acknowledge(id as i16).is_some(), waits);
                        if waits {
                            expected.remove(&id);
                        }
                    }
                    Event::Sweep { now_us } => {
                        let mut expired = Vec::new();
                        let due = table.is_due(now_us);
                        table.sweep(now_us, false, |occupant| {
                            if let Occupant::Row { row, .. } = occupant {
                                expired.push(row);
                            }
                        });
                        let mut mine = Vec::new();
                        for entry in expected.values_mut() {
                            if let Expected::Row { row, deadline_us } = *entry
                                && deadline_us != 0
                                && deadline_us <= now_us
                            {
                                mine.push(row);
                                *entry = Expected::Orphan;
                            }
                        }
                        prop_assert!(due || mine.is_empty(), "a sweep that was not thought necessary found some");
                        expired.sort_unstable();
                        mine.sort_unstable();
                        prop_assert_eq!(expired, mine);
                    }
                }
                let orphans = expected.values().filter(|entry| **entry == Expected::Orphan).count();
                prop_assert_eq!((table.len(), table.orphans() as usize), (expected.len(), orphans));
            }
            // Whoever is left is handed back when the connection ends, each once.
            let left = table.drain().filter(|occupant| !matches!(occupant, Occupant::Free)).count();
            prop_assert_eq!(left, expected.len());
            prop_assert_eq!((table.len(), table.orphans()), (0, 0));
        }
    }
}
