//! Peers whose rows are not finished: when to read them again. Pure.
//!
//! A server writes what it hears of a new node piece by piece, and some tell clients of the node before they are through. A
//! row without tokens is of no use; nothing need be announced when they come. So the members are read again, soon at first
//! and then ever less often. Some rows never become whole, those of nodes that are long gone or own nothing: after a few
//! minutes only news make us look again.

use std::time::Duration;

use chorus_topology::metadata::Warning;

/// How soon an unfinished row is read again; the pause doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often the same unfinished rows are read: some three minutes.
const MOST_READS: u32 = 12;

/// What was unfinished at the last read, and how often.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    rows: Vec<Warning>,
    reads: u32,
}

impl Unfinished {
    /// Members were read: when to read them again, if any of them is unfinished.
    pub(super) fn on_read(&mut self, warnings: &[Warning]) -> Option<Duration> {
        let rows: Vec<Warning> =
            warnings.iter().filter(|warning| warning.is_unfinished_peer()).cloned().collect();
        if rows != self.rows {
            *self = Self { rows, reads: 0 };
        }
        if self.rows.is_empty() || self.reads == MOST_READS {
            return None;
        }
        self.reads += 1;
        Some((FIRST_PAUSE * 2_u32.pow(self.reads - 1)).min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_tokens(last: u8) -> Warning {
        Warning::PeerWithoutTokens { address: ([127, 0, 0, last], 9042).into() }
    }

    #[test]
    fn the_same_rows_are_read_ever_less_often_and_not_for_ever() {
        let mut unfinished = Unfinished::default();
        let rows = [without_tokens(2)];
        let pauses: Vec<Duration> = std::iter::from_fn(|| unfinished.on_read(&rows)).collect();
        assert_eq!(pauses[..3], [250, 500, 1000].map(Duration::from_millis));
        assert_eq!((pauses.len(), pauses.last()), (12, Some(&LONGEST_PAUSE)));
        assert!(pauses.iter().sum::<Duration>() < Duration::from_secs(240));
    }

    #[test]
    fn rows_that_changed_are_read_again_soon() {
        let mut unfinished = Unfinished::default();
        unfinished.on_read(&[without_tokens(2)]);
        unfinished.on_read(&[without_tokens(2)]);
        assert_eq!(unfinished.on_read(&[without_tokens(2), without_tokens(3)]), Some(FIRST_PAUSE));
    }

    #[test]
    fn whole_rows_are_not_read_again_whatever_else_is_wrong() {
        let address = ([127, 0, 0, 1], 9042).into();
        let other = Warning::InvalidToken { address, token: "x".to_owned() };
        let mut unfinished = Unfinished::default();
        assert_eq!(unfinished.on_read(&[]), None);
        assert_eq!(unfinished.on_read(&[other]), None);
    }
}
