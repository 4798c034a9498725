//! What was written, as it was reported: the truth that the tables are held against at the end.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chorus::Error;

/// What became of a write, as far as its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Acknowledged: it must be there.
    Done,
    /// Certainly not carried out: it must not be there.
    NotDone,
    /// May be either.
    Unknown,
}

impl Fate {
    pub(crate) fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(error) if error.may_have_been_applied() => Self::Unknown,
            Err(_) => Self::NotDone,
        }
    }

    /// Whether a write of this fate may have been carried out that many times.
    pub(crate) fn allows(self, times: usize) -> bool {
        match self {
            Self::Done => times == 1,
            Self::NotDone => times == 0,
            Self::Unknown => times <= 1,
        }
    }
}

/// Writes to one cell, one after the other: values that it may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register {
    /// The last that was acknowledged, and those after it that nobody knows of.
    pub(crate) possible: Vec<Option<i64>>,
}

impl Register {
    pub(crate) fn note(&mut self, value: i64, fate: Fate) {
        if self.possible.is_empty() {
            self.possible.push(None);
        }
        match fate {
            Fate::Done => self.possible = vec![Some(value)],
            Fate::NotDone => {}
            Fate::Unknown => self.possible.push(Some(value)),
        }
    }
}

/// Increments of one counter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Increments {
    pub(crate) done: i64,
    pub(crate) unknown: i64,
}

/// Attempts to be the first to write a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claim {
    /// Who was told that it is his, or that it is somebody's.
    pub(crate) owner: Option<i64>,
    /// Whose attempts may have been carried out.
    pub(crate) unknown: Vec<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Rows of `sim.log`, each written once, and whether there is one in `sim.pair` with it.
    pub(crate) rows: BTreeMap<i64, (Fate, bool)>,
    pub(crate) registers: BTreeMap<i64, Register>,
    pub(crate) counters: BTreeMap<i32, Increments>,
    /// Items appended to lists, each once.
    pub(crate) items: BTreeMap<i32, BTreeMap<i64, Fate>>,
    pub(crate) claims: BTreeMap<i64, Claim>,
}

impl Ledger {
    /// Looks at the books or changes them.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Books) -> T) -> T {
        work(&mut self.books.lock().expect("no code panics with the lock held"))
    }

    pub(crate) fn row(&self, id: i64, fate: Fate, paired: bool) {
        self.with(|books| books.rows.insert(id, (fate, paired)));
    }
}

/// What a row of that id says: nobody else's answer looks like it.
pub(crate) fn marker(seed: u64, id: i64) -> String {
    let mixed = (seed ^ (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .rotate_left(17)
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    // Of many lengths, some beyond what answers are kept in place for.
    let length = match mixed % 50 {
        0 => 5_000,
        short => short as usize,
    };
    format!("{id}:{mixed:016x}:{}", "x".repeat(length))
}
