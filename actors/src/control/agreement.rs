//! Whether all hosts have the same schema.

use uuid::Uuid;

/// What one host said of itself, or another host of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostVersion {
    /// The host's identity.
    pub(crate) host: Option<Uuid>,
    /// Its schema version.
    pub(crate) version: Option<Uuid>,
}

/// The schema version that `versions` agree on.
///
/// Hosts without a version (just joining) and hosts known to be down are not asked; nobody left to ask is no agreement.
pub(crate) fn agreed(
    versions: impl IntoIterator<Item = HostVersion>,
    is_down: impl Fn(Uuid) -> bool,
) -> Option<Uuid> {
    let mut common = None;
    for HostVersion { host, version } in versions {
        let Some(version) = version else { continue };
        if host.is_some_and(&is_down) {
            continue;
        }
        match common {
            None => common = Some(version),
            Some(known) if known == version => {}
            Some(_) => return None,
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn host(number: u128, version: Option<Uuid>) -> HostVersion {
        HostVersion { host: Some(Uuid::from_u128(100 + number)), version }
    }

    #[test]
    fn exactly_one_version_is_agreement() {
        let all_up = |_| false;
        assert_eq!(agreed([host(1, Some(A)), host(2, Some(A))], all_up), Some(A));
        assert_eq!(agreed([host(1, Some(A)), host(2, Some(B))], all_up), None);
        assert_eq!(agreed([host(1, Some(A)), host(2, None)], all_up), Some(A));
        assert_eq!(agreed([], all_up), None);
    }

    #[test]
    fn a_host_that_is_down_is_not_waited_for() {
        let versions = [host(1, Some(A)), host(2, Some(B))];
        assert_eq!(agreed(versions, |id| id == Uuid::from_u128(102)), Some(A));
    }
}
