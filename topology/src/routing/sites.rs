//! Datacenters and racks as small numbers, so that policies and placement compare integers instead of names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::host::Host;

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site {
    /// The datacenter's number, see [`Sites::datacenter_name`].
    pub datacenter: u16,
    /// The rack's number; racks of one name in two datacenters have two numbers.
    pub rack: u16,
}

/// The datacenters and racks of the current members, and where each host stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sites {
    datacenters: Box<[Arc<str>]>,
    /// Where each member stands, by host number; `None` for hosts that left.
    by_host: Box<[Option<Site>]>,
}

impl Sites {
    /// The sites of `members`. Numbers are given in order of appearance.
    pub fn of(members: &[Arc<Host>]) -> Sites {
        let len = members.iter().map(|host| host.index.as_usize() + 1).max().unwrap_or(0);
        let mut by_host = vec![None; len];
        let mut datacenters: Vec<Arc<str>> = Vec::new();
        let mut datacenter_numbers: FxHashMap<Arc<str>, u16> = FxHashMap::default();
        let mut racks: FxHashMap<(u16, Arc<str>), u16> = FxHashMap::default();
        for host in members {
            let next = number(datacenters.len());
            let datacenter = *datacenter_numbers.entry(host.datacenter.clone()).or_insert_with(|| {
                datacenters.push(host.datacenter.clone());
                next
            });
            let next = number(racks.len());
            let rack = *racks.entry((datacenter, host.rack.clone())).or_insert(next);
            by_host[host.index.as_usize()] = Some(Site { datacenter, rack });
        }
        Sites { datacenters: datacenters.into_boxed_slice(), by_host: by_host.into_boxed_slice() }
    }

    /// Where the host with this number stands; `None` when it is no member.
    #[inline]
    pub fn site(&self, host: crate::HostIndex) -> Option<Site> {
        self.by_host.get(host.as_usize()).copied().flatten()
    }

    /// The names of the datacenters, by number.
    pub fn datacenters(&self) -> &[Arc<str>] {
        &self.datacenters
    }

    /// The name of a datacenter.
    pub fn datacenter_name(&self, datacenter: u16) -> Option<&Arc<str>> {
        self.datacenters.get(usize::from(datacenter))
    }

    /// The number of a datacenter.
    pub fn datacenter_number(&self, name: &str) -> Option<u16> {
        self.datacenters.iter().position(|known| &**known == name).map(number)
    }
}

/// Sixteen bits are enough for any real cluster. A peer that invents more places than that gets them merged into the last
/// number, which makes plans worse, not wrong.
fn number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostIndex;
    use uuid::Uuid;

    fn host(index: u32, datacenter: &str, rack: &str) -> Arc<Host> {
        let address = ([127, 0, 0, 1], 9042).into();
        Arc::new(
            Host::new(Uuid::from_u128(index.into()), address)
                .numbered(HostIndex(index))
                .located(datacenter, rack),
        )
    }

    #[test]
    fn racks_of_one_name_in_two_datacenters_are_two_racks() {
        let sites = Sites::of(&[host(0, "east", "r1"), host(2, "west", "r1"), host(3, "east", "r1")]);
        let [east, gone, west, again] = [0, 1, 2, 3].map(|index| sites.site(HostIndex(index)));
        assert_eq!(east, again);
        assert_eq!(gone, None);
        assert_ne!(east.unwrap().datacenter, west.unwrap().datacenter);
        assert_ne!(east.unwrap().rack, west.unwrap().rack);
        assert_eq!(sites.site(HostIndex(9)), None);
        assert_eq!(sites.datacenter_number("west"), Some(west.unwrap().datacenter));
        assert_eq!(sites.datacenter_name(0).map(|name| &**name), Some("east"));
        assert_eq!(sites.datacenter_number("north"), None);
    }
}
