//! DESCRIBE: the schema as statements that would make it again, in the words of Apache Cassandra 5.0.

mod statements;

use std::sync::Arc;

use bytes::Bytes;
use chorus_protocol::{ColumnSpec, CqlType};

use super::cell::{self, Cell};
use crate::catalog::{Catalog, IndexSchema, Keyspace, KeyspaceKind, TableSchema, UserType};
use crate::cluster::{Membership, Roster};
use crate::cql::ast::{Describe, Statement, TableName};
use crate::cql::{CqlError, parse, quote};
use crate::execute::{Database, RowSet};

/// Answers a DESCRIBE statement; `None` if `cql` is another one.
pub(crate) fn describe(
    cql: &str,
    keyspace: Option<&str>,
    database: &Database,
    roster: &Roster,
) -> Option<Result<RowSet, CqlError>> {
    let word = cql.trim_start().as_bytes();
    if !word.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"desc")) {
        return None;
    }
    let described = match parse(cql) {
        Ok(parsed) => match parsed.statement {
            Statement::Describe(what) => {
                Description { catalog: &database.catalog(), current: keyspace }.of(&what, &roster.now())
            }
            _ => return None,
        },
        Err(error) => Err(error),
    };
    Some(described)
}

struct Description<'a> {
    catalog: &'a Catalog,
    /// What USE has set.
    current: Option<&'a str>,
}

type Rows = Vec<Vec<Cell>>;

impl<'a> Description<'a> {
    fn of(&self, what: &Describe, membership: &Membership) -> Result<RowSet, CqlError> {
        let statements = match what {
            Describe::Cluster => return Ok(self.cluster(membership)),
            Describe::Keyspaces => {
                let rows =
                    self.catalog.keyspaces().map(|keyspace| name(keyspace, "keyspace", &keyspace.name));
                return Ok(table(&NAMES, rows.collect()));
            }
            Describe::Tables => {
                let rows = self.keyspaces()?.flat_map(|keyspace| {
                    keyspace.tables().map(move |table| name(keyspace, "table", &table.name))
                });
                return Ok(table(&NAMES, rows.collect()));
            }
            Describe::Types => {
                let rows = self
                    .keyspaces()?
                    .flat_map(|keyspace| keyspace.types().map(move |typ| name(keyspace, "type", &typ.name)));
                return Ok(table(&NAMES, rows.collect()));
            }
            Describe::Schema { full } => {
                let wanted = |keyspace: &&Arc<Keyspace>| *full || keyspace.kind == KeyspaceKind::User;
                self.catalog
                    .keyspaces()
                    .filter(wanted)
                    .flat_map(|keyspace| whole_keyspace(keyspace))
                    .collect()
            }
            Describe::Keyspace(named) => whole_keyspace(self.keyspace(named.as_deref())?),
            Describe::Table(name) => {
                let keyspace = self.keyspace(name.keyspace.as_deref())?;
                let table = keyspace.table(&name.name).ok_or_else(|| {
                    CqlError::invalid(format!(
                        "Table '{}' not found in keyspace '{}'",
                        name.name, keyspace.name
                    ))
                })?;
                whole_table(keyspace, table)
            }
            Describe::Type(name) => {
                let keyspace = self.keyspace(name.keyspace.as_deref())?;
                let typ = keyspace.user_type(&name.name).ok_or_else(|| {
                    CqlError::invalid(format!(
                        "User defined type '{}' not found in '{}'",
                        name.name, keyspace.name
                    ))
                })?;
                vec![type_row(keyspace, typ)]
            }
            Describe::Index(name) => {
                let keyspace = self.keyspace(name.keyspace.as_deref())?;
                let (table, index) = find_index(keyspace, &name.name).ok_or_else(|| {
                    CqlError::invalid(format!(
                        "Table for existing index '{}' not found in '{}'",
                        name.name, keyspace.name
                    ))
                })?;
                vec![index_row(keyspace, table, index)]
            }
            Describe::Any(name) => self.any(name)?,
        };
        Ok(table(&STATEMENTS, statements))
    }

    /// A keyspace, a table or an index, whichever has that name first.
    fn any(&self, name: &TableName) -> Result<Rows, CqlError> {
        if name.keyspace.is_none()
            && let Some(keyspace) = self.catalog.keyspace(&name.name)
        {
            return Ok(whole_keyspace(keyspace));
        }
        let Some(within) = name.keyspace.as_deref().or(self.current) else {
            return Err(CqlError::invalid(format!("'{}' not found in keyspaces", name.name)));
        };
        let keyspace = self.keyspace(Some(within))?;
        if let Some(table) = keyspace.table(&name.name) {
            return Ok(whole_table(keyspace, table));
        }
        if let Some((table, index)) = find_index(keyspace, &name.name) {
            return Ok(vec![index_row(keyspace, table, index)]);
        }
        Err(CqlError::invalid(format!("'{}' not found in keyspace '{within}'", name.name)))
    }

    fn keyspace(&self, named: Option<&str>) -> Result<&'a Keyspace, CqlError> {
        let name = named
            .or(self.current)
            .ok_or_else(|| CqlError::invalid("No keyspace specified and no current keyspace"))?;
        let keyspace = self.catalog.keyspace(name);
        let keyspace =
            keyspace.ok_or_else(|| CqlError::invalid(format!("'{name}' not found in keyspaces")))?;
        Ok(keyspace)
    }

    /// The current keyspace, or all of them if there is none.
    fn keyspaces(&self) -> Result<impl Iterator<Item = &'a Arc<Keyspace>>, CqlError> {
        let current = self.current;
        if let Some(current) = current {
            self.keyspace(Some(current))?;
        }
        Ok(self
            .catalog
            .keyspaces()
            .filter(move |keyspace| current.is_none_or(|name| *name == *keyspace.name)))
    }

    fn cluster(&self, membership: &Membership) -> RowSet {
        let mut columns =
            vec![("cluster", CqlType::Text), ("partitioner", CqlType::Text), ("snitch", CqlType::Text)];
        let mut row = vec![
            cell::text(&membership.name),
            cell::text("Murmur3Partitioner"),
            cell::text("GossipingPropertyFileSnitch"),
        ];
        if self.current.is_some_and(|keyspace| self.catalog.keyspace(keyspace).is_some()) {
            columns.push(("range_ownership", CqlType::map(CqlType::Text, CqlType::list(CqlType::Text))));
            let mut owners: Vec<(String, String)> = membership
                .members
                .iter()
                .flat_map(|member| {
                    member.tokens.iter().map(|token| (token.to_string(), format!("/{}", member.address)))
                })
                .collect();
            owners.sort_unstable();
            row.push(cell::text_lists(owners.iter().map(|(token, owner)| (token, [owner]))));
        }
        table(&columns, vec![row])
    }
}

const NAMES: [(&str, CqlType); 3] =
    [("keyspace_name", CqlType::Text), ("type", CqlType::Text), ("name", CqlType::Text)];
const STATEMENTS: [(&str, CqlType); 4] = [
    ("keyspace_name", CqlType::Text),
    ("type", CqlType::Text),
    ("name", CqlType::Text),
    ("create_statement", CqlType::Text),
];

fn name(keyspace: &Keyspace, kind: &str, name: &str) -> Vec<Cell> {
    vec![cell::text(quote(&keyspace.name)), cell::text(kind), cell::text(quote(name))]
}

fn statement(keyspace: &Keyspace, kind: &str, element: &str, statement: String) -> Vec<Cell> {
    let mut row = name(keyspace, kind, element);
    row.push(cell::text(statement));
    row
}

fn whole_keyspace(keyspace: &Keyspace) -> Rows {
    let mut rows = vec![statement(keyspace, "keyspace", &keyspace.name, statements::keyspace(keyspace))];
    rows.extend(in_order_of_use(keyspace).into_iter().map(|typ| type_row(keyspace, typ)));
    rows.extend(keyspace.tables().flat_map(|table| whole_table(keyspace, table)));
    rows
}

fn whole_table(keyspace: &Keyspace, table: &TableSchema) -> Rows {
    let mut rows = vec![statement(keyspace, "table", &table.name, statements::table(keyspace, table))];
    rows.extend(table.indexes.iter().map(|index| index_row(keyspace, table, index)));
    rows
}

fn type_row(keyspace: &Keyspace, typ: &UserType) -> Vec<Cell> {
    statement(keyspace, "type", &typ.name, statements::user_type(typ))
}

fn index_row(keyspace: &Keyspace, table: &TableSchema, index: &IndexSchema) -> Vec<Cell> {
    statement(keyspace, "index", &index.name, statements::index(table, index))
}

fn find_index<'a>(keyspace: &'a Keyspace, name: &str) -> Option<(&'a TableSchema, &'a IndexSchema)> {
    keyspace.tables().find_map(|table| {
        table.indexes.iter().find(|index| &*index.name == name).map(|index| (&**table, index))
    })
}

/// A keyspace's types, each behind those it is made of.
fn in_order_of_use(keyspace: &Keyspace) -> Vec<&UserType> {
    let mut waiting: Vec<&UserType> = keyspace.types().map(|typ| &**typ).collect();
    let mut ordered: Vec<&UserType> = Vec::with_capacity(waiting.len());
    // A type can only be made of types that existed before it, so every round places at least one.
    while !waiting.is_empty() {
        let ready =
            |typ: &&UserType| waiting.iter().all(|other| other.name == typ.name || !uses(typ, &other.name));
        let (now, later): (Vec<&UserType>, Vec<&UserType>) = waiting.iter().copied().partition(ready);
        if now.is_empty() {
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        waiting = later;
    }
    ordered
}

fn uses(typ: &UserType, name: &str) -> bool {
    fn mentions(typ: &CqlType, name: &str) -> bool {
        match typ {
            CqlType::Native(_) | CqlType::Custom(_) => false,
            CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
                mentions(element, name)
            }
            CqlType::Map(pair) => mentions(&pair.0, name) || mentions(&pair.1, name),
            CqlType::Tuple(fields) => fields.iter().any(|field| mentions(field, name)),
            CqlType::Udt(udt) => {
                &*udt.name == name || udt.fields.iter().any(|(_, field)| mentions(field, name))
            }
        }
    }
    typ.fields.iter().any(|(_, field)| mentions(&field.typ, name))
}

fn table(columns: &[(&str, CqlType)], rows: Rows) -> RowSet {
    let columns: Arc<[ColumnSpec]> =
        columns.iter().map(|(name, typ)| ColumnSpec::new("system", "describe", *name, typ.clone())).collect();
    let mut content = Vec::new();
    let row_count = rows.len() as u32;
    for cell in rows.into_iter().flatten() {
        match cell {
            Some(bytes) => {
                content.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
                content.extend_from_slice(&bytes);
            }
            None => content.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }
    RowSet { columns, row_count, content: Bytes::from(content), paging_state: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::ExecContext;

    const OPTIONS: &str = "additional_write_policy = '99p'
    AND allow_auto_snapshot = true
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = false
    AND comment = 'it''s'
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND memtable = 'default'
    AND crc_check_chance = 1.0
    AND default_time_to_live = 0
    AND extensions = {}
    AND gc_grace_seconds = 864000
    AND incremental_backups = true
    AND max_index_interval = 2048
    AND memtable_flush_period_in_ms = 0
    AND min_index_interval = 128
    AND read_repair = 'BLOCKING'
    AND speculative_retry = '99p';";

    fn database() -> Database {
        let database = Database::default();
        for cql in [
            "CREATE KEYSPACE ks1 WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "CREATE TYPE ks1.zone (name text)",
            "CREATE TYPE ks1.address (street text, \"Zip\" int, zone frozen<zone>)",
            "CREATE TABLE ks1.t (a int, b text, c timestamp, s text static, v list<frozen<address>>, m map<text, int>, \
             fz frozen<list<int>>, vec vector<float, 3>, tup tuple<int, text>, \"Mixed\" decimal, PRIMARY KEY ((a, b), c)) \
             WITH CLUSTERING ORDER BY (c DESC) AND comment = 'it''s'",
            "CREATE TABLE ks1.u (k int PRIMARY KEY, v text)",
            "CREATE INDEX ix ON ks1.u (v)",
        ] {
            database.query(cql, &ExecContext::new(None), &[]).unwrap();
        }
        database
    }

    fn roster() -> Roster {
        Roster::new(Membership::new("test".to_owned(), Vec::new(), 1, 0))
    }

    fn answer(cql: &str, keyspace: Option<&str>) -> Result<Vec<Vec<String>>, String> {
        let rows = describe(cql, keyspace, &database(), &roster()).expect("is DESCRIBE");
        let text = |cell: Option<Bytes>| String::from_utf8(cell.unwrap().to_vec()).unwrap();
        rows.map(|rows| rows.rows().into_iter().map(|row| row.into_iter().map(text).collect()).collect())
            .map_err(|error| error.message)
    }

    #[test]
    fn a_table_is_described_as_cassandra_describes_it() {
        let expected = format!(
            "CREATE TABLE ks1.t (\n    a int,\n    b text,\n    c timestamp,\n    s text static,\n    \"Mixed\" decimal,\n    \
             fz frozen<list<int>>,\n    tup frozen<tuple<int, text>>,\n    vec vector<float, 3>,\n    m map<text, int>,\n    \
             v list<frozen<address>>,\n    PRIMARY KEY ((a, b), c)\n) WITH CLUSTERING ORDER BY (c DESC)\n    AND {OPTIONS}"
        );
        for cql in ["DESCRIBE TABLE ks1.t", "desc t", " DESCRIBE ks1.t;"] {
            assert_eq!(answer(cql, Some("ks1")).unwrap(), [["ks1", "table", "t", expected.as_str()]]);
        }
    }

    #[test]
    fn a_keyspace_is_described_in_an_order_that_can_be_executed() {
        let rows = answer("DESCRIBE KEYSPACE ks1", None).unwrap();
        let elements: Vec<(&str, &str)> = rows.iter().map(|row| (row[1].as_str(), row[2].as_str())).collect();
        let expected = [
            ("keyspace", "ks1"),
            ("type", "zone"),
            ("type", "address"),
            ("table", "t"),
            ("table", "u"),
            ("index", "ix"),
        ];
        assert_eq!(elements, expected);
        assert_eq!(
            rows[0][3],
            "CREATE KEYSPACE ks1 WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'}  \
             AND durable_writes = true;"
        );
        assert_eq!(
            rows[2][3],
            "CREATE TYPE ks1.address (\n    street text,\n    \"Zip\" int,\n    zone frozen<zone>\n);"
        );
        assert_eq!(rows[5][3], "CREATE INDEX ix ON ks1.u (v);");
        let again = Database::default();
        for row in &rows {
            again.query(&row[3], &ExecContext::new(None), &[]).unwrap();
        }
        let copied = describe("DESCRIBE KEYSPACE ks1", None, &again, &roster()).unwrap().unwrap();
        assert_eq!(
            copied.content,
            describe("DESC ks1", None, &database(), &roster()).unwrap().unwrap().content
        );
    }

    #[test]
    fn names_are_listed_of_the_current_keyspace_or_of_all() {
        assert_eq!(
            answer("DESCRIBE TABLES", Some("ks1")).unwrap(),
            [["ks1", "table", "t"], ["ks1", "table", "u"]]
        );
        assert_eq!(answer("DESCRIBE KEYSPACES", None).unwrap(), [["ks1", "keyspace", "ks1"]]);
        assert_eq!(answer("DESCRIBE TYPES", None).unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (cql, message) in [
            ("DESCRIBE TABLE ks1.nope", "Table 'nope' not found in keyspace 'ks1'"),
            ("DESCRIBE KEYSPACE nope", "'nope' not found in keyspaces"),
            ("DESCRIBE TYPE ks1.nope", "User defined type 'nope' not found in 'ks1'"),
            ("DESCRIBE TABLE nope", "No keyspace specified and no current keyspace"),
            ("DESCRIBE nope", "'nope' not found in keyspaces"),
        ] {
            assert_eq!(answer(cql, None), Err(message.to_owned()), "{cql}");
        }
    }

    #[test]
    fn other_statements_are_left_to_the_database() {
        assert!(describe("SELECT 1", None, &database(), &roster()).is_none());
        assert!(describe("", None, &database(), &roster()).is_none());
    }
}
