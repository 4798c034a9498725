//! The small option types of [`EngineConfig`](super::EngineConfig).

use std::num::NonZeroU16;
use std::time::Duration;

use super::ConfigError;

/// How many connections a host gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolSize {
    /// So many to each host, whatever its shards.
    PerHost(NonZeroU16),
    /// So many to each shard; to each host where there are no shards.
    PerShard(NonZeroU16),
}

impl PoolSize {
    /// More connections than this to one host (or shard) help nobody.
    pub const MAX: u16 = 1024;

    pub(super) fn validate(self) -> Result<(), ConfigError> {
        let (Self::PerHost(count) | Self::PerShard(count)) = self;
        if count.get() > Self::MAX {
            return Err(ConfigError::OutOfRange {
                setting: "pool_size",
                value: u64::from(count.get()),
                least: 1,
                most: u64::from(Self::MAX),
            });
        }
        Ok(())
    }
}

impl Default for PoolSize {
    fn default() -> Self {
        Self::PerShard(NonZeroU16::MIN)
    }
}

/// How far ScyllaDB's shards are taken into account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShardAwareness {
    /// A connection to every shard, dialled through the shard-aware port where there is one.
    #[default]
    Full,
    /// A connection to every shard through the ordinary port, where the server chooses the shard.
    NoPort,
    /// Shards are ignored: hosts are pooled as if they had none.
    Off,
}

/// Whether requests may be sent on the control connection, which watches the cluster and serves one host only.
///
/// A request that is for one certain host is never sent there, and no other more than once before a retry policy pauses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlConnectionFallback {
    /// Never. A session needs a connection to at least one host beside it.
    #[default]
    Disabled,
    /// When no host that the load balancing policy wants has a connection that can be used. A session is opened although no host could be
    /// connected to, as long as there is a control connection.
    Fallback,
    /// Always: no other connections are made. For programs that ask the cluster about itself, a few requests at a time.
    SkipPoolCreation,
}

/// Probing of connections on which nothing arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Silence after which a connection is probed; zero never probes. Defaults to 30 s.
    pub interval: Duration,
    /// How long the answer may take before the connection is closed. Defaults to 30 s. A program that notices the end of it
    /// late by half of it, because its machine slept, gives the peer that time once more.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(30) }
    }
}

/// Longest time events of a kind are gathered before one refresh answers them all; the actual delay is random within
/// it, so that the clients of a cluster do not all ask at once. `None` ignores the events of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventWindows {
    /// For schema changes. Defaults to 2 s.
    pub schema: Option<Duration>,
    /// For hosts that joined, moved or left. Defaults to 10 s.
    pub topology: Option<Duration>,
    /// For hosts that went up or down. Defaults to 2 s.
    pub status: Option<Duration>,
}

impl Default for EventWindows {
    fn default() -> Self {
        Self {
            schema: Some(Duration::from_secs(2)),
            topology: Some(Duration::from_secs(10)),
            status: Some(Duration::from_secs(2)),
        }
    }
}

/// Bounds on memory, and on what one session does to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest frame accepted, in bytes, refused at its header. Defaults to 256 MiB.
    pub frame_bytes: u32,
    /// Requests in flight on one connection; orphans count. Defaults to 1024.
    pub in_flight_per_connection: u32,
    /// Requests waiting in one reactor for a place on a connection. Defaults to 4096.
    pub queued_per_reactor: u32,
    /// Stream ids that may be reserved by answers nobody waits for before the connection is replaced; half of
    /// [`in_flight_per_connection`](Self::in_flight_per_connection) where that is less. Defaults to 256.
    pub orphans_per_connection: u32,
    /// Connections being opened to one host at the same time, by all reactors together. Defaults to 4.
    pub connecting_per_host: u32,
    /// Connections being opened at the same time by the whole session. Defaults to 16.
    pub connecting_per_session: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 256 << 20,
            in_flight_per_connection: 1024,
            queued_per_reactor: 4096,
            orphans_per_connection: 256,
            connecting_per_host: 4,
            connecting_per_session: 16,
        }
    }
}

impl Limits {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        const STREAMS: u64 = 32767;
        for (setting, value, least, most) in [
            ("frame_bytes", self.frame_bytes, 4096, i32::MAX as u64),
            ("in_flight_per_connection", self.in_flight_per_connection, 1, STREAMS),
            ("queued_per_reactor", self.queued_per_reactor, 1, 1 << 24),
            ("orphans_per_connection", self.orphans_per_connection, 1, STREAMS),
            ("connecting_per_host", self.connecting_per_host, 1, 1024),
            ("connecting_per_session", self.connecting_per_session, 1, 1 << 16),
        ] {
            let value = u64::from(value);
            if !(least..=most).contains(&value) {
                return Err(ConfigError::OutOfRange { setting, value, least, most });
            }
        }
        Ok(())
    }
}

/// What the server is told about the application; it shows in `system_views.clients`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationInfo {
    /// `APPLICATION_NAME` of STARTUP.
    pub name: Option<String>,
    /// `APPLICATION_VERSION` of STARTUP.
    pub version: Option<String>,
    /// `CLIENT_ID` of STARTUP.
    pub client_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_larger_than_the_stream_ids_is_refused() {
        let limits = Limits { in_flight_per_connection: 32768, ..Limits::default() };
        assert_eq!(
            limits.validate(),
            Err(ConfigError::OutOfRange {
                setting: "in_flight_per_connection",
                value: 32768,
                least: 1,
                most: 32767
            })
        );
    }

    #[test]
    fn a_pool_of_more_connections_than_make_sense_is_refused() {
        let size = PoolSize::PerHost(NonZeroU16::new(1025).unwrap());
        assert!(size.validate().is_err());
        assert!(PoolSize::default().validate().is_ok());
    }
}
