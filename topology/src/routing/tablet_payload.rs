//! The custom payload by which a server tells a tablet.
//!
//! > A CQL tuple value `(bigint first, bigint last, list<tuple<uuid host, int shard>>)`; the second form appends
//! > `bigint tablet_version`.

use chorus_protocol::token::Token;
use uuid::Uuid;

/// The key of the payload in a response.
pub const TABLETS_V1_PAYLOAD_KEY: &str = "tablets-routing-v1";

/// The key of the payload where versions of tablets were agreed upon.
pub const TABLETS_V2_PAYLOAD_KEY: &str = "tablets-routing-v2";

/// A tablet as the server told it: hosts by identity, not yet looked up among the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabletHint {
    /// The token just before the range.
    pub first: Token,
    /// The last token of the range.
    pub last: Token,
    /// Host id and shard of each replica. Empty means: do not cache.
    pub replicas: Vec<(Uuid, u16)>,
    /// Its version, where the server tells it. In a strongly consistent keyspace the first replica then leads.
    pub version: Option<u64>,
}

impl TabletHint {
    /// Reads the value of a `tablets-routing-v1` payload. Fields after the third are ignored: a longer tuple is how CQL
    /// adds fields.
    pub fn parse(payload: &[u8]) -> Result<TabletHint, TabletPayloadError> {
        Self::read(&mut Reader(payload))
    }

    /// Reads the value of a `tablets-routing-v2` payload.
    pub fn parse_versioned(payload: &[u8]) -> Result<TabletHint, TabletPayloadError> {
        let mut tuple = Reader(payload);
        let hint = Self::read(&mut tuple)?;
        Ok(TabletHint { version: Some(u64::from_be_bytes(tuple.fixed()?)), ..hint })
    }

    fn read(tuple: &mut Reader<'_>) -> Result<TabletHint, TabletPayloadError> {
        let first = Token(i64::from_be_bytes(tuple.fixed()?));
        let last = Token(i64::from_be_bytes(tuple.fixed()?));
        let mut list = Reader(tuple.value()?);
        let count = i32::from_be_bytes(list.array()?);
        let mut replicas = Vec::new();
        for _ in 0..count {
            // Capacity grows with what is really there; `count` is only a claim.
            let mut replica = Reader(list.value()?);
            let host = Uuid::from_bytes(replica.fixed()?);
            let shard = i32::from_be_bytes(replica.fixed()?);
            let shard = u16::try_from(shard).map_err(|_| TabletPayloadError::ShardOutOfRange(shard))?;
            replicas.push((host, shard));
        }
        if first >= last {
            return Err(TabletPayloadError::EmptyRange);
        }
        Ok(TabletHint { first, last, replicas, version: None })
    }
}

/// The byte by which an EXECUTE names the version of a tablet: four of the version's bits in its low half, and which four in its high
/// half. `chance` decides about the latter, so that many requests together name all of them.
#[inline]
pub fn tablet_version_block(version: u64, chance: u8) -> u8 {
    let place = chance & 0x0f;
    place << 4 | (version >> (4 * u32::from(place))) as u8 & 0x0f
}

/// Why a tablet payload could not be used. The response that carried it is not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TabletPayloadError {
    /// A field ends before it should, is null, or has the wrong size.
    #[error("a field of the tablet payload is missing or has the wrong size")]
    Malformed,
    /// The first token is not below the last.
    #[error("the tablet's token range is empty")]
    EmptyRange,
    /// A shard number no server can have.
    #[error("shard {0} is out of range")]
    ShardOutOfRange(i32),
}

struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], TabletPayloadError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TabletPayloadError::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    /// A value with its length before it.
    fn value(&mut self) -> Result<&'p [u8], TabletPayloadError> {
        let length = i32::from_be_bytes(self.array()?);
        let length = usize::try_from(length).map_err(|_| TabletPayloadError::Malformed)?;
        let (value, rest) = self.0.split_at_checked(length).ok_or(TabletPayloadError::Malformed)?;
        self.0 = rest;
        Ok(value)
    }

    /// A value that has exactly `N` bytes.
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], TabletPayloadError> {
        self.value()?.try_into().map_err(|_| TabletPayloadError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9c]);
        bytes.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0x64]);
        bytes.extend([0, 0, 0, 0x24, 0, 0, 0, 1, 0, 0, 0, 0x1c]);
        bytes.extend([0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 3]);
        bytes
    }

    fn expected() -> TabletHint {
        let replicas = vec![(Uuid::from_u128(1), 3)];
        TabletHint { first: Token(-100), last: Token(100), replicas, version: None }
    }

    #[test]
    fn a_payload_tells_range_hosts_and_shards() {
        assert_eq!(TabletHint::parse(&vector()), Ok(expected()));
    }

    #[test]
    fn fields_added_by_a_newer_server_are_ignored() {
        let mut longer = vector();
        longer.extend([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(TabletHint::parse(&longer), Ok(expected()));
    }

    #[test]
    fn the_second_form_ends_with_a_version() {
        let mut versioned = vector();
        versioned.extend([0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        let expected = TabletHint { version: Some(u64::MAX), ..expected() };
        assert_eq!(TabletHint::parse_versioned(&versioned), Ok(expected));
        assert_eq!(TabletHint::parse_versioned(&vector()), Err(TabletPayloadError::Malformed));
    }

    #[test]
    fn a_block_names_any_four_bits_of_a_version() {
        for place in 0..16 {
            assert_eq!(tablet_version_block(0xfedc_ba98_7654_3210, place), place << 4 | place);
            assert_eq!(tablet_version_block(0xfedc_ba98_7654_3210, place | 0xf0), place << 4 | place);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = vector();
        for length in 0..whole.len() {
            assert_eq!(
                TabletHint::parse(&whole[..length]),
                Err(TabletPayloadError::Malformed),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn impossible_values_are_refused() {
        let mut negative_shard = vector();
        let end = negative_shard.len();
        negative_shard[end - 4..].fill(0xff);
        assert_eq!(TabletHint::parse(&negative_shard), Err(TabletPayloadError::ShardOutOfRange(-1)));

        let mut empty_range = vector();
        empty_range[4..12].fill(0x7f);
        assert_eq!(TabletHint::parse(&empty_range), Err(TabletPayloadError::EmptyRange));

        let mut huge_count = vector();
        huge_count[28..32].copy_from_slice(&i32::MAX.to_be_bytes());
        assert_eq!(TabletHint::parse(&huge_count), Err(TabletPayloadError::Malformed));
    }

    #[test]
    fn no_replicas_is_a_valid_payload() {
        let mut none = vector()[..24].to_vec();
        none.extend([0, 0, 0, 4, 0, 0, 0, 0]);
        assert_eq!(TabletHint::parse(&none).map(|hint| hint.replicas), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..68usize, byte: u8) {
            let _ = (TabletHint::parse(&bytes), TabletHint::parse_versioned(&bytes));
            let mut damaged = vector();
            damaged[at % 60] = byte;
            let _ = TabletHint::parse(&damaged);
        }
    }
}
