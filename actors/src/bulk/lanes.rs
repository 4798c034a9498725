//! Where rows are gathered: a lane for each target, and the chunk that is open in it.

use chorus_topology::{HostIndex, RoutingQuality};

use super::Chunk;

/// Where the rows of a chunk go.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) host: Option<HostIndex>,
    pub(super) shard: Option<u16>,
    pub(super) quality: RoutingQuality,
    /// To that host and no other, so they do not travel with rows that may go elsewhere.
    pub(super) only: bool,
}

/// One lane for each target met so far, and its open chunk.
#[derive(Default)]
pub(super) struct Lanes {
    pub(super) targets: Vec<Target>,
    pub(super) open: Vec<Option<Box<Chunk>>>,
    /// The lane of each host and shard; the first place of each host is for rows without a shard.
    by_host: Vec<Vec<Option<u32>>>,
    /// The lane of each host for rows that are for it alone.
    only: Vec<Option<u32>>,
    unrouted: Option<u32>,
}

impl Lanes {
    #[inline]
    pub(super) fn find(&mut self, target: Target) -> usize {
        let known = match target.host {
            Some(host) if target.only => self.only.get(host.0 as usize).copied().flatten(),
            Some(host) => {
                let column = target.shard.map_or(0, |shard| usize::from(shard) + 1);
                self.by_host.get(host.0 as usize).and_then(|lanes| *lanes.get(column)?)
            }
            None => self.unrouted,
        };
        match known {
            Some(lane) => lane as usize,
            None => self.add(target),
        }
    }

    #[cold]
    fn add(&mut self, target: Target) -> usize {
        let lane = self.targets.len();
        let place = match target.host {
            Some(host) if target.only => {
                let row = host.0 as usize;
                if self.only.len() <= row {
                    self.only.resize(row + 1, None);
                }
                &mut self.only[row]
            }
            Some(host) => {
                let (row, column) = (host.0 as usize, target.shard.map_or(0, |shard| usize::from(shard) + 1));
                if self.by_host.len() <= row {
                    self.by_host.resize_with(row + 1, Vec::new);
                }
                if self.by_host[row].len() <= column {
                    self.by_host[row].resize(column + 1, None);
                }
                &mut self.by_host[row][column]
            }
            None => &mut self.unrouted,
        };
        *place = Some(lane as u32);
        self.targets.push(target);
        self.open.push(None);
        lane
    }
}
