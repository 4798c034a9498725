//! SUPPORTED: what a server can do.

use std::str::FromStr;

use uuid::Uuid;

use crate::error::{DecodeError, EncodeError};
use crate::frame::{Compression, FrameShape, RequestExtensions};
use crate::token::Partitioner;
use crate::version::ProtocolVersion;
use crate::wire::{Reader, put_short_count, put_string, put_string_list};

/// What a server can do, as it says before STARTUP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supported {
    /// Keys and values in the order they came.
    pub options: Vec<(String, Vec<String>)>,
}

/// How a ScyllaDB host is divided, and which part this connection talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardInfo {
    /// The shard of this connection.
    pub shard: u16,
    /// How many there are; at least 1.
    pub nr_shards: u16,
    /// How many of a token's highest bits do not matter.
    pub ignore_msb: u8,
    /// The partitioner shards are computed for.
    pub partitioner: Partitioner,
    /// How: only `biased-token-round-robin` is known.
    pub algorithm: String,
    /// Where a connection's source port chooses its shard, without TLS.
    pub port: Option<u16>,
    /// The same with TLS.
    pub port_ssl: Option<u16>,
}

impl ShardInfo {
    /// The algorithm [`shard_of`](crate::token::shard_of) computes.
    pub const ALGORITHM: &'static str = "biased-token-round-robin";

    /// Whether shards of tokens can be computed.
    pub fn is_computable(&self) -> bool {
        self.algorithm == Self::ALGORITHM && self.partitioner == Partitioner::Murmur3
    }
}

const SHARDING_KEYS: [&str; 5] = [
    "SCYLLA_SHARD",
    "SCYLLA_NR_SHARDS",
    "SCYLLA_PARTITIONER",
    "SCYLLA_SHARDING_ALGORITHM",
    "SCYLLA_SHARDING_IGNORE_MSB",
];
const LWT_MARK: &str = "SCYLLA_LWT_ADD_METADATA_MARK";
const RATE_LIMIT: &str = "SCYLLA_RATE_LIMIT_ERROR";
const TABLETS_V1: &str = "TABLETS_ROUTING_V1";
/// An experiment of ScyllaDB's, which may get another name with any release.
const TABLETS_V2: &str = "TABLETS_ROUTING_V2_EXPERIMENTAL";
const METADATA_ID: &str = "SCYLLA_USE_METADATA_ID";

impl Supported {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { options: reader.string_multimap("supported options")? })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_short_count(out, self.options.len(), "supported options")?;
        for (key, values) in &self.options {
            put_string(out, key, "supported key")?;
            put_string_list(out, values, "supported values")?;
        }
        Ok(())
    }

    /// All values of a key; none when it is absent.
    pub fn get(&self, key: &str) -> &[String] {
        self.options.iter().find(|(existing, _)| existing == key).map_or(&[], |(_, values)| values)
    }

    fn first(&self, key: &str) -> Option<&str> {
        self.get(key).first().map(String::as_str)
    }

    fn has(&self, key: &str) -> bool {
        self.options.iter().any(|(existing, _)| existing == key)
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.first(key)?.trim().parse().ok()
    }

    /// Versions of CQL, as the server lists them.
    pub fn cql_versions(&self) -> &[String] {
        self.get("CQL_VERSION")
    }

    /// The compressions both ends know, in the server's order.
    pub fn compressions(&self) -> Vec<Compression> {
        self.get("COMPRESSION").iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// The protocol versions both ends know, in the server's order. Empty when the server does not say. Versions in
    /// beta are left out: what was called v5 then is not what v5 became.
    pub fn protocol_versions(&self) -> Vec<ProtocolVersion> {
        // Such as `4/v4` and `6/v6-beta`.
        let released = |text: &&String| !text.ends_with("-beta");
        let number = |text: &String| text.split('/').next()?.parse::<u8>().ok()?.try_into().ok();
        self.get("PROTOCOL_VERSIONS").iter().filter(released).filter_map(number).collect()
    }

    /// Which product this is, when it says so: `DATASTAX_APOLLO` for Astra.
    pub fn product_type(&self) -> Option<&str> {
        self.first("PRODUCT_TYPE")
    }

    /// How the host is divided. `None` unless at least one of the five keys is there and the numbers make sense; keys
    /// that are missing then have values that say nothing.
    pub fn shard_info(&self) -> Option<ShardInfo> {
        if !SHARDING_KEYS.iter().any(|key| self.has(key)) {
            return None;
        }
        let nr_shards = self.number("SCYLLA_NR_SHARDS").filter(|shards| *shards > 0)?;
        Some(ShardInfo {
            shard: self.number("SCYLLA_SHARD").filter(|shard| *shard < nr_shards)?,
            nr_shards,
            ignore_msb: self.number("SCYLLA_SHARDING_IGNORE_MSB").unwrap_or(0),
            partitioner: self
                .first("SCYLLA_PARTITIONER")
                .map_or(Partitioner::Other, Partitioner::from_class_name),
            algorithm: self.first("SCYLLA_SHARDING_ALGORITHM").unwrap_or_default().to_owned(),
            port: self.number("SCYLLA_SHARD_AWARE_PORT").filter(|port| *port > 0),
            port_ssl: self.number("SCYLLA_SHARD_AWARE_PORT_SSL").filter(|port| *port > 0),
        })
    }

    /// Which bind metadata bits mark conditional statements. `None` when the value makes no sense.
    pub fn lwt_mask(&self) -> Option<u32> {
        let value = self.first(LWT_MARK)?.strip_prefix("LWT_OPTIMIZATION_META_BIT_MASK=")?;
        value.parse().ok().filter(|mask| *mask != 0)
    }

    /// The error code of [`DbError::RateLimitReached`](crate::response::DbError::RateLimitReached).
    pub fn rate_limit_code(&self) -> Option<i32> {
        self.first(RATE_LIMIT)?.strip_prefix("ERROR_CODE=")?.parse().ok()
    }

    /// Results can say where tablets live.
    pub fn tablets_v1(&self) -> bool {
        self.has(TABLETS_V1)
    }

    /// Results can say where tablets live and in which version, and EXECUTE names the version its sender knows.
    pub fn tablets_v2(&self) -> bool {
        self.has(TABLETS_V2)
    }

    /// Result metadata ids on v4.
    pub fn use_metadata_id(&self) -> bool {
        self.has(METADATA_ID)
    }

    /// The id of the host that answered.
    pub fn host_id(&self) -> Option<Uuid> {
        self.number("SCYLLA_HOST_ID")
    }

    /// The shape of a connection of `version` with everything that is offered and changes no request, and of what changes
    /// requests that which is `wanted`. It has that shape once STARTUP has said so with [`extension_echo`](Self::extension_echo).
    pub fn shape(&self, version: ProtocolVersion, wanted: RequestExtensions) -> FrameShape {
        let mut shape = FrameShape::new(version);
        shape.lwt_mask = self.lwt_mask();
        shape.rate_limit_code = self.rate_limit_code();
        shape.tablets_v2 = wanted.tablets_v2 && version.has_custom_payload() && self.tablets_v2();
        // Who knows both forms is told the second alone.
        shape.tablets_v1 = !shape.tablets_v2 && version.has_custom_payload() && self.tablets_v1();
        shape.metadata_id |= wanted.metadata_id && version == ProtocolVersion::V4 && self.use_metadata_id();
        shape
    }

    /// The STARTUP options that switch on exactly the extensions of a shape that was offered.
    pub fn extension_echo(shape: &FrameShape) -> Vec<(String, String)> {
        let mut echo = Vec::new();
        if let Some(mask) = shape.lwt_mask {
            echo.push((LWT_MARK.to_owned(), mask.to_string()));
        }
        let switches = [
            (shape.rate_limit_code.is_some(), RATE_LIMIT),
            (shape.tablets_v1, TABLETS_V1),
            (shape.tablets_v2, TABLETS_V2),
            (shape.version == ProtocolVersion::V4 && shape.metadata_id, METADATA_ID),
        ];
        echo.extend(
            switches.into_iter().filter(|(on, _)| *on).map(|(_, key)| (key.to_owned(), String::new())),
        );
        echo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::Response;
    use crate::vectors::{V4, check_cuts, check_response};

    const IDS: RequestExtensions = RequestExtensions { metadata_id: true, tablets_v2: false };

    fn supported(options: &[(&str, &[&str])]) -> Supported {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Supported {
            options: options.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect(),
        }
    }

    fn scylla() -> Supported {
        supported(&[
            ("COMPRESSION", &["lz4", "deflate", "snappy"]),
            ("CQL_VERSION", &["3.3.1"]),
            ("PROTOCOL_VERSIONS", &["3/v3", "4/v4", "5/v5", "6/v6-beta", "66/dse"]),
            ("SCYLLA_SHARD", &["3"]),
            ("SCYLLA_NR_SHARDS", &["12"]),
            ("SCYLLA_PARTITIONER", &["org.apache.cassandra.dht.Murmur3Partitioner"]),
            ("SCYLLA_SHARDING_ALGORITHM", &["biased-token-round-robin"]),
            ("SCYLLA_SHARDING_IGNORE_MSB", &["12"]),
            ("SCYLLA_SHARD_AWARE_PORT", &["19042"]),
            ("SCYLLA_SHARD_AWARE_PORT_SSL", &["0"]),
            ("SCYLLA_LWT_ADD_METADATA_MARK", &["LWT_OPTIMIZATION_META_BIT_MASK=2147483648"]),
            ("SCYLLA_RATE_LIMIT_ERROR", &["ERROR_CODE=15728640"]),
            ("TABLETS_ROUTING_V1", &[""]),
            ("SCYLLA_USE_METADATA_ID", &[""]),
            ("SCYLLA_HOST_ID", &["00000000-0000-0000-0000-000000000007"]),
        ])
    }

    #[test]
    fn supported_is_a_multimap() {
        let response = Response::Supported(supported(&[("A", &["x", "y"]), ("B", &[])]));
        check_response(&V4, &response, "0002 000141 0002 000178 000179 000142 0000");
        check_cuts(&V4, &response);
    }

    #[test]
    fn everything_a_host_says_about_itself_is_read() {
        let supported = scylla();
        assert_eq!(supported.cql_versions(), ["3.3.1"]);
        assert_eq!(supported.compressions(), [Compression::Lz4, Compression::Snappy]);
        use ProtocolVersion::{V3, V4, V5};
        assert_eq!(supported.protocol_versions(), [V3, V4, V5]);
        let shards = supported.shard_info().unwrap();
        assert!(shards.is_computable());
        assert_eq!((shards.shard, shards.nr_shards, shards.ignore_msb), (3, 12, 12));
        assert_eq!((shards.port, shards.port_ssl), (Some(19042), None));
        assert_eq!(supported.lwt_mask(), Some(1 << 31));
        assert_eq!(supported.rate_limit_code(), Some(0xf00000));
        assert_eq!(supported.host_id(), Some(Uuid::from_u128(7)));
        assert_eq!(supported.product_type(), None);
    }

    #[test]
    fn versions_in_beta_are_not_offered() {
        let beta = supported(&[("PROTOCOL_VERSIONS", &["4/v4", "5/v5-beta"])]);
        assert_eq!(beta.protocol_versions(), [ProtocolVersion::V4]);
    }

    #[test]
    fn exactly_what_shapes_the_connection_is_echoed() {
        let shape = scylla().shape(ProtocolVersion::V4, IDS);
        assert!(shape.tablets_v1 && shape.metadata_id && shape.lwt_mask.is_some());
        let echo = Supported::extension_echo(&shape);
        let echo: Vec<_> = echo.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            echo,
            [
                ("SCYLLA_LWT_ADD_METADATA_MARK", "2147483648"),
                ("SCYLLA_RATE_LIMIT_ERROR", ""),
                ("TABLETS_ROUTING_V1", ""),
                ("SCYLLA_USE_METADATA_ID", ""),
            ]
        );
        assert_eq!(Supported::default().shape(ProtocolVersion::V4, IDS), V4);
        assert_eq!(Supported::extension_echo(&FrameShape::new(ProtocolVersion::V5)), []);
    }

    #[test]
    fn what_changes_requests_is_taken_only_when_it_is_wanted_and_offered() {
        let all = RequestExtensions { tablets_v2: true, ..IDS };
        let mut offers = scylla();
        let shape = offers.shape(ProtocolVersion::V4, RequestExtensions::default());
        assert!(shape.tablets_v1 && shape.request_extensions().is_empty());
        let shape = offers.shape(ProtocolVersion::V4, all);
        assert!(shape.tablets_v1 && shape.request_extensions() == IDS, "versions are not offered");
        offers.options.push((TABLETS_V2.to_owned(), vec![String::new()]));
        assert!(offers.shape(ProtocolVersion::V4, IDS).tablets_v1, "nor wanted");
        let shape = offers.shape(ProtocolVersion::V4, all);
        assert!(!shape.tablets_v1 && shape.request_extensions() == all);
        let echo = Supported::extension_echo(&shape);
        let named = |key: &str| echo.iter().any(|(known, _)| known == key);
        assert!(named(TABLETS_V2) && named(METADATA_ID) && !named(TABLETS_V1), "never both forms");
        assert!(!offers.shape(ProtocolVersion::V3, all).tablets_v2, "answers have no room for it");
    }

    #[test]
    fn values_that_make_no_sense_are_as_good_as_absent() {
        assert_eq!(supported(&[("COMPRESSION", &[])]).shard_info(), None);
        for (shard, shards) in [("12", "12"), ("0", "0"), ("x", "4"), ("-1", "4"), ("1", "99999")] {
            let options = supported(&[("SCYLLA_SHARD", &[shard]), ("SCYLLA_NR_SHARDS", &[shards])]);
            assert_eq!(options.shard_info(), None, "{shard} of {shards}");
        }
        for mask in ["", "LWT_OPTIMIZATION_META_BIT_MASK=", "LWT_OPTIMIZATION_META_BIT_MASK=-1", "1"] {
            assert_eq!(supported(&[("SCYLLA_LWT_ADD_METADATA_MARK", &[mask])]).lwt_mask(), None);
        }
        assert_eq!(supported(&[("SCYLLA_RATE_LIMIT_ERROR", &[])]).rate_limit_code(), None);
        let bare = supported(&[("SCYLLA_SHARD", &["0"]), ("SCYLLA_NR_SHARDS", &["1"])]);
        assert!(!bare.shard_info().unwrap().is_computable());
    }
}
