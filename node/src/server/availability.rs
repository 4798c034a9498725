//! Refusing what too few nodes are up for.

use chorus_protocol::request::QueryParameters;
use chorus_protocol::token::{composite_key, murmur3_token};
use chorus_protocol::{BoundValue, Consistency, SerialConsistency};

use super::requests::Refused;
use super::session::Session;
use crate::cluster::{Availability, Shortage};
use crate::execute::PreparedPlan;

impl Session {
    /// With nodes down, whether enough of those are up that have the partition at `token`.
    #[inline]
    pub(super) fn check_replicas(
        &self,
        plan: &PreparedPlan,
        token: Option<i64>,
        parameters: &QueryParameters<'_>,
    ) -> Result<(), Refused> {
        match self.node.shared.down() {
            None => Ok(()),
            Some(down) => self.check_replicas_with(&down, plan, token, parameters),
        }
    }

    fn check_replicas_with(
        &self,
        down: &[usize],
        plan: &PreparedPlan,
        token: Option<i64>,
        parameters: &QueryParameters<'_>,
    ) -> Result<(), Refused> {
        let Some(table) = plan.plan.table() else { return Ok(()) };
        let shared = &self.node.shared;
        let owners = shared.owners(table);
        let tablet = token.and_then(|token| owners.tablet(token));
        let catalog = shared.database.catalog();
        let Some(keyspace) = catalog.keyspace(&table.keyspace) else { return Ok(()) };
        let (membership, local) = (shared.roster.now(), &self.member.datacenter);
        let availability = Availability { membership: &membership, down, local };
        let check = |consistency| {
            let shortage = match tablet {
                Some(tablet) => availability.check_tablet(tablet, consistency),
                None => availability.check(&keyspace.replication, token, consistency),
            };
            shortage.map_err(|Shortage { required, alive }| Refused::Unavailable {
                consistency,
                required,
                alive,
            })
        };
        if plan.is_lwt {
            check(match parameters.serial_consistency {
                Some(SerialConsistency::LocalSerial) => Consistency::LocalSerial,
                Some(SerialConsistency::Serial) | None => Consistency::Serial,
            })?;
        }
        check(parameters.consistency)
    }
}

/// The token of the partition key among bound values, if all of it is there.
pub(super) fn token(pk_indexes: &[u16], values: &[BoundValue<'_>]) -> Option<i64> {
    let part = |index: &u16| values.get(usize::from(*index))?.bytes();
    match pk_indexes {
        [] => None,
        [only] => Some(murmur3_token(part(only)?).0),
        several => {
            let parts: Vec<&[u8]> = several.iter().map(part).collect::<Option<_>>()?;
            let mut key = Vec::new();
            composite_key(&parts, &mut key).ok()?;
            Some(murmur3_token(&key).0)
        }
    }
}
