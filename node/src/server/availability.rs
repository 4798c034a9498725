//! Refusing what too few nodes are up for.

use chorus_protocol::request::QueryParameters;
use chorus_protocol::token::{composite_key, murmur3_token};
use chorus_protocol::{BoundValue, Consistency, SerialConsistency};

use super::requests::Refused;
use super::session::Session;
use crate::cluster::{Availability, Shortage};
use crate::execute::PreparedPlan;

impl Session {
    /// With nodes down, whether enough of those are up that have the partition.
    #[inline]
    pub(super) fn check_replicas(
        &self,
        plan: &PreparedPlan,
        values: &[BoundValue<'_>],
        parameters: &QueryParameters<'_>,
    ) -> Result<(), Refused> {
        match self.node.shared.down() {
            None => Ok(()),
            Some(down) => self.check_replicas_with(&down, plan, values, parameters),
        }
    }

    fn check_replicas_with(
        &self,
        down: &[usize],
        plan: &PreparedPlan,
        values: &[BoundValue<'_>],
        parameters: &QueryParameters<'_>,
    ) -> Result<(), Refused> {
        let shared = &self.node.shared;
        let catalog = shared.database.catalog();
        let Some(keyspace) = plan.plan.keyspace().and_then(|keyspace| catalog.keyspace(keyspace)) else {
            return Ok(());
        };
        let (membership, local) = (shared.roster.now(), &self.node.member.datacenter);
        let availability = Availability { membership: &membership, down, local };
        let token = token(&plan.pk_indexes, values);
        let check = |consistency| {
            let shortage = availability.check(&keyspace.replication, token, consistency);
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
fn token(pk_indexes: &[u16], values: &[BoundValue<'_>]) -> Option<i64> {
    let parts: Vec<&[u8]> =
        pk_indexes.iter().map(|index| values.get(usize::from(*index))?.bytes()).collect::<Option<_>>()?;
    if parts.is_empty() {
        return None;
    }
    let mut key = Vec::new();
    composite_key(&parts, &mut key).ok()?;
    Some(murmur3_token(&key).0)
}
