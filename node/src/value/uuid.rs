//! Time-based UUIDs.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// The Unix epoch in ticks of 100 ns since 1582-10-15.
const EPOCH_TICKS: u64 = 0x01B2_1DD2_1381_4000;

/// Makes time-based UUIDs, each later than the one before.
#[derive(Debug)]
pub(crate) struct TimeuuidSource {
    last: AtomicU64,
    low: u64,
}

impl TimeuuidSource {
    pub(crate) fn new() -> Self {
        // Clock sequence and node are random; the multicast bit says that the node is no hardware address.
        let random = Uuid::new_v4().as_u128() as u64;
        let low = random & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000 | 0x0000_0100_0000_0000;
        Self { last: AtomicU64::new(0), low }
    }

    /// A UUID of that time, in microseconds since the epoch, or a little later.
    pub(crate) fn next(&self, micros: i64) -> [u8; 16] {
        let wanted = ticks_of(micros, 10);
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(wanted.max(last + 1)))
            .unwrap_or_default();
        assemble(wanted.max(last + 1), self.low)
    }
}

fn ticks_of(time: i64, ticks_per_unit: i64) -> u64 {
    let ticks = (EPOCH_TICKS as i64).saturating_add(time.saturating_mul(ticks_per_unit));
    u64::try_from(ticks).unwrap_or_default()
}

fn assemble(ticks: u64, low: u64) -> [u8; 16] {
    let high = (ticks & 0xFFFF_FFFF) << 32 | (ticks >> 32 & 0xFFFF) << 16 | 0x1000 | (ticks >> 48 & 0x0FFF);
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// The smallest UUID of a millisecond.
pub(crate) fn min_timeuuid(millis: i64) -> [u8; 16] {
    assemble(ticks_of(millis, 10_000), 0x8080_8080_8080_8080)
}

/// The largest UUID of a millisecond.
pub(crate) fn max_timeuuid(millis: i64) -> [u8; 16] {
    assemble(ticks_of(millis, 10_000).saturating_add(9_999), 0x7F7F_7F7F_7F7F_7F7F)
}

/// Milliseconds since the epoch of a version 1 UUID.
pub(crate) fn timeuuid_millis(bytes: &[u8]) -> Option<i64> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let high = (u128::from_be_bytes(bytes) >> 64) as u64;
    if high >> 12 & 0xF != 1 {
        return None;
    }
    let ticks = (high & 0x0FFF) << 48 | (high >> 16 & 0xFFFF) << 32 | high >> 32;
    Some((ticks as i64 - EPOCH_TICKS as i64).div_euclid(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_an_instant_are_the_documented_ones() {
        let shown = |bytes: [u8; 16]| Uuid::from_bytes(bytes).to_string();
        assert_eq!(shown(min_timeuuid(0)), "13814000-1dd2-11b2-8080-808080808080");
        assert_eq!(shown(min_timeuuid(1_454_781_157_123)), "6877a530-ccfa-11e5-8080-808080808080");
        assert_eq!(timeuuid_millis(&min_timeuuid(1_454_781_157_123)), Some(1_454_781_157_123));
        assert_eq!(timeuuid_millis(&max_timeuuid(-5)), Some(-5));
        assert_eq!(timeuuid_millis(Uuid::new_v4().as_bytes()), None);
    }

    #[test]
    fn every_uuid_is_later_than_the_one_before() {
        let source = TimeuuidSource::new();
        let first = source.next(1_000_000);
        let second = source.next(1_000_000);
        let third = source.next(0);
        assert_eq!(timeuuid_millis(&first), Some(1_000));
        let earlier =
            |a: &[u8], b: &[u8]| super::super::compare(&chorus_protocol::CqlType::Timeuuid, a, b).is_lt();
        assert!(earlier(&first, &second) && earlier(&second, &third));
        assert_eq!(Uuid::from_bytes(first).get_version_num(), 1);
    }
}
