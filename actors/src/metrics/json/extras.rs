//! Numbers that follow from others, written beside them for scripts. Nobody reads them back.

use serde::{Serialize, Serializer};

use super::super::{ReactorSnapshot, TrafficSnapshot};

/// What went over connections, and how the attempts ended.
pub(in super::super) fn traffic<S: Serializer>(
    traffic: &TrafficSnapshot,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithOutcomes<'a> {
        #[serde(serialize_with = "super::named::outcomes")]
        outcomes: [(&'static str, u64); 6],
        #[serde(flatten)]
        traffic: &'a TrafficSnapshot,
    }
    WithOutcomes { outcomes: traffic.outcomes(), traffic }.serialize(serializer)
}

/// Reactors, and how often and how long they worked.
pub(in super::super) fn reactors<S: Serializer>(
    reactors: &[ReactorSnapshot],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithTicks<'a> {
        ticks: u64,
        busy_us: u64,
        #[serde(flatten)]
        reactor: &'a ReactorSnapshot,
    }
    serializer.collect_seq(reactors.iter().map(|reactor| WithTicks {
        ticks: reactor.ticks.count(),
        busy_us: reactor.ticks.sum_us,
        reactor,
    }))
}
