//! Whether requests arrive where their partitions are, and telling clients where that is.

use std::sync::Arc;

use uuid::Uuid;

use super::extensions::{knows_version, tablet_payload};
use super::session::Session;
use crate::catalog::TableSchema;
use crate::cluster::{Aim, Epochs, Owners};

/// Tables whose owners a connection remembers.
const MOST_TABLES: usize = 16;

/// What one connection has looked up, so that judging the same statements again takes no lock.
#[derive(Debug, Default)]
pub(super) struct KnownOwners {
    epochs: Epochs,
    tables: Vec<(Uuid, Arc<Owners>)>,
}

impl Session {
    /// Counts a request for the partition at `token` of `table`, and how well it was aimed.
    pub(super) fn count_aim(
        &mut self,
        table: &TableSchema,
        token: Option<i64>,
    ) -> Option<(Arc<Owners>, Aim)> {
        let owners = self.owners(table);
        if matches!(*owners, Owners::Everybody) {
            return None;
        }
        let aim = token.and_then(|token| owners.aim(token, self.node.index, self.place.as_ref()));
        self.node.aims.count(aim);
        Some((owners, aim?))
    }

    /// What a client shall be told about the tablet of its request, if anything: with versions, when it does not know the
    /// one there is; without, when it has asked somebody else.
    pub(super) fn tablet_news(&self, owners: &Owners, aim: Aim, token: i64, block: u8) -> Option<Vec<u8>> {
        let tablet = owners.tablet(token)?;
        let knows =
            if self.shape.tablets_v2 { knows_version(block, tablet.version) } else { aim == Aim::Shard };
        if knows {
            return None;
        }
        let membership = self.node.shared.roster.now();
        tablet_payload(&self.shape, tablet, |node| membership.member(node).map(|member| member.host_id))
    }

    fn owners(&mut self, table: &TableSchema) -> Arc<Owners> {
        let shared = &self.node.shared;
        let epochs = shared.epochs();
        if self.owners.epochs != epochs {
            self.owners = KnownOwners { epochs, tables: Vec::new() };
        }
        if let Some((_, owners)) = self.owners.tables.iter().find(|(id, _)| *id == table.id) {
            return Arc::clone(owners);
        }
        let owners = shared.owners(table);
        if self.owners.tables.len() == MOST_TABLES {
            self.owners.tables.remove(0);
        }
        self.owners.tables.push((table.id, Arc::clone(&owners)));
        owners
    }
}
