//! The table a load goes into: does it exist, do the fields of the file fit it, and if not, what to create.

use chorus_protocol::CqlType;
use chorus_protocol::identifier::quote;
use chorus_topology::metadata::{Column, ColumnKind};
use chorus_topology::{ClusterState, SchemaScope};

use super::key::PrimaryKey;
use super::map::{find_column, new_column_name};
use super::table_name::TableName;
use crate::{Error, Session};

/// The file and the table do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A mapping rule names a field that the header has not.
    #[error("the mapping speaks of a field {field:?}, and the header has {}", listed(header))]
    NoSuchField {
        /// The field of the rule.
        field: String,
        /// The fields there are.
        header: Vec<String>,
    },
    /// A field of the header has no name, and no rule leaves it out.
    #[error("field {position} of the header has no name: give it one, or leave it out with the mapping")]
    UnnamedField {
        /// Its position, from 1.
        position: usize,
    },
    /// Two fields would go into the same column.
    #[error("more than one field goes into column {column:?}")]
    ColumnTwice {
        /// The column.
        column: String,
    },
    /// The keyspace does not exist, and nothing says how to create the table.
    #[error("there is no keyspace {keyspace:?}; with a primary key, keyspace and table are created")]
    NoSuchKeyspace {
        /// The keyspace.
        keyspace: String,
    },
    /// The table does not exist, and nothing says how to create it.
    #[error("there is no table {table}; with a primary key, it is created from the types found in the file")]
    NoSuchTable {
        /// The table.
        table: TableName,
    },
    /// A field has no column to go into.
    #[error("table {table} has no column {column:?}; it has {}", listed(columns))]
    NoSuchColumn {
        /// The table.
        table: TableName,
        /// The column that was wanted.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// A column of the primary key has no field.
    #[error("the primary key needs column {column:?}, and the file has {}", listed(fields))]
    KeyMissing {
        /// The column.
        column: String,
        /// What the fields of the file go into.
        fields: Vec<String>,
    },
    /// A column whose values cannot be written as text, or not with an INSERT.
    #[error("column {column:?} is of type {typ}, which cannot be loaded")]
    NotLoadable {
        /// The column.
        column: String,
        /// Its type.
        typ: CqlType,
    },
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", ...");
    }
    text
}

/// One column of a table that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableColumn {
    name: String,
    kind: ColumnKind,
}

impl TableColumn {
    fn is_key(&self) -> bool {
        matches!(self.kind, ColumnKind::PartitionKey | ColumnKind::Clustering)
    }
}

/// What there is. Columns are in the order CQL lists them: key columns first, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    NoKeyspace,
    NoTable,
    Table(Vec<TableColumn>),
}

/// Looks for the table in what the session knows, and asks the cluster when it is not there.
pub(super) async fn look_up(session: &Session, name: &TableName) -> Result<Found, Error> {
    let found = known(&session.state(), name);
    if matches!(found, Found::Table(_)) {
        return Ok(found);
    }
    // It may have been made a moment ago.
    session.refresh_schema_of(SchemaScope::keyspace(&name.keyspace)).await?;
    Ok(known(&session.state(), name))
}

fn known(state: &ClusterState, name: &TableName) -> Found {
    match state.keyspace(&name.keyspace).map(|keyspace| keyspace.table(&name.table)) {
        None => Found::NoKeyspace,
        Some(None) => Found::NoTable,
        Some(Some(table)) => {
            let column = |column: &Column| TableColumn { name: column.name.to_string(), kind: column.kind };
            Found::Table(table.columns.iter().map(column).collect())
        }
    }
}

/// Whether a table has this primary key, in this order.
pub(super) fn has_key(columns: &[TableColumn], key: &PrimaryKey) -> bool {
    let names = || columns.iter().map(|column| column.name.as_str());
    let part =
        |kind| columns.iter().filter(move |column| column.kind == kind).map(|column| column.name.as_str());
    let wanted = |wanted: &[String]| -> Vec<&str> {
        wanted.iter().filter_map(|name| find_column(names(), name)).collect()
    };
    part(ColumnKind::PartitionKey).eq(wanted(key.partition()))
        && part(ColumnKind::Clustering).eq(wanted(key.clustering()))
}

/// A field of the file and the column it goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) field: usize,
    pub(super) column: String,
    pub(super) key: bool,
}

/// Finds the column of each field in a table that exists.
pub(super) fn assign(
    table: &TableName,
    columns: &[TableColumn],
    targets: &[Option<String>],
) -> Result<Vec<Assignment>, SchemaError> {
    let names = || columns.iter().map(|column| column.name.as_str());
    let mut assignments: Vec<Assignment> = Vec::new();
    for (field, wanted) in targets.iter().enumerate() {
        let Some(wanted) = wanted else { continue };
        let Some(name) = find_column(names(), wanted) else {
            return Err(SchemaError::NoSuchColumn {
                table: table.clone(),
                column: wanted.clone(),
                columns: names().map(str::to_owned).collect(),
            });
        };
        if assignments.iter().any(|taken| taken.column == name) {
            return Err(SchemaError::ColumnTwice { column: name.to_owned() });
        }
        let key = columns.iter().any(|column| column.is_key() && column.name == name);
        assignments.push(Assignment { field, column: name.to_owned(), key });
    }
    let taken = |column: &TableColumn| assignments.iter().any(|taken| taken.column == column.name);
    let missing = columns.iter().find(|column| column.is_key() && !taken(column));
    match missing {
        None => Ok(assignments),
        Some(column) => Err(SchemaError::KeyMissing {
            column: column.name.clone(),
            fields: assignments.into_iter().map(|assignment| assignment.column).collect(),
        }),
    }
}

/// A table to be created.
#[derive(Clone, Debug)]
pub(super) struct NewTable {
    pub(super) name: TableName,
    pub(super) key: PrimaryKey,
    pub(super) columns: Vec<(String, CqlType)>,
}

impl NewTable {
    /// Names the columns after the fields and checks that the key is among them. `types` has one entry a field.
    pub(super) fn plan(
        name: &TableName,
        key: &PrimaryKey,
        targets: &[Option<String>],
        types: &[CqlType],
    ) -> Result<(Self, Vec<Assignment>), SchemaError> {
        let mut columns: Vec<(String, CqlType)> = Vec::new();
        let mut assignments = Vec::new();
        for (field, target) in targets.iter().enumerate() {
            let (Some(target), Some(typ)) = (target, types.get(field)) else { continue };
            let column = new_column_name(target);
            if columns.iter().any(|(taken, _)| *taken == column) {
                return Err(SchemaError::ColumnTwice { column });
            }
            assignments.push(Assignment { field, column: column.clone(), key: false });
            columns.push((column, typ.clone()));
        }
        let names = || columns.iter().map(|(name, _)| name.as_str());
        let found = key.renamed(|wanted| find_column(names(), wanted).map(str::to_owned));
        let Some(key) = found else {
            let missing = key.columns().find(|wanted| find_column(names(), wanted).is_none());
            return Err(SchemaError::KeyMissing {
                column: missing.unwrap_or_default().to_owned(),
                fields: names().map(str::to_owned).collect(),
            });
        };
        for assignment in &mut assignments {
            assignment.key = key.columns().any(|name| name == assignment.column);
        }
        Ok((Self { name: name.clone(), key, columns }, assignments))
    }

    /// The CREATE TABLE statement.
    pub(super) fn cql(&self) -> String {
        let list = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
        let columns: Vec<String> =
            self.columns.iter().map(|(name, typ)| format!("{} {typ}", quote(name))).collect();
        let mut key = format!("({})", list(self.key.partition()));
        if !self.key.clustering().is_empty() {
            key.push_str(", ");
            key.push_str(&list(self.key.clustering()));
        }
        format!("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({key}))", self.name, columns.join(", "))
    }

    /// Creates it, and its keyspace if `with_keyspace`.
    pub(super) async fn create(&self, session: &Session, with_keyspace: bool) -> Result<(), Error> {
        if with_keyspace {
            let replication = replication(session).await?;
            let keyspace = quote(&self.name.keyspace);
            let cql = format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}");
            session.query(cql, ()).await?;
        }
        session.query(self.cql(), ()).await?;
        Ok(())
    }
}

/// Up to three copies in the datacenter of the host that answers.
async fn replication(session: &Session) -> Result<String, Error> {
    let local = session.query("SELECT data_center FROM system.local WHERE key = 'local'", ()).await?;
    let (datacenter,) = local.single_row::<(String,)>()?;
    let peers = session.query("SELECT data_center FROM system.peers", ()).await?;
    let mut hosts = 1;
    for row in peers.rows::<(Option<String>,)>()? {
        hosts += usize::from(row?.0.as_deref() == Some(datacenter.as_str()));
    }
    let datacenter = datacenter.replace('\'', "''");
    Ok(format!("{{'class': 'NetworkTopologyStrategy', '{datacenter}': {}}}", hosts.min(3)))
}

/// The statement every row is sent with.
pub(super) fn insert(table: &TableName, assignments: &[Assignment]) -> String {
    let names: Vec<_> = assignments.iter().map(|assignment| quote(&assignment.column)).collect();
    let markers = vec!["?"; names.len()].join(", ");
    format!("INSERT INTO {table} ({}) VALUES ({markers})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName::new("weather", "hourly")
    }

    fn targets(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    fn columns() -> Vec<TableColumn> {
        use ColumnKind::{Clustering, PartitionKey, Regular};
        [("origin", PartitionKey), ("time_hour", Clustering), ("temp", Regular)]
            .map(|(name, kind)| TableColumn { name: name.to_owned(), kind })
            .to_vec()
    }

    #[test]
    fn a_key_is_that_of_a_table_when_parts_and_order_agree() {
        let has = |key: &str| has_key(&columns(), &key.parse().unwrap());
        assert!(has("origin,time_hour") && has("Origin,time_hour"));
        assert!(!has("time_hour,origin") && !has("(origin,time_hour)") && !has("origin") && !has("id"));
    }

    #[test]
    fn fields_find_their_columns() {
        let found = assign(
            &table(),
            &columns(),
            &[Some("Temp".to_owned()), None, Some("origin".to_owned()), Some("time_hour".to_owned())],
        );
        let found: Vec<_> = found.unwrap().into_iter().map(|a| (a.field, a.column, a.key)).collect();
        assert_eq!(
            found,
            [
                (0, "temp".to_owned(), false),
                (2, "origin".to_owned(), true),
                (3, "time_hour".to_owned(), true)
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_there_is() {
        let error = assign(&table(), &columns(), &targets(&["origin", "time_hour", "wind"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table weather.hourly has no column \"wind\"; it has origin, time_hour, temp"
        );
        let error = assign(&table(), &columns(), &targets(&["origin", "temp"])).unwrap_err();
        assert!(matches!(error, SchemaError::KeyMissing { column, .. } if column == "time_hour"));
        let error = assign(&table(), &columns(), &targets(&["origin", "Origin", "time_hour"])).unwrap_err();
        assert!(matches!(error, SchemaError::ColumnTwice { .. }));
    }

    #[test]
    fn a_new_table_is_written_as_cql_with_quotes_where_needed() {
        let key: PrimaryKey = "Origin,time_hour".parse().unwrap();
        let (new, assignments) = NewTable::plan(
            &table(),
            &key,
            &targets(&["origin", "time_hour", "Temp (F)", "order"]),
            &[CqlType::Text, CqlType::Timestamp, CqlType::Double, CqlType::Bigint],
        )
        .unwrap();
        assert_eq!(
            new.cql(),
            "CREATE TABLE IF NOT EXISTS weather.hourly (origin text, time_hour timestamp, \"Temp (F)\" double, \
             \"order\" bigint, PRIMARY KEY ((origin), time_hour))"
        );
        assert_eq!(assignments.iter().filter(|assignment| assignment.key).count(), 2);
        assert_eq!(
            insert(&table(), &assignments),
            "INSERT INTO weather.hourly (origin, time_hour, \"Temp (F)\", \"order\") VALUES (?, ?, ?, ?)"
        );
    }

    #[test]
    fn a_key_that_is_not_in_the_file_is_refused() {
        let key: PrimaryKey = "id".parse().unwrap();
        let error = NewTable::plan(&table(), &key, &targets(&["a"]), &[CqlType::Text]).unwrap_err();
        assert_eq!(error.to_string(), "the primary key needs column \"id\", and the file has a");
    }
}
