//! Changes of the schema as CQL. Every name is qualified, and quoted where it must be.

use std::fmt::Write as _;

use crate::mapper::definition::{ClusteringOrder, ColumnRole, IndexTarget};
use crate::mapper::{ColumnDefinition, TableDefinition, UserTypeDefinition};
use crate::schema::quote;

/// Everything that makes a table where nothing is.
pub(super) fn all(keyspace: &str, table: &TableDefinition) -> Vec<String> {
    let types = user_types(table);
    let mut statements: Vec<String> =
        types.iter().map(|definition| create_type(keyspace, definition)).collect();
    statements.push(create_table(keyspace, table));
    statements.extend(table.columns.iter().filter_map(|column| create_index(keyspace, &table.name, column)));
    statements
}

/// The user-defined types that the columns need, each once, those within others first.
pub(super) fn user_types(table: &TableDefinition) -> Vec<UserTypeDefinition> {
    let mut types: Vec<UserTypeDefinition> = Vec::new();
    for definition in table.columns.iter().flat_map(|column| &column.typ.user_types) {
        if !types.contains(definition) {
            types.push(definition.clone());
        }
    }
    types
}

pub(super) fn create_type(keyspace: &str, definition: &UserTypeDefinition) -> String {
    let fields = definition.fields.iter().map(|(name, typ)| format!("{} {typ}", quote(name)));
    let fields = fields.collect::<Vec<_>>().join(", ");
    format!("CREATE TYPE IF NOT EXISTS {} ({fields})", qualified(keyspace, &definition.name))
}

pub(super) fn add_field(
    keyspace: &str,
    typ: &str,
    field: &str,
    definition: &impl std::fmt::Display,
) -> String {
    format!("ALTER TYPE {} ADD {} {definition}", qualified(keyspace, typ), quote(field))
}

pub(super) fn create_table(keyspace: &str, table: &TableDefinition) -> String {
    let columns = table.columns.iter().map(column).collect::<Vec<_>>().join(", ");
    let mut statement = format!(
        "CREATE TABLE IF NOT EXISTS {} ({columns}, {})",
        qualified(keyspace, &table.name),
        key_of(table)
    );
    let mut clauses = Vec::new();
    let orders = table.clustering_key().map(|column| {
        let order = match column.role {
            ColumnRole::Clustering(ClusteringOrder::Descending) => "DESC",
            _ => "ASC",
        };
        format!("{} {order}", quote(&column.name))
    });
    let orders = orders.collect::<Vec<_>>();
    if !orders.is_empty() {
        clauses.push(format!("CLUSTERING ORDER BY ({})", orders.join(", ")));
    }
    clauses.extend(table.options.iter().map(|option| format!("{} = {}", option.name, option.value)));
    if !clauses.is_empty() {
        let _ = write!(statement, " WITH {}", clauses.join(" AND "));
    }
    statement
}

/// `name type static`
fn column(column: &ColumnDefinition) -> String {
    let suffix = if column.role == ColumnRole::Static { " static" } else { "" };
    format!("{} {}{suffix}", quote(&column.name), column.typ)
}

/// `PRIMARY KEY ((a, b), c)`
fn key_of(table: &TableDefinition) -> String {
    primary_key(
        table.partition_key().map(|column| &*column.name),
        table.clustering_key().map(|column| &*column.name),
    )
}

pub(super) fn primary_key<'n>(
    partition: impl Iterator<Item = &'n str>,
    clustering: impl Iterator<Item = &'n str>,
) -> String {
    let partition = partition.map(|name| quote(name).into_owned()).collect::<Vec<_>>().join(", ");
    let clustering: String = clustering.map(|name| format!(", {}", quote(name))).collect();
    format!("PRIMARY KEY (({partition}){clustering})")
}

pub(super) fn add_column(keyspace: &str, table: &str, added: &ColumnDefinition) -> String {
    format!("ALTER TABLE {} ADD {}", qualified(keyspace, table), column(added))
}

pub(super) fn alter_options<'o>(
    keyspace: &str,
    table: &str,
    options: impl Iterator<Item = (&'o str, &'o str)>,
) -> String {
    let options = options.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>();
    format!("ALTER TABLE {} WITH {}", qualified(keyspace, table), options.join(" AND "))
}

/// The index a column asks for.
pub(super) fn create_index(keyspace: &str, table: &str, column: &ColumnDefinition) -> Option<String> {
    let index = column.index.as_ref()?;
    let custom = if index.class.is_some() { "CUSTOM " } else { "" };
    let name = index.name.as_ref().map(|name| format!("{} ", quote(name))).unwrap_or_default();
    let quoted = quote(&column.name);
    let target = match index.target {
        IndexTarget::Keys => format!("keys({quoted})"),
        IndexTarget::Entries => format!("entries({quoted})"),
        IndexTarget::Values if column.typ.frozen && column.typ.is_collection() => format!("full({quoted})"),
        IndexTarget::Values => quoted.into_owned(),
    };
    let mut statement =
        format!("CREATE {custom}INDEX IF NOT EXISTS {name}ON {} ({target})", qualified(keyspace, table));
    if let Some(class) = &index.class {
        let _ = write!(statement, " USING {}", chorus_protocol::literal::quote_text(class));
    }
    if let Some(options) = &index.options {
        let _ = write!(statement, " WITH OPTIONS = {options}");
    }
    Some(statement)
}

pub(super) fn drop_table(keyspace: &str, table: &str) -> String {
    format!("DROP TABLE IF EXISTS {}", qualified(keyspace, table))
}

/// `keyspace.name`
fn qualified(keyspace: &str, name: &str) -> String {
    format!("{}.{}", quote(keyspace), quote(name))
}
