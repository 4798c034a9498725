//! When the nodes of a cluster know each other.
//!
//! A node serves clients as soon as it has joined for itself. The others hear of it by gossip, a second later or, where everything
//! is busy, many: until then they take it for down, and the rows that clients read of it are not there or half filled.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::cluster::STORAGE_PORT;
use super::cql;
use super::node::Node;
use crate::steps::Stop;

/// Nodes that need longer on a machine that does much else will not: they were seen to take a minute.
const LIMIT: Duration = Duration::from_secs(300);

const POLL: Duration = Duration::from_millis(200);

/// What a client needs of every other node before it uses it.
const PEERS: &str =
    "SELECT JSON host_id, native_address, native_port, data_center, rack, tokens FROM system.peers_v2";

/// Waits until each node has told in its log that it sees each other, and has whole rows of all of them for clients.
pub(super) fn wait(nodes: &[Node]) -> Result<(), Stop> {
    let began = Instant::now();
    loop {
        let Some(lack) = lack(nodes) else { return Ok(()) };
        if began.elapsed() > LIMIT {
            return Err(Stop::failed(format!("the nodes do not know each other after {LIMIT:?}: {lack}")));
        }
        std::thread::sleep(POLL);
    }
}

/// Something that is still missing.
fn lack(nodes: &[Node]) -> Option<String> {
    nodes.iter().find_map(|node| {
        let log = node.logged_since(0);
        let unseen =
            |other: &&Node| other.address() != node.address() && !log.contains(&up_line(other.address()));
        if let Some(other) = nodes.iter().find(unseen) {
            return Some(format!("{} does not see {}", node.address(), other.address()));
        }
        match cql::texts(node.address(), node.native_port(), PEERS) {
            Ok(rows) if knows(&rows, nodes.len() - 1) => None,
            Ok(rows) => Some(format!("{} knows only {rows:?}", node.address())),
            Err(error) => Some(format!("{} does not tell its peers: {error}", node.address())),
        }
    })
}

/// What a node logs when it sees another.
pub(crate) fn up_line(of: Ipv4Addr) -> String {
    format!("InetAddress /{of}:{STORAGE_PORT} is now UP")
}

/// Whether there are that many rows, and all of them have everything.
fn knows(rows: &[String], others: usize) -> bool {
    let is_whole = |row: &String| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap_or_default();
        let values = row.as_object().into_iter().flat_map(|row| row.values());
        let given =
            values.filter(|value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()));
        given.count() == PEERS.matches(',').count() + 1
    };
    rows.len() == others && rows.iter().all(is_whole)
}

#[cfg(test)]
mod tests {
    use super::knows;

    #[test]
    fn rows_that_lack_something_or_somebody_are_not_enough() {
        let row = |rack: &str, tokens: &str| {
            format!(
                r#"{{"host_id": "a", "native_address": "127.0.0.2", "native_port": 9042, "data_center": "d", "rack": {rack}, "tokens": {tokens}}}"#
            )
        };
        let whole = row("\"r\"", "[\"1\"]");
        assert!(knows(&[whole.clone(), whole.clone()], 2));
        assert!(!knows(std::slice::from_ref(&whole), 2), "one has no row");
        assert!(!knows(&[whole.clone(), row("null", "[\"1\"]")], 2), "its rack is not known yet");
        assert!(!knows(&[whole.clone(), row("\"r\"", "null")], 2), "its tokens are not known yet");
        assert!(!knows(&[whole, row("\"r\"", "[]")], 2), "it has none");
        assert!(!knows(&["nothing".to_owned()], 1));
    }
}
