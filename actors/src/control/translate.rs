//! Translating the addresses of the members where that may take a while.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use chorus_topology::Discovery;
use chorus_topology::rows::{LocalRow, PeerRow};
use tracing::warn;

use crate::config::EngineConfig;

/// Asks a translator that may block about every peer, on a thread where that harms nobody. Addresses stay as they are when it
/// takes longer than a connection may: a name server that hangs must not keep the cluster from being known.
pub(super) async fn translate(
    config: &EngineConfig,
    local: &LocalRow,
    peers: &[PeerRow],
) -> HashMap<SocketAddr, SocketAddr> {
    let Some(translator) = config.blocking_translator().map(Arc::clone) else { return HashMap::new() };
    let discovery = Discovery {
        local,
        // Only peers are translated.
        local_address: SocketAddr::from(([0, 0, 0, 0], 0)),
        peers,
        default_port: config.port,
        translate: None,
        endpoint: None,
        with_tokens: false,
    };
    let told: Vec<SocketAddr> = discovery.told_addresses().chain(local.told_address(config.port)).collect();
    let ask = move || told.into_iter().map(|told| (told, translator.translate(told))).collect();
    let asked = tokio::task::spawn_blocking(ask);
    match tokio::time::timeout(config.connect_timeout, asked).await {
        Ok(Ok(translated)) => translated,
        Ok(Err(error)) => {
            warn!(%error, "the address translator failed; addresses are taken as they are told");
            HashMap::new()
        }
        Err(_) => {
            warn!(limit = ?config.connect_timeout, "the address translator takes too long; addresses are taken as they are told");
            HashMap::new()
        }
    }
}
