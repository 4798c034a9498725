//! The highest protocol version that all members speak, judged from their release versions.

use chorus_protocol::ProtocolVersion;
use chorus_topology::ServerVersion;

/// The highest version that a server of this release speaks, as far as its text tells; `None` for as high as any.
///
/// ScyllaDB says that it is Cassandra 3.0.8.
fn highest_of(release: &str) -> Option<ProtocolVersion> {
    let release: ServerVersion = release.parse().ok()?;
    match (release.major(), release.minor()) {
        // Zero and one are placeholders of servers that only pretend to be Cassandra.
        (0 | 1, _) => None,
        (2, 0 | 1) => Some(ProtocolVersion::V3),
        (2 | 3, _) => Some(ProtocolVersion::V4),
        // As much as we do, the beta included.
        _ => None,
    }
}

/// The highest version not above `spoken` that every member speaks: during an upgrade some are older than the one we
/// happened to reach first. Members whose release is unknown are taken to speak it.
pub(crate) fn highest_common<'a>(
    spoken: ProtocolVersion,
    releases: impl IntoIterator<Item = &'a str>,
) -> ProtocolVersion {
    releases.into_iter().filter_map(highest_of).fold(spoken, ProtocolVersion::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_member_decides() {
        let common = |releases: &[&str]| highest_common(ProtocolVersion::V5, releases.iter().copied());
        assert_eq!(common(&["5.0.4", "4.1.3"]), ProtocolVersion::V5);
        assert_eq!(common(&["4.0-rc1", "3.11.16"]), ProtocolVersion::V4);
        assert_eq!(common(&["4.0.0", "2.1.20"]), ProtocolVersion::V3);
        assert_eq!(common(&["5.0.4", "3.0.8"]), ProtocolVersion::V4);
        assert_eq!(highest_common(ProtocolVersion::V6, ["5.0.4", "4.0.1"]), ProtocolVersion::V6);
        assert_eq!(highest_common(ProtocolVersion::V6, ["5.0.4", "3.11.9"]), ProtocolVersion::V4);
    }

    #[test]
    fn what_cannot_be_read_changes_nothing_and_nothing_is_raised() {
        assert_eq!(highest_common(ProtocolVersion::V5, ["unknown", "", "1.0"]), ProtocolVersion::V5);
        assert_eq!(highest_common(ProtocolVersion::V4, ["5.0.4"]), ProtocolVersion::V4);
    }
}
