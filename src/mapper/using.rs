//! What goes with a write besides its values: time to live, write time, whether it may be repeated.

use std::time::{Duration, SystemTime};

use chorus_protocol::CqlTimestamp;

/// The time a write counts as of, in microseconds since 1970, which decides which of two writes of a cell wins.
///
/// From a number of microseconds, a [`CqlTimestamp`] (and so from every calendar that becomes one), a [`SystemTime`], or a
/// [`Duration`] from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteTime(pub i64);

impl From<i64> for WriteTime {
    fn from(microseconds: i64) -> Self {
        Self(microseconds)
    }
}

impl From<CqlTimestamp> for WriteTime {
    fn from(instant: CqlTimestamp) -> Self {
        Self(instant.0.saturating_mul(1000))
    }
}

impl From<SystemTime> for WriteTime {
    fn from(time: SystemTime) -> Self {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(error) => -micros(error.duration()),
        })
    }
}

/// That long from now.
impl From<Duration> for WriteTime {
    fn from(from_now: Duration) -> Self {
        let Self(now) = SystemTime::now().into();
        Self(now.saturating_add(i64::try_from(from_now.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// The `USING` of a write.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Using {
    /// In seconds.
    pub(super) ttl: Option<i32>,
    /// In microseconds since 1970.
    pub(super) timestamp: Option<i64>,
}

impl Using {
    /// Parts of a second count as a whole one: a row must not be gone too early.
    pub(super) fn expire_after(&mut self, duration: Duration) {
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        self.ttl = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    }
}

/// The setters of writes, for a type with fields `options`, `idempotent` and `using`.
macro_rules! write_setters {
    () => {
        $crate::statement::request_setters!(unchanged);

        /// The time this write counts as of (`USING TIMESTAMP`): microseconds since 1970, or whatever else becomes a
        /// [`WriteTime`]($crate::mapper::WriteTime). Defaults to one of the session's generator. Servers refuse it with
        /// conditions.
        pub fn timestamp(mut self, time: impl Into<$crate::mapper::WriteTime>) -> Self {
            self.using.timestamp = Some(time.into().0);
            self
        }

        $crate::mapper::using::idempotent_setter!();
    };
}

/// The setters of conditions, for a type with a field `condition`; each with what its documentation begins with.
macro_rules! condition_setters {
    ($exists:literal, $holds:literal) => {
        #[doc = $exists]
        /// exists; otherwise it fails with [`MapperError::NotApplied`]($crate::mapper::MapperError::NotApplied). A lightweight
        /// transaction.
        pub fn if_exists(mut self) -> Self {
            self.condition = self.condition.and_exists();
            self
        }

        #[doc = $holds]
        /// holds, and everything that was said before; otherwise it fails with
        /// [`MapperError::NotApplied`]($crate::mapper::MapperError::NotApplied). A lightweight transaction. Columns of the
        /// primary key cannot be asked about.
        pub fn if_(mut self, condition: $crate::mapper::Filter<M>) -> Self {
            self.condition = self.condition.and(condition.relation);
            self
        }
    };
}

/// The setter of whatever may be said to be repeatable, for a type with a field `idempotent`.
macro_rules! idempotent_setter {
    () => {
        /// Whether doing this twice does no harm, so that it may be sent again after a connection broke with the request on it.
        /// Defaults to what it is by itself: true, but for conditions, counters, and values added to lists or removed from them by
        /// their place.
        pub fn idempotent(mut self, idempotent: bool) -> Self {
            self.idempotent = Some(idempotent);
            self
        }

        fn unchanged(self) -> Self {
            self
        }
    };
}

/// The setter of writes whose cells may expire.
macro_rules! ttl_setter {
    () => {
        /// How long what is written lives (`USING TTL`), in whole seconds, parts of one counting as one; zero is for ever. Defaults to
        /// what the table says. There is none for counters.
        pub fn ttl(mut self, duration: std::time::Duration) -> Self {
            self.using.expire_after(duration);
            self
        }
    };
}

pub(super) use {condition_setters, idempotent_setter, ttl_setter, write_setters};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_times_come_from_numbers_instants_and_durations() {
        assert_eq!(WriteTime::from(5_i64), WriteTime(5));
        assert_eq!(WriteTime::from(CqlTimestamp(5)), WriteTime(5000));
        assert_eq!(WriteTime::from(SystemTime::UNIX_EPOCH + Duration::from_micros(7)), WriteTime(7));
        assert_eq!(WriteTime::from(SystemTime::UNIX_EPOCH - Duration::from_micros(7)), WriteTime(-7));
        let WriteTime(now) = SystemTime::now().into();
        let WriteTime(later) = Duration::from_secs(60).into();
        assert!((later - now - 60_000_000).abs() < 10_000_000, "{now} {later}");
    }

    #[test]
    fn lives_are_whole_seconds_and_never_shorter_than_asked_for() {
        for (duration, seconds) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(60), 60),
            (Duration::from_millis(60_500), 61),
            (Duration::MAX, i32::MAX),
        ] {
            let mut using = Using::default();
            using.expire_after(duration);
            assert_eq!(using.ttl, Some(seconds));
        }
    }
}
