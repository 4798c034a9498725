//! What whoever watches is told.

use super::Run;
use super::reading::Reading;
use super::summary::Counts;
use crate::bulk::progress::{Limit, Phase};

impl Run {
    pub(super) fn publish(&self) {
        let phase = match (&self.stopping, self.pace.failing_since()) {
            (Some(_), _) => Phase::Draining,
            (None, Some(_)) => Phase::Waiting,
            (None, None) if self.passage.reading == Reading::Ended => Phase::Draining,
            (None, None) => Phase::Loading,
        };
        let progress = &self.loader.progress;
        progress.set_phase(phase);
        let Counts { read, written, retried, .. } = self.counts;
        progress.set_rows(read, written, self.log.count(), retried, self.flight.outstanding() as u64);
        let rejected = self.log.by_stage();
        progress.set_rejected(rejected);
        progress.set_bound(read - rejected[0] - rejected[1]);
        let now = self.now();
        progress.set_limit(self.pace.window() as u64, self.limited_by(now));
    }

    /// What the load waits for now.
    pub(super) fn limited_by(&self, now: u64) -> Limit {
        if self.pace.is_held_back() || self.pace.paused_until(now).is_some() {
            Limit::Server
        } else if self.passage.reading == Reading::Ended && self.flight.outstanding() == 0 {
            Limit::None
        } else if self.pace.room(now, self.flight.outstanding()) == 0
            || self.passage.reading != Reading::Block
        {
            Limit::Window
        } else {
            Limit::Source
        }
    }
}
