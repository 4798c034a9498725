//! Rows of `system.local`, `system.peers` and `system.peers_v2`: who answers, and who else is there.

use super::cell::{self, Cell};
use super::release::Release;
use crate::catalog::Catalog;
use crate::cluster::{Member, Membership};
use crate::server::Versions;

type Row = Vec<Cell>;

const PARTITIONER: &str = "org.apache.cassandra.dht.Murmur3Partitioner";
/// The port nodes of a cluster would talk to each other on. Nobody listens there.
const STORAGE_PORT: i32 = 7000;

pub(crate) fn local_row(membership: &Membership, own: &Member, catalog: &Catalog, versions: Versions) -> Row {
    let address = own.address.ip();
    vec![
        cell::text("local"),
        cell::text("COMPLETED"),
        cell::inet(address),
        cell::int(STORAGE_PORT),
        cell::text(&membership.name),
        cell::text(Release::Cassandra50.cql_version()),
        cell::text(&own.datacenter),
        cell::int(1),
        cell::uuid(own.host_id),
        cell::inet(address),
        cell::int(STORAGE_PORT),
        cell::text(versions.newest().as_u8().to_string()),
        cell::text(PARTITIONER),
        cell::text(&own.rack),
        cell::text(Release::Cassandra50.version()),
        cell::inet(address),
        cell::int(i32::from(own.address.port())),
        cell::uuid(catalog.version()),
        tokens(own),
        None,
    ]
}

/// The same as Cassandra 2.2 tells it.
pub(crate) fn local_row_22(
    membership: &Membership,
    own: &Member,
    catalog: &Catalog,
    versions: Versions,
) -> Row {
    let (address, release) = (own.address.ip(), Release::Cassandra22);
    vec![
        cell::text("local"),
        cell::text("COMPLETED"),
        cell::inet(address),
        cell::text(&membership.name),
        cell::text(release.cql_version()),
        cell::text(&own.datacenter),
        cell::int(1),
        cell::uuid(own.host_id),
        cell::inet(address),
        cell::text(versions.newest().as_u8().to_string()),
        cell::text(PARTITIONER),
        cell::text(&own.rack),
        cell::text(release.version()),
        cell::inet(address),
        cell::uuid(catalog.version()),
        cell::text("20.1.0"),
        tokens(own),
        None,
    ]
}

pub(crate) fn peer_rows(
    membership: &Membership,
    own: &Member,
    catalog: &Catalog,
    release: Release,
) -> Vec<Row> {
    others(membership, own)
        .map(|peer| {
            vec![
                cell::inet(peer.address.ip()),
                cell::text(&peer.datacenter),
                cell::uuid(peer.host_id),
                None,
                rack(peer),
                cell::text(release.version()),
                cell::inet(peer.address.ip()),
                cell::uuid(catalog.version()),
                if peer.half_known { None } else { tokens(peer) },
            ]
        })
        .collect()
}

pub(crate) fn peer_v2_rows(membership: &Membership, own: &Member, catalog: &Catalog) -> Vec<Row> {
    others(membership, own)
        .map(|peer| {
            vec![
                cell::inet(peer.address.ip()),
                // Nodes that share an address need something else to be told apart by: the key is address and port.
                cell::int(
                    STORAGE_PORT + if shares_address(membership, peer) { peer.index as i32 } else { 0 },
                ),
                cell::text(&peer.datacenter),
                cell::uuid(peer.host_id),
                cell::inet(peer.address.ip()),
                cell::int(i32::from(peer.address.port())),
                None,
                None,
                rack(peer),
                cell::text(Release::Cassandra50.version()),
                cell::uuid(catalog.version()),
                if peer.half_known { None } else { tokens(peer) },
            ]
        })
        .collect()
}

fn others<'a>(membership: &'a Membership, own: &'a Member) -> impl Iterator<Item = &'a Member> {
    membership.members.iter().map(|member| &**member).filter(move |member| member.index != own.index)
}

fn shares_address(membership: &Membership, member: &Member) -> bool {
    membership
        .members
        .iter()
        .any(|other| other.index != member.index && other.address.ip() == member.address.ip())
}

fn rack(peer: &Member) -> Cell {
    if peer.half_known { None } else { cell::text(&peer.rack) }
}

/// A set of text is sorted by bytes.
fn tokens(member: &Member) -> Cell {
    let mut tokens: Vec<String> = member.tokens.iter().map(i64::to_string).collect();
    tokens.sort_unstable();
    cell::texts(tokens)
}
