//! What people see of an unload under way.

use std::time::{Duration, Instant};

use chorus::bulk::UnloadSnapshot;

use crate::table_screen::Look;

/// An unload at one moment.
pub(super) struct Seen {
    pub(super) now: UnloadSnapshot,
    pub(super) began: Instant,
}

impl Look for Seen {
    fn share(&self) -> f64 {
        self.now.share
    }

    fn rows(&self) -> u64 {
        self.now.rows
    }

    fn message(&self, rate: f64) -> String {
        let megabytes = self.now.bytes as f64 / 1e6;
        format!(
            "{}  {} rows written  {rate:.0} rows/s  {megabytes:.1} MB  {} asked again  {} in flight",
            if self.now.began { "unloading" } else { "preparing" },
            self.now.rows,
            self.now.retries,
            self.now.in_flight
        )
    }

    fn plain(&self, rate: f64) -> String {
        let percent = (self.now.share * 100.0) as u32;
        let left = left(self.now.share, self.began.elapsed());
        format!("{percent:>3}%  {}{left}", self.message(rate))
    }
}

/// How long it takes from here on, if it goes on as it did.
fn left(share: f64, elapsed: Duration) -> String {
    if share < 0.01 {
        return String::new();
    }
    let seconds = (elapsed.as_secs_f64() * (1.0 - share) / share) as u64;
    format!("  ETA {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_read() {
        assert_eq!(left(0.0, Duration::from_secs(100)), "");
        assert_eq!(left(0.25, Duration::from_secs(1200)), "  ETA 01:00:00");
        assert_eq!(left(1.0, Duration::from_secs(1200)), "  ETA 00:00:00");
    }
}
