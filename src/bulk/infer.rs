//! The CQL type a column of text most likely has.
//!
//! Cells are looked at one by one and a guess only ever widens: `bigint` becomes `double` when a fraction turns up,
//! anything becomes `text` when nothing else holds. What looks like a number but is a code (`007`, `+49`) is text,
//! because a number would lose what distinguishes it.

use chorus_protocol::CqlType;

use super::cell;

/// What the cells seen so far have in common. Ordered from nothing to anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Guess {
    #[default]
    Nothing,
    Boolean,
    Bigint,
    Double,
    Varint,
    Decimal,
    Date,
    Timestamp,
    Time,
    Uuid,
    Inet,
    Text,
}

/// The guess for one column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColumnGuess {
    guess: Guess,
    /// A whole number was seen that a double would round.
    beyond_double: bool,
}

impl ColumnGuess {
    /// Takes one cell into account. Empty cells say nothing.
    pub(crate) fn observe(&mut self, cell: &[u8]) {
        if cell.is_empty() || self.guess == Guess::Text {
            return;
        }
        let seen = self.kind(cell);
        self.guess = self.guess.join(seen);
        if self.beyond_double && self.guess == Guess::Double {
            self.guess = Guess::Decimal;
        }
    }

    /// The type to create the column with; a column without a value is text.
    pub(crate) fn cql_type(&self) -> CqlType {
        match self.guess {
            Guess::Boolean => CqlType::Boolean,
            Guess::Bigint => CqlType::Bigint,
            Guess::Double => CqlType::Double,
            Guess::Varint => CqlType::Varint,
            Guess::Decimal => CqlType::Decimal,
            Guess::Date => CqlType::Date,
            Guess::Timestamp => CqlType::Timestamp,
            Guess::Time => CqlType::Time,
            Guess::Uuid => CqlType::Uuid,
            Guess::Inet => CqlType::Inet,
            Guess::Nothing | Guess::Text => CqlType::Text,
        }
    }

    fn kind(&mut self, cell: &[u8]) -> Guess {
        match cell::whole_number_text(cell) {
            Some(Some(number)) => {
                self.beyond_double |= number.unsigned_abs() > 1 << 53;
                return Guess::Bigint;
            }
            Some(None) => return Guess::Varint,
            None => {}
        }
        if cell::decimal_text(cell) {
            Guess::Double
        } else if cell.eq_ignore_ascii_case(b"true") || cell.eq_ignore_ascii_case(b"false") {
            Guess::Boolean
        } else if cell::is_date_text(cell) {
            Guess::Date
        } else if cell::is_timestamp_text(cell) {
            Guess::Timestamp
        } else if cell::is_time_text(cell) {
            Guess::Time
        } else if cell::is_uuid_text(cell) {
            Guess::Uuid
        } else if cell::is_address_text(cell) {
            Guess::Inet
        } else {
            Guess::Text
        }
    }
}

impl Guess {
    /// The narrowest guess both are part of.
    fn join(self, other: Self) -> Self {
        use Guess::{Bigint, Date, Decimal, Double, Nothing, Text, Timestamp, Varint};
        let number = |guess| matches!(guess, Bigint | Double | Varint | Decimal);
        match (self, other) {
            (same, again) if same == again => same,
            (Nothing, other) => other,
            (Bigint, Double) | (Double, Bigint) => Double,
            (Bigint, Varint) | (Varint, Bigint) => Varint,
            (one, other) if number(one) && number(other) => Decimal,
            (Date, Timestamp) | (Timestamp, Date) => Timestamp,
            _ => Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(cells: &[&str]) -> CqlType {
        let mut guess = ColumnGuess::default();
        cells.iter().for_each(|cell| guess.observe(cell.as_bytes()));
        guess.cql_type()
    }

    #[test]
    fn each_type_is_recognised() {
        assert_eq!(guess(&["1", "-20", "0"]), CqlType::Bigint);
        assert_eq!(guess(&["1.5", "-0.25", "1e-3"]), CqlType::Double);
        assert_eq!(guess(&["true", "FALSE"]), CqlType::Boolean);
        assert_eq!(guess(&["2013-01-01"]), CqlType::Date);
        assert_eq!(guess(&["2013-01-01T06:00:00Z", "2013-01-01 06:00:00.5+02:00"]), CqlType::Timestamp);
        assert_eq!(guess(&["06:30:00"]), CqlType::Time);
        assert_eq!(guess(&["0f0e0d0c-0b0a-4908-8706-050403020100"]), CqlType::Uuid);
        assert_eq!(guess(&["10.0.0.1", "::1"]), CqlType::Inet);
        assert_eq!(guess(&["EWR"]), CqlType::Text);
    }

    #[test]
    fn guesses_widen_and_never_narrow() {
        assert_eq!(guess(&["1", "2", "2.5", "3"]), CqlType::Double);
        assert_eq!(guess(&["1", "99999999999999999999"]), CqlType::Varint);
        assert_eq!(guess(&["99999999999999999999", "0.5"]), CqlType::Decimal);
        assert_eq!(guess(&["2013-01-01", "2013-01-01T06:00:00Z"]), CqlType::Timestamp);
        assert_eq!(guess(&["1", "x", "2"]), CqlType::Text);
        assert_eq!(guess(&["1", "true"]), CqlType::Text);
    }

    #[test]
    fn whole_numbers_a_double_would_round_become_decimals() {
        assert_eq!(guess(&["9007199254740993", "0.5"]), CqlType::Decimal);
        assert_eq!(guess(&["0.5", "9007199254740993"]), CqlType::Decimal);
        assert_eq!(guess(&["9007199254740992", "0.5"]), CqlType::Double);
    }

    #[test]
    fn codes_stay_text_and_empty_cells_say_nothing() {
        assert_eq!(guess(&["1", "007"]), CqlType::Text);
        assert_eq!(guess(&["9E", "AA"]), CqlType::Text);
        assert_eq!(guess(&["", "5", ""]), CqlType::Bigint);
        assert_eq!(guess(&["", ""]), CqlType::Text);
    }
}
