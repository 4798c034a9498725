//! Which host a piece is asked of.

use std::collections::HashMap;

use chorus_topology::{Distance, HostIndex, Route, ViewId};

use super::piece::Piece;

/// How many requests of the scan each host has.
#[derive(Debug, Default)]
pub(super) struct Load(HashMap<HostIndex, usize>);

impl Load {
    pub(super) fn begin(&mut self, host: Option<HostIndex>) {
        if let Some(host) = host {
            *self.0.entry(host).or_default() += 1;
        }
    }

    pub(super) fn end(&mut self, host: Option<HostIndex>) {
        if let Some(requests) = host.and_then(|host| self.0.get_mut(&host)) {
            *requests = requests.saturating_sub(1);
        }
    }

    /// A replica of the piece that is up and in the local datacenter: the one it was read from; else one that did not just fail;
    /// else the one with the least to do. Where there is none the session's policy may choose among other hosts.
    pub(super) fn choose(&self, piece: &Piece, route: &Route) -> Option<HostIndex> {
        let view = route.view(ViewId::SESSION);
        let serves = |host: &HostIndex| {
            let near = matches!(view.distance(*host), Distance::LocalRack | Distance::Local);
            near && route.host(*host).is_some_and(|entry| entry.member && entry.up)
        };
        self.choose_among(piece, serves)
    }

    fn choose_among(&self, piece: &Piece, serves: impl Fn(&HostIndex) -> bool) -> Option<HostIndex> {
        if let Some(host) = piece.host.filter(|host| serves(host)) {
            return Some(host);
        }
        let work = |host: &HostIndex| self.0.get(host).copied().unwrap_or(0);
        let failed = |host: &HostIndex| piece.failed_at == Some(*host);
        piece
            .replicas
            .iter()
            .filter(|host| serves(host))
            .min_by_key(|host| (failed(host), work(host)))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::ScanRange;
    use super::*;

    fn piece() -> Piece {
        let replicas = [1, 2, 3].map(HostIndex);
        Piece::new(0, ScanRange::ALL, replicas.into(), 1.0, 100)
    }

    #[test]
    fn the_replica_with_the_least_to_do_is_asked() {
        let mut load = Load::default();
        let mut asked = Vec::new();
        for _ in 0..6 {
            let host = load.choose_among(&piece(), |_| true);
            load.begin(host);
            asked.push(host.expect("one of three").0);
        }
        assert_eq!(asked, [1, 2, 3, 1, 2, 3]);
        load.end(Some(HostIndex(2)));
        assert_eq!(load.choose_among(&piece(), |_| true), Some(HostIndex(2)));
    }

    #[test]
    fn a_piece_stays_with_its_host_until_that_fails_or_goes() {
        let (load, mut piece) = (Load::default(), piece());
        piece.host = Some(HostIndex(3));
        assert_eq!(load.choose_among(&piece, |_| true), Some(HostIndex(3)));
        assert_eq!(load.choose_among(&piece, |host| host.0 != 3), Some(HostIndex(1)));
        (piece.host, piece.failed_at) = (None, Some(HostIndex(1)));
        assert_eq!(load.choose_among(&piece, |_| true), Some(HostIndex(2)));
        assert_eq!(load.choose_among(&piece, |host| host.0 == 1), Some(HostIndex(1)), "the only one");
        assert_eq!(load.choose_among(&piece, |_| false), None);
    }
}
