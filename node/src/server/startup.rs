//! What a node can do, and what a client may ask of a connection.

use std::fmt;

use chorus_protocol::request::Startup;
use chorus_protocol::response::Supported;
use chorus_protocol::{Compression, ProtocolVersion};

use crate::system::Release;

/// The versions of the protocol that the nodes of a cluster speak: all from the oldest there is to their newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions {
    oldest: ProtocolVersion,
    newest: ProtocolVersion,
}

impl Versions {
    pub(crate) const fn up_to(newest: ProtocolVersion) -> Self {
        Self { oldest: ProtocolVersion::V3, newest }
    }

    pub(crate) fn newest(self) -> ProtocolVersion {
        self.newest
    }

    pub(crate) fn contains(self, version: u8) -> bool {
        (self.oldest.as_u8()..=self.newest.as_u8()).contains(&version)
    }

    fn names(self) -> impl Iterator<Item = String> {
        let is_beta = |version| ProtocolVersion::try_from(version).is_ok_and(ProtocolVersion::is_beta);
        (self.oldest.as_u8()..=self.newest.as_u8()).map(move |version| {
            format!("{version}/v{version}{}", if is_beta(version) { "-beta" } else { "" })
        })
    }
}

/// The list in SUPPORTED and in errors: `3/v3, 4/v4`.
impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&name)?;
        }
        Ok(())
    }
}

/// The answer to OPTIONS.
pub(crate) fn supported(versions: Versions, release: Release) -> Supported {
    let option = |key: &str, values: Vec<String>| (key.to_owned(), values);
    Supported {
        options: vec![
            option("PROTOCOL_VERSIONS", versions.names().collect()),
            option("COMPRESSION", vec!["snappy".to_owned(), "lz4".to_owned()]),
            option("CQL_VERSION", vec![release.cql_version().to_owned()]),
        ],
    }
}

/// The compression a client wants, or why its STARTUP is refused.
pub(crate) fn check(startup: &Startup, version: ProtocolVersion) -> Result<Option<Compression>, String> {
    let option = |key: &str| {
        let wanted = startup.options.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        wanted.map(|(_, value)| value.as_str())
    };
    let cql_version = option(Startup::CQL_VERSION).ok_or("Missing value CQL_VERSION in STARTUP message")?;
    check_cql_version(cql_version)?;
    let Some(name) = option(Startup::COMPRESSION) else { return Ok(None) };
    match name.parse() {
        Ok(Compression::Snappy) if version.uses_segments() => {
            Err("Snappy compression is not supported in protocol V5".to_owned())
        }
        Ok(compression) => Ok(Some(compression)),
        Err(_) => Err(format!("Unknown compression algorithm: {name}")),
    }
}

/// Three numbers, perhaps with something behind them, of which the first is at least 3.
fn check_cql_version(text: &str) -> Result<(), String> {
    let invalid = || format!("Invalid version value: {text}");
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let mut parts = numbers.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(_)), Some(Ok(_)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(invalid());
    };
    if major < 3 {
        return Err(format!(
            "CQL version {text} is not supported by the binary protocol (supported version are >= 3.0.0)"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup(options: &[(&str, &str)]) -> Startup {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Startup { options: options.iter().map(owned).collect() }
    }

    #[test]
    fn compression_is_agreed_by_name_in_any_case() {
        let wants =
            |name, version| check(&startup(&[("CQL_VERSION", "3.0.0"), ("COMPRESSION", name)]), version);
        assert_eq!(wants("lz4", ProtocolVersion::V5), Ok(Some(Compression::Lz4)));
        assert_eq!(wants("LZ4", ProtocolVersion::V3), Ok(Some(Compression::Lz4)));
        assert_eq!(wants("snappy", ProtocolVersion::V4), Ok(Some(Compression::Snappy)));
        assert_eq!(
            wants("snappy", ProtocolVersion::V5),
            Err("Snappy compression is not supported in protocol V5".to_owned())
        );
        assert_eq!(wants("zstd", ProtocolVersion::V4), Err("Unknown compression algorithm: zstd".to_owned()));
        assert_eq!(wants("", ProtocolVersion::V4), Err("Unknown compression algorithm: ".to_owned()));
    }

    #[test]
    fn a_startup_needs_a_version_of_cql() {
        let wants = |version| check(&startup(&[("CQL_VERSION", version)]), ProtocolVersion::V4);
        assert_eq!(wants("3.4.7"), Ok(None));
        assert_eq!(wants("9.9.9"), Ok(None));
        assert_eq!(wants("3.0.0-beta1"), Ok(None));
        assert_eq!(wants("abc"), Err("Invalid version value: abc".to_owned()));
        assert_eq!(wants("3.4"), Err("Invalid version value: 3.4".to_owned()));
        assert!(wants("2.0.0").unwrap_err().starts_with("CQL version 2.0.0 is not supported"));
        assert_eq!(
            check(&startup(&[]), ProtocolVersion::V4),
            Err("Missing value CQL_VERSION in STARTUP message".to_owned())
        );
    }

    #[test]
    fn versions_are_listed_as_cassandra_lists_them() {
        let versions = Versions::up_to(ProtocolVersion::V5);
        assert_eq!(versions.to_string(), "3/v3, 4/v4, 5/v5");
        assert_eq!(Versions::up_to(ProtocolVersion::V6).to_string(), "3/v3, 4/v4, 5/v5, 6/v6-beta");
        assert!(
            versions.contains(3) && versions.contains(5) && !versions.contains(6) && !versions.contains(2)
        );
        assert_eq!(
            supported(versions, Release::Cassandra50).protocol_versions(),
            [ProtocolVersion::V3, ProtocolVersion::V4, ProtocolVersion::V5]
        );
        assert!(!Versions::up_to(ProtocolVersion::V4).contains(5));
    }
}
