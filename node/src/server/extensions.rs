//! What ScyllaDB adds to the protocol: offered in SUPPORTED, used on connections whose STARTUP names it.

use chorus_protocol::request::Startup;
use chorus_protocol::{FrameShape, ProtocolVersion};
use uuid::Uuid;

use crate::cluster::{Place, Tablet};

/// Marks prepared conditional statements.
const LWT_MASK: u32 = 1 << 31;
/// The code of "too many requests for this partition".
const RATE_LIMIT_CODE: i32 = 0x00f0_0000;

const LWT_MARK: &str = "SCYLLA_LWT_ADD_METADATA_MARK";
const RATE_LIMIT: &str = "SCYLLA_RATE_LIMIT_ERROR";
const METADATA_ID: &str = "SCYLLA_USE_METADATA_ID";
const TABLETS_V1: &str = "TABLETS_ROUTING_V1";
const TABLETS_V2: &str = "TABLETS_ROUTING_V2_EXPERIMENTAL";

/// What a node says in SUPPORTED to a connection at `place`. Shard-aware ports for TLS go by a name of their own.
pub(super) fn offered(place: &Place, host_id: Uuid, is_secured: bool) -> Vec<(String, Vec<String>)> {
    let division = place.division();
    let mut offered = vec![
        ("SCYLLA_SHARD", place.shard().to_string()),
        ("SCYLLA_NR_SHARDS", division.shards.count.to_string()),
        ("SCYLLA_PARTITIONER", "org.apache.cassandra.dht.Murmur3Partitioner".to_owned()),
        ("SCYLLA_SHARDING_ALGORITHM", "biased-token-round-robin".to_owned()),
        ("SCYLLA_SHARDING_IGNORE_MSB", division.shards.ignore_msb.to_string()),
        (LWT_MARK, format!("LWT_OPTIMIZATION_META_BIT_MASK={LWT_MASK}")),
        (RATE_LIMIT, format!("ERROR_CODE={RATE_LIMIT_CODE}")),
        (TABLETS_V1, String::new()),
        ("SCYLLA_HOST_ID", host_id.to_string()),
    ];
    if division.shards.metadata_ids {
        offered.push((METADATA_ID, String::new()));
    }
    if division.shards.tablets_v2 {
        offered.push((TABLETS_V2, String::new()));
    }
    if let Some(port) = division.port {
        let key = if is_secured { "SCYLLA_SHARD_AWARE_PORT_SSL" } else { "SCYLLA_SHARD_AWARE_PORT" };
        offered.push((key, port.to_string()));
    }
    offered.into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect()
}

/// Switches on what the client names. What a version has no room for is left out.
pub(super) fn agree(startup: &Startup, place: &Place, shape: &mut FrameShape) {
    let named = |key| startup.get(key).is_some();
    let v2 = place.division().shards.tablets_v2 && named(TABLETS_V2);
    let payloads = shape.version.has_custom_payload();
    shape.lwt_mask =
        startup.get(LWT_MARK).and_then(|mask| mask.parse().ok()).filter(|mask| *mask == LWT_MASK);
    shape.rate_limit_code = named(RATE_LIMIT).then_some(RATE_LIMIT_CODE);
    let ids = place.division().shards.metadata_ids && named(METADATA_ID);
    shape.metadata_id |= shape.version == ProtocolVersion::V4 && ids;
    shape.tablets_v2 = payloads && v2;
    shape.tablets_v1 = payloads && !v2 && named(TABLETS_V1);
}

/// The custom payload that tells a tablet, as a `[bytes map]`, if the client wants to be told at all. `host_id` names nodes
/// by number.
pub(super) fn tablet_payload(
    shape: &FrameShape,
    tablet: &Tablet,
    host_id: impl Fn(usize) -> Option<Uuid>,
) -> Option<Vec<u8>> {
    let key = match (shape.tablets_v1, shape.tablets_v2) {
        (_, true) => "tablets-routing-v2",
        (true, false) => "tablets-routing-v1",
        (false, false) => return None,
    };
    let replicas: Vec<(Uuid, u16)> =
        tablet.replicas.iter().filter_map(|(node, shard)| Some((host_id(*node)?, *shard))).collect();
    let mut list = (replicas.len() as i32).to_be_bytes().to_vec();
    for (host, shard) in replicas {
        let mut replica = Vec::with_capacity(28);
        put(&mut replica, host.as_bytes());
        put(&mut replica, &i32::from(shard).to_be_bytes());
        put(&mut list, &replica);
    }
    let mut value = Vec::new();
    put(&mut value, &tablet.first.to_be_bytes());
    put(&mut value, &tablet.last.to_be_bytes());
    put(&mut value, &list);
    if shape.tablets_v2 {
        put(&mut value, &tablet.version.to_be_bytes());
    }
    let mut payload = vec![0, 1];
    payload.extend_from_slice(&(key.len() as u16).to_be_bytes());
    payload.extend_from_slice(key.as_bytes());
    put(&mut payload, &value);
    Some(payload)
}

/// Whether a client that sent this byte knows the tablet: it names four of the version's bits, and which.
pub(super) fn knows_version(block: u8, version: u64) -> bool {
    let (place, bits) = (block >> 4, block & 0x0f);
    (version >> (4 * u32::from(place))) as u8 & 0x0f == bits
}

/// Appends `[bytes]`.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tablet(version: u64) -> Tablet {
        Tablet { first: -100, last: 100, replicas: vec![(0, 3)], version }
    }

    fn payload(shape: &FrameShape, tablet: &Tablet) -> Option<Vec<u8>> {
        tablet_payload(shape, tablet, |node| (node == 0).then_some(Uuid::from_u128(1)))
    }

    #[test]
    fn the_payload_has_the_reference_bytes() {
        let mut shape = FrameShape::new(ProtocolVersion::V4);
        assert_eq!(payload(&shape, &tablet(1)), None, "nobody asked");
        shape.tablets_v1 = true;
        let mut expected = b"\0\x01\0\x12tablets-routing-v1\0\0\0\x40".to_vec();
        expected.extend([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9c]);
        expected.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0x64]);
        expected.extend([0, 0, 0, 0x24, 0, 0, 0, 1, 0, 0, 0, 0x1c]);
        expected.extend([0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        expected.extend([0, 0, 0, 4, 0, 0, 0, 3]);
        assert_eq!(expected.len() - 26, 0x40);
        assert_eq!(payload(&shape, &tablet(1)), Some(expected.clone()));

        shape.tablets_v1 = false;
        shape.tablets_v2 = true;
        expected[21] = b'2';
        expected[25] = 0x4c;
        expected.extend([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(payload(&shape, &tablet(u64::MAX)), Some(expected));
    }

    #[test]
    fn a_version_is_known_by_any_four_of_its_bits() {
        let version = 0xfedc_ba98_7654_3210;
        for place in 0..16u8 {
            assert!(knows_version(place << 4 | place, version));
            assert!(!knows_version(place << 4 | (place ^ 1), version));
        }
    }
}
