//! Version 1 uuids and how servers order them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::{CqlTimestamp, FromCql, ToCql, ValueWriter};

/// A `timeuuid`. Ordered as servers order it: by time, then by the low bytes as signed numbers.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use chorus_protocol::CqlTimeuuid;
///
/// let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_454_781_157_123);
/// // One of the many of this instant, and the bounds of all that are of its millisecond.
/// let id = CqlTimeuuid::at(now)?;
/// assert_eq!(id.timestamp().0, 1_454_781_157_123);
/// assert!(CqlTimeuuid::min_at(id.timestamp().0) <= id && id <= CqlTimeuuid::max_at(id.timestamp().0));
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CqlTimeuuid(Uuid);

/// 100-nanosecond ticks from 1582-10-15 to 1970-01-01.
const EPOCH_TICKS: u64 = 0x01B2_1DD2_1381_4000;

impl CqlTimeuuid {
    /// Orders before every other.
    pub const LOWEST: CqlTimeuuid = CqlTimeuuid(Uuid::from_u128(0x00000000_0000_1000_8080_808080808080));
    /// Orders after every other.
    pub const HIGHEST: CqlTimeuuid = CqlTimeuuid(Uuid::from_u128(0xffffffff_ffff_1fff_bf7f_7f7f7f7f7f7f));

    /// Any uuid; its version is not checked.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The uuid.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// Of `ticks` of 100 nanoseconds since 1582-10-15 (60 bits), 14 bits of clock sequence and a node.
    pub const fn from_parts(ticks: u64, clock_sequence: u16, node: [u8; 6]) -> Self {
        let [n0, n1, n2, n3, n4, n5] = node;
        let sequence = (clock_sequence & 0x3fff) | 0x8000;
        let low = u64::from_be_bytes([(sequence >> 8) as u8, sequence as u8, n0, n1, n2, n3, n4, n5]);
        Self::from_time_and_low(ticks, low)
    }

    /// Of `ticks` of 100 nanoseconds since 1582-10-15, and of a node and a clock sequence where they are given; random ones
    /// where they are not.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] for more than 60 bits of ticks, 48 bits of node or 14 bits of clock sequence.
    pub fn from_time(ticks: u64, node: Option<u64>, clock_sequence: Option<u16>) -> Result<Self, ValueError> {
        let fits = ticks >> 60 == 0 && node.is_none_or(|node| node >> 48 == 0);
        if !fits || clock_sequence.is_some_and(|sequence| sequence >> 14 != 0) {
            return Err(ValueErrorReason::OutOfRange { what: "timeuuid" }.into());
        }
        let (high, low) = Uuid::new_v4().as_u64_pair();
        // The bit of group addresses says that no network card has this number.
        let node = node.unwrap_or(low & 0xffff_ffff_ffff | 1 << 40);
        let [_, _, node @ ..] = node.to_be_bytes();
        Ok(Self::from_parts(ticks, clock_sequence.unwrap_or((high >> 48) as u16), node))
    }

    /// A new one of this instant, with a random node and clock sequence.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] before 1582 and after 5236.
    pub fn at(time: SystemTime) -> Result<Self, ValueError> {
        let ticks = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos() / 100).ok(),
            Err(error) => i128::try_from(error.duration().as_nanos().div_ceil(100)).ok().map(|ticks| -ticks),
        };
        let ticks = ticks.and_then(|ticks| u64::try_from(ticks + i128::from(EPOCH_TICKS)).ok());
        Self::from_time(ticks.unwrap_or(u64::MAX), None, None)
    }

    const fn from_time_and_low(ticks: u64, low: u64) -> Self {
        let high = ticks << 32 | (ticks >> 32 & 0xffff) << 16 | (ticks >> 48 & 0x0fff) | 0x1000;
        Self(Uuid::from_u64_pair(high, low))
    }

    /// The lowest of all whose time is `unix_milliseconds` since 1970.
    pub const fn min_at(unix_milliseconds: i64) -> Self {
        Self::from_time_and_low(Self::ticks_at(unix_milliseconds), 0x8080_8080_8080_8080)
    }

    /// The highest of all whose time is `unix_milliseconds` since 1970.
    pub const fn max_at(unix_milliseconds: i64) -> Self {
        Self::from_time_and_low(Self::ticks_at(unix_milliseconds), 0xbf7f_7f7f_7f7f_7f7f)
    }

    /// Ticks of an instant, for [`from_parts`](Self::from_parts). Wraps outside the years 1582 to 5236.
    pub const fn ticks_at(unix_milliseconds: i64) -> u64 {
        (unix_milliseconds.wrapping_mul(10_000) as u64).wrapping_add(EPOCH_TICKS) & ((1 << 60) - 1)
    }

    /// 100-nanosecond ticks since 1582-10-15.
    pub const fn ticks(&self) -> u64 {
        let (high, _) = self.0.as_u64_pair();
        high >> 32 | (high >> 16 & 0xffff) << 32 | (high & 0x0fff) << 48
    }

    /// 100-nanosecond ticks since 1970-01-01.
    pub const fn unix_ticks(&self) -> i64 {
        self.ticks() as i64 - EPOCH_TICKS as i64
    }

    /// The millisecond it is of.
    pub const fn timestamp(&self) -> CqlTimestamp {
        CqlTimestamp(self.unix_ticks().div_euclid(10_000))
    }

    /// How much later than `earlier` it is, in ticks of 100 nanoseconds; negative when it is before.
    pub const fn ticks_since(&self, earlier: &Self) -> i64 {
        self.ticks() as i64 - earlier.ticks() as i64
    }

    /// The low half with each byte's sign turned, so that unsigned comparison orders signed bytes.
    const fn low_order(&self) -> u64 {
        self.0.as_u64_pair().1 ^ 0x8080_8080_8080_8080
    }
}

impl Ord for CqlTimeuuid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ticks()
            .cmp(&other.ticks())
            .then_with(|| self.low_order().cmp(&other.low_order()))
            // Only the version can still differ; keeps the order consistent with equality.
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for CqlTimeuuid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CqlTimeuuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CqlTimeuuid {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl TryFrom<CqlTimeuuid> for SystemTime {
    type Error = ValueError;

    /// Exact, where the system's clock has 100 nanoseconds.
    fn try_from(timeuuid: CqlTimeuuid) -> Result<Self, ValueError> {
        let ticks = timeuuid.unix_ticks();
        let distance = Duration::new(
            ticks.unsigned_abs() / 10_000_000,
            (ticks.unsigned_abs() % 10_000_000) as u32 * 100,
        );
        let time = if ticks >= 0 {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        };
        time.ok_or_else(|| ValueErrorReason::OutOfRange { what: "SystemTime" }.into())
    }
}

impl From<CqlTimeuuid> for Uuid {
    fn from(timeuuid: CqlTimeuuid) -> Uuid {
        timeuuid.0
    }
}

impl ToCql for CqlTimeuuid {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.0.to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for CqlTimeuuid {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        if *typ == CqlType::Timeuuid { Ok(()) } else { Err(ValueError::mismatch::<Self>(typ)) }
    }

    #[inline]
    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        Uuid::from_cql(typ, cell).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_an_instant_have_the_servers_bytes() {
        assert_eq!(CqlTimeuuid::min_at(0).to_string(), "13814000-1dd2-11b2-8080-808080808080");
        assert_eq!(CqlTimeuuid::max_at(0).to_string(), "13814000-1dd2-11b2-bf7f-7f7f7f7f7f7f");
        assert_eq!(CqlTimeuuid::LOWEST.to_string(), "00000000-0000-1000-8080-808080808080");
        assert_eq!(CqlTimeuuid::HIGHEST.to_string(), "ffffffff-ffff-1fff-bf7f-7f7f7f7f7f7f");
        let at = 1_454_781_157_123;
        assert_eq!(CqlTimeuuid::min_at(at).to_string(), "6877a530-ccfa-11e5-8080-808080808080");
        let exact = CqlTimeuuid::from_parts(CqlTimeuuid::ticks_at(at), 0x2aa5, [1, 2, 3, 4, 5, 6]);
        assert_eq!(exact.to_string(), "6877a530-ccfa-11e5-aaa5-010203040506");
        assert_eq!(exact.unix_ticks(), at * 10_000);
        assert!(CqlTimeuuid::min_at(at) < exact && exact < CqlTimeuuid::max_at(at));
    }

    #[test]
    fn time_is_read_from_three_places() {
        let timeuuid: CqlTimeuuid = "af5943a3-ea3c-11e1-ab63-c42c032279f0".parse().unwrap();
        assert_eq!(timeuuid.ticks(), 135_647_010_158_625_699);
        assert_eq!(timeuuid.unix_ticks(), 13_454_082_158_625_699);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused_and_omitted_ones_are_random() {
        let ticks = CqlTimeuuid::ticks_at(1_454_781_157_123);
        let exact = CqlTimeuuid::from_time(ticks, Some(0x0102_0304_0506), Some(0x2aa5)).unwrap();
        assert_eq!(exact.to_string(), "6877a530-ccfa-11e5-aaa5-010203040506");
        for wrong in [
            CqlTimeuuid::from_time(1 << 60, None, None),
            CqlTimeuuid::from_time(ticks, Some(1 << 48), None),
            CqlTimeuuid::from_time(ticks, None, Some(1 << 14)),
        ] {
            assert_eq!(wrong.unwrap_err().reason(), &ValueErrorReason::OutOfRange { what: "timeuuid" });
        }
        let random: std::collections::BTreeSet<CqlTimeuuid> =
            (0..100).map(|_| CqlTimeuuid::from_time(ticks, None, None).unwrap()).collect();
        assert_eq!(random.len(), 100);
        for timeuuid in random {
            assert_eq!((timeuuid.ticks(), timeuuid.as_uuid().get_version_num()), (ticks, 1));
            assert_eq!(timeuuid.as_uuid().get_variant(), uuid::Variant::RFC4122);
            assert_eq!(timeuuid.as_uuid().as_bytes()[10] & 1, 1, "no network card's number");
        }
    }

    #[test]
    fn instants_become_timeuuids_and_come_back_to_a_tick() {
        let epoch = SystemTime::UNIX_EPOCH;
        for time in
            [epoch, epoch + Duration::from_nanos(1_454_781_157_123_456_700), epoch - Duration::from_secs(9)]
        {
            let timeuuid = CqlTimeuuid::at(time).unwrap();
            assert_eq!(SystemTime::try_from(timeuuid), Ok(time));
            assert_eq!(CqlTimestamp::try_from(time), Ok(timeuuid.timestamp()));
        }
        let past = CqlTimeuuid::at(epoch - Duration::from_nanos(1)).unwrap();
        assert_eq!((past.unix_ticks(), past.timestamp()), (-1, CqlTimestamp(-1)));
        assert_eq!(CqlTimeuuid::at(epoch).unwrap().ticks_since(&past), 1);
        assert!(CqlTimeuuid::at(epoch - Duration::from_secs(13_000_000_000)).is_err(), "before 1582");
        assert!(CqlTimeuuid::at(epoch + Duration::from_secs(110_000_000_000)).is_err(), "after 5236");
    }

    #[test]
    fn order_is_time_then_signed_bytes() {
        let with = |ticks, low| CqlTimeuuid::from_time_and_low(ticks, low);
        let ordered = [
            CqlTimeuuid::LOWEST,
            with(1, 0xbf7f_7f7f_7f7f_7f7f),
            with(1 << 32, 0x80ff_0000_0000_0000),
            with(1 << 32, 0x8000_0000_0000_0000),
            with(1 << 32, 0x8001_0000_0000_0000),
            with(1 << 48, 0x8080_0000_0000_0000),
            CqlTimeuuid::HIGHEST,
        ];
        assert!(ordered.is_sorted());
        let mut reversed = ordered;
        reversed.reverse();
        reversed.sort();
        assert_eq!(reversed, ordered);
    }
}
