//! Dividing rows by the hosts that hold them.

use std::collections::HashMap;

use chorus_protocol::IntoRow;
use chorus_topology::{HostIndex, Rng, ViewId};

use crate::Session;
use crate::error::Error;
use crate::request::{put_row, table_of};
use crate::statement::{PreparedStatement, Route, token_of};

/// Rows of one statement that one host holds; made by [`Session::group_by_replica`] and [`Session::group_by_shard`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaGroup<R> {
    /// The host; `None` for rows without a known replica that is up: those of tables the session does not know, of keys that
    /// are not bound completely, and of partitions whose replicas are all down or out of reach of the session's policy.
    pub host: Option<HostIndex>,
    /// The shard within the host, when rows were grouped by shard and the host has any.
    pub shard: Option<u16>,
    /// The rows, in the order they came.
    pub rows: Vec<R>,
}

impl Session {
    /// Divides rows by a replica of each: work that goes together to one host, such as an unlogged batch or an `IN` with many
    /// keys, costs the cluster less when that host has all of it. A row goes to one replica that is up, in the local
    /// datacenter if there is one there, chosen by chance among equals.
    ///
    /// Only the values of the partition key matter. Groups are in no particular order; that of rows without a replica, if
    /// there are any, is the one without a host.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Values`](crate::ErrorKind::Values) when a row does not fit the statement.
    ///
    /// ```no_run
    /// # async fn example(session: chorus::Session) -> Result<(), chorus::Error> {
    /// use chorus::Batch;
    ///
    /// let insert = session.prepare("INSERT INTO shop.orders (id, total) VALUES (?, ?)").await?.idempotent(true);
    /// let orders = (0..1000_i64).map(|id| (id, 10_i32));
    /// for group in session.group_by_replica(&insert, orders)? {
    ///     for rows in group.rows.chunks(50) {
    ///         let mut batch = Batch::unlogged();
    ///         for row in rows {
    ///             batch.bind(&insert, row)?;
    ///         }
    ///         session.batch(&batch).await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn group_by_replica<R: IntoRow>(
        &self,
        statement: &PreparedStatement,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<ReplicaGroup<R>>, Error> {
        self.group(statement, rows, |_| None)
    }

    /// The same, with a group for each shard of a host: what one processor core of a ScyllaDB host serves.
    ///
    /// # Errors
    ///
    /// Those of [`group_by_replica`](Self::group_by_replica).
    pub fn group_by_shard<R: IntoRow>(
        &self,
        statement: &PreparedStatement,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Vec<ReplicaGroup<R>>, Error> {
        self.group(statement, rows, |shard| shard)
    }

    fn group<R: IntoRow>(
        &self,
        statement: &PreparedStatement,
        rows: impl IntoIterator<Item = R>,
        by: impl Fn(Option<u16>) -> Option<u16>,
    ) -> Result<Vec<ReplicaGroup<R>>, Error> {
        let prepared = &statement.shared;
        let table = table_of(self, prepared)?;
        let route = self.inner.engine.route();
        let (view, mut rng) = (route.view(ViewId::SESSION), Rng::from_entropy());
        let mut groups: Vec<ReplicaGroup<R>> = Vec::new();
        let mut places: HashMap<(Option<HostIndex>, Option<u16>), usize> = HashMap::new();
        let mut values = Vec::new();
        for row in rows {
            values.clear();
            put_row(prepared, &row, &mut values)?;
            let token = token_of(prepared, &values, Route::ByToken)?;
            let replica = match (table, token) {
                (Some(table), Some(token)) => view.one_replica(table, token, &mut rng),
                _ => None,
            };
            let (host, shard) =
                (replica.map(|replica| replica.host), replica.and_then(|replica| by(replica.shard)));
            let place = *places.entry((host, shard)).or_insert_with(|| {
                groups.push(ReplicaGroup { host, shard, rows: Vec::new() });
                groups.len() - 1
            });
            groups[place].rows.push(row);
        }
        Ok(groups)
    }
}
