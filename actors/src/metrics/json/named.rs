//! Counts by label: arrays in memory, objects in JSON.

use std::collections::HashMap;

use chorus_topology::RoutingQuality;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use super::super::{ControlSnapshot, FailureReason, MetricsSnapshot, catalog};
use crate::{RequestKind, RequestOutcome};

/// What a value of a label is called that this version does not know: one that a newer version wrote.
const OTHER: &str = "other";

/// The name as it is known here.
pub(super) fn known(name: &str, names: &[&'static str]) -> &'static str {
    names.iter().copied().find(|known| *known == name).unwrap_or(OTHER)
}

/// An array as an object with these keys.
struct Named<'a, T>(&'a [T], &'a [&'static str]);

impl<T: Serialize> Serialize for Named<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.1.iter().zip(self.0) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The array that an object with these keys stands for.
fn array<'de, D, T, const N: usize>(deserializer: D, names: [&'static str; N]) -> Result<[T; N], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let mut map = HashMap::<String, T>::deserialize(deserializer)?;
    Ok(names.map(|name| map.remove(name).unwrap_or_default()))
}

/// A module for `serde(with)`.
macro_rules! by_name {
    ($(#[$doc:meta])* $module:ident: $count:expr, $names:expr) => {
        $(#[$doc])*
        pub(in super::super) mod $module {
            use super::*;

            pub(in super::super::super) fn serialize<S: Serializer>(
                counts: &[u64; $count],
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                Named(counts, &$names).serialize(serializer)
            }

            pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<[u64; $count], D::Error> {
                array(deserializer, $names)
            }
        }
    };
}

by_name!(
    /// Failures by reason.
    reasons: FailureReason::ALL.len(), FailureReason::NAMES
);
by_name!(
    /// First attempts by how well they were routed.
    routing: 6, RoutingQuality::ALL.map(RoutingQuality::name)
);
by_name!(
    /// Timeouts by whether the request had been written.
    timeouts: 2, ["written", "not_written"]
);
by_name!(
    /// Events by what they are about.
    events: 4, ControlSnapshot::EVENTS
);
by_name!(
    /// Reads of the system tables by what came of them.
    refreshes: 2, ["ok", "failed"]
);

/// Attempts by outcome, which are only written: they follow from other counts.
pub(super) fn outcomes<S: Serializer>(
    outcomes: &[(&'static str, u64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(outcomes.iter().copied())
}

/// An array of arrays, as an object of objects.
macro_rules! by_names {
    ($(#[$doc:meta])* $module:ident: $outer:expr, $outers:expr, $inner:expr, $inners:expr) => {
        $(#[$doc])*
        pub(in super::super) mod $module {
            use super::*;

            pub(in super::super::super) fn serialize<S: Serializer>(
                counts: &[[u64; $inner]; $outer],
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                let inners = $inners;
                Named(&counts.each_ref().map(|counts| Named(counts, &inners)), &$outers).serialize(serializer)
            }

            pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<[[u64; $inner]; $outer], D::Error> {
                let mut map = HashMap::<String, HashMap<String, u64>>::deserialize(deserializer)?;
                Ok($outers.map(|outer| {
                    let counts = map.remove(outer).unwrap_or_default();
                    $inners.map(|inner| counts.get(inner).copied().unwrap_or_default())
                }))
            }
        }
    };
}

by_names!(
    /// Requests by kind and outcome.
    requests: 4, RequestKind::ALL.map(RequestKind::name), 4, RequestOutcome::ALL.map(RequestOutcome::name)
);
by_names!(
    /// Retries by decision and reason.
    retries: 2, MetricsSnapshot::DECISIONS, FailureReason::ALL.len(), FailureReason::NAMES
);

/// A list of names with counts, whose names are the values of a label.
macro_rules! counted {
    ($(#[$doc:meta])* $module:ident: $metric:expr) => {
        $(#[$doc])*
        pub(in super::super) mod $module {
            use super::*;

            pub(in super::super::super) fn serialize<S: Serializer>(
                counts: &[(&'static str, u64)],
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_map(counts.iter().copied())
            }

            pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Vec<(&'static str, u64)>, D::Error> {
                let map = HashMap::<String, u64>::deserialize(deserializer)?;
                let mut counts = Vec::new();
                for (name, count) in map {
                    let name = known(&name, $metric.labels[0].values);
                    super::super::super::count_named(&mut counts, name, count);
                }
                counts.sort_unstable();
                Ok(counts)
            }
        }
    };
}

counted!(
    /// Dials by what came of them.
    connects: catalog::CONNECTS
);
counted!(
    /// Connections that ended, by reason.
    disconnects: catalog::DISCONNECTS
);
