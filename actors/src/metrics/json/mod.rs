//! Snapshots as JSON and back: what serde's derives do not say by themselves.
//!
//! The snapshot types derive both ways, so whoever reads JSON has the very types that wrote it. Three things differ from the
//! plain derive: arrays by label are objects whose keys are the label's values (`named`); histograms tell their percentiles
//! beside their buckets (`distribution`); and some sums that can be computed are written too, because scripts read them
//! (`extras`). Fields are added over time, and none is taken away. What a reader does not know it skips, what is missing is zero.

mod distribution;
mod extras;
mod named;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use chorus_topology::HostIndex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MetricsSnapshot;
use super::snapshot::BEGINNING;

pub(super) use extras::{reactors, traffic};
pub(super) use named::{
    connects, disconnects, events, reasons, refreshes, requests, retries, routing, timeouts,
};

impl MetricsSnapshot {
    /// Everything as one JSON object on one line: by session, host, connection, reactor and actor. Times are microseconds and say
    /// so in their names. Fields are added over time, and none is taken away. Reading it back with serde gives the snapshot again.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every key is a string, and writing to memory cannot fail")
    }
}

impl Serialize for MetricsSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // All hosts are one list in JSON. There are absent ones seldom, so the copy is made seldom.
        if self.absent_hosts.is_empty() {
            return Self::serialize(self, serializer);
        }
        let hosts = self.all_hosts().cloned().collect();
        Self::serialize(&Self { hosts, absent_hosts: Vec::new(), ..self.clone() }, serializer)
    }
}

impl<'de> Deserialize<'de> for MetricsSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut snapshot = Self::deserialize(deserializer)?;
        snapshot.sort_hosts();
        Ok(snapshot)
    }
}

/// When a snapshot was taken: microseconds since this process took its first one. Of another process, only differences mean
/// something.
pub(super) mod taken {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        taken: &Option<Instant>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let micros = taken.map(|taken| taken.saturating_duration_since(*BEGINNING).as_micros() as u64);
        micros.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Instant>, D::Error> {
        let micros = Option::<u64>::deserialize(deserializer)?;
        Ok(micros.and_then(|micros| BEGINNING.checked_add(Duration::from_micros(micros))))
    }
}

/// The number of a host.
pub(super) mod host_index {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        host: &HostIndex,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        host.0.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HostIndex, D::Error> {
        u32::deserialize(deserializer).map(HostIndex)
    }
}

/// A kind of actor.
pub(super) fn actor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let name = Cow::<'de, str>::deserialize(deserializer)?;
    Ok(named::known(&name, super::catalog::ACTORS.labels[0].values))
}

#[cfg(test)]
mod tests;
