//! How a request finds its host: ring, replicas, tablets, and the [`Route`] that holds them as arrays.
//!
//! A [`Route`] is an immutable snapshot. The cluster actor builds each one with a [`RouteBuilder`] from the one before,
//! sharing every part that did not change, and publishes it; the request path only reads it.
//!
//! ```text
//!   Route ── hosts: [RouteHost]            by HostIndex: up, distance, datacenter, rack, shards
//!     │
//!     ├──── sights: [Sight]                by ViewId: hosts by distance, one a policy
//!     │
//!     ├──── ring: Ring ── tokens, owners, jump table       one a cluster
//!     │
//!     └──── tables: [TableRoute]           by TableId
//!               ├── placement: Placement   replicas of every ring position; one a distinct replication strategy
//!               └── tablets: TabletMap     only for tables the server told tablets of
//! ```

mod builder;
mod hosts;
mod jump;
mod names;
mod news;
mod placement;
mod replication;
mod ring;
mod route;
mod sites;
mod tablet_page;
mod tablet_payload;
mod tablets;
mod view;

pub use builder::{KeyspaceRouting, RouteBuilder};
pub use hosts::RouteHost;
pub use news::UnknownReplica;
pub use placement::Placement;
pub use replication::{ReplicationFactor, ReplicationFactorError, ReplicationStrategy};
pub use ring::{Ring, RingPosition};
pub use route::{Replica, Replicas, ReplicasIter, Route, UpHosts};
pub use sites::{Site, Sites};
pub use tablet_payload::{
    TABLETS_V1_PAYLOAD_KEY, TABLETS_V2_PAYLOAD_KEY, TabletHint, TabletPayloadError, tablet_version_block,
};
pub use tablets::{KnownTablet, Tablet, TabletMap};
pub use view::{View, ViewId};
