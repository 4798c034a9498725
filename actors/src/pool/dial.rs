//! One dial of a pool: through the shard-aware port where that helps, through the ordinary one otherwise.

use std::sync::Arc;

use chorus_protocol::Supported;
use chorus_topology::{Endpoint, Rng, Sharding};
use tokio::sync::Semaphore;

use super::source_port::source_ports;
use crate::connection::handshake::{
    ConnectError, ConnectOptions, Established, LocalPorts, Phase, TlsProblem, connect,
};

/// Where to dial, decided by the pool before it begins.
pub(super) struct Dial {
    pub(super) endpoint: Endpoint,
    /// The way to the shard-aware port, the shard wanted there, and how many there are.
    pub(super) through: Option<(Endpoint, u16, u16)>,
    pub(super) options: ConnectOptions,
    /// The session's budget of dials under way.
    pub(super) budget: Arc<Semaphore>,
    pub(super) rng: Rng,
}

/// How a dial went.
pub(super) struct Dialled {
    pub(super) outcome: Result<Established, ConnectError>,
    /// The shard-aware port was tried and led nowhere.
    pub(super) port_failed: bool,
}

impl Dial {
    /// Dials, after waiting for a place in the session's budget. A shard-aware port that leads nowhere costs one more
    /// attempt through the ordinary port, not the connection.
    pub(super) async fn run(mut self) -> Dialled {
        let Ok(_permit) = self.budget.acquire().await else {
            return Dialled { outcome: Err(ConnectError::ShutDown), port_failed: false };
        };
        let mut port_failed = false;
        if let Some((target, shard, nr_shards)) = self.through {
            let mut ports = source_ports(nr_shards, shard, &mut self.rng);
            let outcome = connect(target, &self.options, Some(&mut ports as LocalPorts<'_>)).await;
            match outcome {
                Ok(established) => return Dialled { outcome: Ok(established), port_failed: false },
                Err(error) if leads_nowhere(&error) => port_failed = true,
                Err(error) => return Dialled { outcome: Err(error), port_failed: false },
            }
        }
        Dialled { outcome: connect(self.endpoint, &self.options, None).await, port_failed }
    }
}

/// Whether the failure is the port's and not the server's.
fn leads_nowhere(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Io { .. }
            | ConnectError::NotCql(_)
            | ConnectError::Tls(TlsProblem::PlaintextServer)
            | ConnectError::Timeout { during: Phase::Tcp | Phase::Tls | Phase::Options, .. }
            | ConnectError::Closed { during: Phase::Tcp | Phase::Tls | Phase::Options }
    )
}

/// What a server said about its shards, if it makes sense: `(sharding, shard of this connection, shard-aware port)`.
///
/// Garbage means "not shard-aware": no division by zero, no shift too far, no port 70000.
/// There is a shard-aware port for plain connections, and another for those that are secured.
pub(super) fn shards_of(supported: &Supported, is_encrypted: bool) -> Option<(Sharding, u16, Option<u16>)> {
    let info = supported.shard_info()?;
    if !info.is_computable() || info.ignore_msb >= 64 {
        return None;
    }
    let sharding = Sharding { nr_shards: info.nr_shards, ignore_msb: info.ignore_msb };
    Some((sharding, info.shard, if is_encrypted { info.port_ssl } else { info.port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_secured_connections_have_a_shard_aware_port_each() {
        let offers = |keys: &[(&str, &str)]| Supported {
            options: keys.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect(),
        };
        let shards = [
            ("SCYLLA_SHARD", "1"),
            ("SCYLLA_NR_SHARDS", "4"),
            ("SCYLLA_SHARDING_IGNORE_MSB", "12"),
            ("SCYLLA_PARTITIONER", "org.apache.cassandra.dht.Murmur3Partitioner"),
            ("SCYLLA_SHARDING_ALGORITHM", "biased-token-round-robin"),
        ];
        let plain = ("SCYLLA_SHARD_AWARE_PORT", "19042");
        let secured = ("SCYLLA_SHARD_AWARE_PORT_SSL", "19142");
        let port = |more: &[(&str, &str)], is_encrypted| {
            shards_of(&offers(&[&shards[..], more].concat()), is_encrypted).expect("there are shards").2
        };
        assert_eq!(port(&[plain, secured], false), Some(19042));
        assert_eq!(port(&[plain, secured], true), Some(19142));
        // The other kind's port is of no use.
        assert_eq!(port(&[plain], true), None);
        assert_eq!(port(&[secured], false), None);
    }
}
