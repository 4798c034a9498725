//! Stretches of tokens.

use std::cmp::Ordering;
use std::fmt;

use chorus_protocol::CqlValue;
use chorus_protocol::token::{AnyToken, Partitioner, Token};

/// A stretch of tokens: those behind `after`, up to and with `last`. It never goes round: where the ring begins and ends there is
/// no bound.
///
/// ```
/// use chorus::scan::{AnyToken, Partitioner, ScanRange};
///
/// let token = |text: &str| Partitioner::Murmur3.parse_token(text).unwrap();
/// let range = ScanRange::new(token("-5"), None);
/// assert_eq!(range.to_string(), "(-5, ..]");
/// assert!(range.contains(&token("-4")) && !range.contains(&token("-5")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScanRange {
    /// The last token before it; `None` when it has all from the lowest on.
    pub after: Option<AnyToken>,
    /// Its last token; `None` when it has all up to the highest.
    pub last: Option<AnyToken>,
}

impl ScanRange {
    /// Every token.
    pub const ALL: Self = Self { after: None, last: None };

    /// The tokens behind `after`, up to and with `last`. Tokens are read from text by
    /// [`Partitioner::parse_token`], that of the cluster being in [`ClusterState`](crate::ClusterState).
    pub fn new(after: impl Into<Option<AnyToken>>, last: impl Into<Option<AnyToken>>) -> Self {
        Self { after: after.into(), last: last.into() }
    }

    /// Whether a token is in it.
    pub fn contains(&self, token: &AnyToken) -> bool {
        self.after.as_ref().is_none_or(|after| after < token)
            && self.last.as_ref().is_none_or(|last| token <= last)
    }

    /// Whether no token is in it, because it ends where it begins or before.
    pub fn is_empty(&self) -> bool {
        matches!((&self.after, &self.last), (Some(after), Some(last)) if after >= last)
    }

    /// What both have.
    pub(super) fn within(&self, other: &Self) -> Option<Self> {
        let after = self.after.clone().max(other.after.clone());
        let last = match self.ends_before(other) {
            Ordering::Greater => other.last.clone(),
            _ => self.last.clone(),
        };
        let both = Self { after, last };
        (!both.is_empty()).then_some(both)
    }

    /// The order of their ends; no bound is behind every token.
    pub(super) fn ends_before(&self, other: &Self) -> Ordering {
        match (&self.last, &other.last) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => one.cmp(two),
        }
    }

    /// How many tokens it has; `None` where tokens cannot be counted.
    pub(super) fn width(&self, partitioner: Partitioner) -> Option<u128> {
        let (after, last) = self.places(partitioner)?;
        Some(last.saturating_sub(after))
    }

    /// Cuts it into so many parts of about the same size, or as many as it has tokens. Uncut where tokens cannot be counted.
    pub(super) fn cut(&self, partitioner: Partitioner, parts: u128) -> Vec<Self> {
        let whole = || vec![self.clone()];
        let Some((first, last)) = self.places(partitioner) else { return whole() };
        let width = last.saturating_sub(first);
        let parts = parts.min(width);
        if parts <= 1 {
            return whole();
        }
        let (step, rest) = (width / parts, width % parts);
        let mut cut = Vec::new();
        let mut after = self.after.clone();
        for part in 1..parts {
            let token = token_at(partitioner, first + step * part + rest.min(part));
            cut.push(Self { after, last: token.clone() });
            after = token;
        }
        cut.push(Self { after, last: self.last.clone() });
        cut
    }

    /// Its ends as numbers that count tokens.
    fn places(&self, partitioner: Partitioner) -> Option<(u128, u128)> {
        let (lowest, highest) = match partitioner {
            Partitioner::Murmur3 => (0, u128::from(u64::MAX)),
            Partitioner::Random => (0, 1 << 127),
            Partitioner::ByteOrdered | Partitioner::Other => return None,
        };
        let place = |token: &Option<AnyToken>, otherwise| match token {
            None => Some(otherwise),
            Some(AnyToken::Murmur3(token)) => Some(u128::from(token.0.abs_diff(i64::MIN))),
            Some(AnyToken::Random(token)) => Some(token.0),
            Some(AnyToken::Bytes(_)) => None,
        };
        Some((place(&self.after, lowest)?, place(&self.last, highest)?))
    }

    /// Its bounds as values to be bound, in the order of the text: what they are compared with is the token of a row.
    pub(super) fn bounds(&self) -> Vec<CqlValue> {
        self.after.iter().chain(&self.last).map(value_of).collect()
    }
}

/// The token at a place, see [`ScanRange::places`].
fn token_at(partitioner: Partitioner, place: u128) -> Option<AnyToken> {
    match partitioner {
        // A place is the distance from the lowest token, so that the sum wraps into range.
        Partitioner::Murmur3 => Some(AnyToken::Murmur3(Token(i64::MIN.wrapping_add_unsigned(place as u64)))),
        Partitioner::Random => partitioner.parse_token(&place.to_string()).ok(),
        Partitioner::ByteOrdered | Partitioner::Other => None,
    }
}

/// A token in the type that `token(…)` has.
fn value_of(token: &AnyToken) -> CqlValue {
    match token {
        AnyToken::Murmur3(token) => CqlValue::Bigint(token.0),
        AnyToken::Random(token) => {
            // At most 2^127, which is one more than the type next to it can have.
            CqlValue::Varint(chorus_protocol::CqlVarint::from_signed_be_bytes(
                &[&[0][..], &token.0.to_be_bytes()].concat(),
            ))
        }
        AnyToken::Bytes(token) => CqlValue::Blob(token.0.clone()),
    }
}

/// `(-5, 70]`; two dots where there is no bound.
impl fmt::Display for ScanRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => write!(f, "({after}, ")?,
            None => f.write_str("(.., ")?,
        }
        match &self.last {
            Some(last) => write!(f, "{last}]"),
            None => f.write_str("..]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn murmur3(after: Option<i64>, last: Option<i64>) -> ScanRange {
        let token = |token| AnyToken::Murmur3(Token(token));
        ScanRange { after: after.map(token), last: last.map(token) }
    }

    fn random(text: &str) -> Option<AnyToken> {
        Partitioner::Random.parse_token(text).ok()
    }

    #[test]
    fn parts_follow_each_other_and_differ_by_one_token_at_most() {
        for (range, parts, expected) in [
            (murmur3(Some(0), Some(10)), 3, 3),
            (murmur3(Some(0), Some(2)), 5, 2),
            (murmur3(Some(7), Some(8)), 2, 1),
            (murmur3(None, None), 7, 7),
            (murmur3(None, Some(i64::MIN + 3)), 3, 3),
            (murmur3(Some(i64::MAX - 1), None), 4, 1),
            (ScanRange { after: random("5"), last: None }, 1000, 1000),
        ] {
            let partitioner = match &range.after {
                Some(AnyToken::Random(_)) => Partitioner::Random,
                _ => Partitioner::Murmur3,
            };
            let cut = range.cut(partitioner, parts);
            assert_eq!(cut.len(), expected, "{range}");
            assert_eq!((&cut[0].after, &cut[cut.len() - 1].last), (&range.after, &range.last));
            assert!(cut.windows(2).all(|two| two[0].last == two[1].after && two[0].last.is_some()));
            let widths: Vec<u128> =
                cut.iter().map(|part| part.width(partitioner).expect("counted")).collect();
            assert_eq!(widths.iter().sum::<u128>(), range.width(partitioner).expect("counted"));
            let (least, most) = (widths.iter().min().expect("some"), widths.iter().max().expect("some"));
            assert!(*least >= 1 && most - least <= 1, "{widths:?}");
        }
    }

    #[test]
    fn bytes_cannot_be_counted_and_are_not_cut() {
        let token = |text: &str| Partitioner::ByteOrdered.parse_token(text).ok();
        let range = ScanRange { after: token("00"), last: token("ff") };
        assert_eq!(range.width(Partitioner::ByteOrdered), None);
        assert_eq!(range.cut(Partitioner::ByteOrdered, 9), std::slice::from_ref(&range));
        assert_eq!(ScanRange::ALL.cut(Partitioner::Other, 9), [ScanRange::ALL]);
        assert_eq!(range.bounds(), [CqlValue::Blob(vec![0]), CqlValue::Blob(vec![255])]);
    }

    #[test]
    fn what_two_have_is_found_whatever_bounds_there_are() {
        let (none, both) = (ScanRange::ALL, murmur3(Some(5), Some(10)));
        assert_eq!(none.within(&both), Some(both.clone()));
        assert_eq!(both.within(&none), Some(both.clone()));
        assert_eq!(both.within(&murmur3(Some(7), None)), Some(murmur3(Some(7), Some(10))));
        assert_eq!(both.within(&murmur3(None, Some(7))), Some(murmur3(Some(5), Some(7))));
        assert_eq!(both.within(&murmur3(Some(10), None)), None);
        assert_eq!(both.within(&murmur3(None, Some(5))), None);
    }

    #[test]
    fn bounds_are_values_of_the_tokens_type() {
        assert_eq!(murmur3(Some(-5), Some(7)).bounds(), [CqlValue::Bigint(-5), CqlValue::Bigint(7)]);
        assert_eq!(murmur3(None, Some(7)).bounds(), [CqlValue::Bigint(7)]);
        assert_eq!(murmur3(None, None).bounds(), []);
        let highest = "170141183460469231731687303715884105728";
        let range = ScanRange { after: None, last: random(highest) };
        assert_eq!(range.bounds()[0].to_string(), highest);
    }

    #[test]
    fn ranges_are_shown_with_the_bounds_they_have() {
        assert_eq!(murmur3(Some(-5), Some(7)).to_string(), "(-5, 7]");
        assert_eq!(murmur3(None, Some(7)).to_string(), "(.., 7]");
        assert_eq!(ScanRange::ALL.to_string(), "(.., ..]");
    }
}
