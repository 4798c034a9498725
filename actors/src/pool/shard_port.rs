//! Whether the shard-aware port of a host can be trusted.

use std::time::Duration;

use tokio::time::Instant;

/// "On mismatch (NAT) stop using the port for that host for 600 s."
const COOL_DOWN: Duration = Duration::from_secs(600);

/// The shard-aware port of one host, as far as one pool has seen it work.
#[derive(Debug, Default)]
pub(super) struct ShardPort {
    port: Option<u16>,
    avoided_until: Option<Instant>,
}

impl ShardPort {
    /// A connection told the port.
    pub(super) fn learn(&mut self, port: Option<u16>) {
        self.port = port;
    }

    /// The port, when there is one and nothing speaks against it.
    pub(super) fn usable(&self, now: Instant) -> Option<u16> {
        match self.avoided_until {
            Some(until) if now < until => None,
            _ => self.port,
        }
    }

    /// It led to the wrong shard, or nowhere. True the first time in a while, when it is worth a warning.
    pub(super) fn avoid(&mut self, now: Instant) -> bool {
        let news = self.usable(now).is_some();
        self.avoided_until = Some(now + COOL_DOWN);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_misled_is_avoided_for_ten_minutes() {
        let mut port = ShardPort::default();
        let start = Instant::now();
        assert_eq!(port.usable(start), None);
        port.learn(Some(19042));
        assert_eq!(port.usable(start), Some(19042));
        assert!(port.avoid(start));
        assert!(!port.avoid(start));
        assert_eq!(port.usable(start + Duration::from_secs(599)), None);
        assert_eq!(port.usable(start + Duration::from_secs(600)), Some(19042));
    }
}
