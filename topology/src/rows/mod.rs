//! Rows of system tables, as the control connection reads them.
//!
//! Servers differ in the columns their system tables have, and newer ones keep adding some. So the queries ask for all
//! columns, and the rows here pick theirs by name: a column that is missing leaves its field empty, one that is not known
//! here is skipped. Where a server keeps its schema is told by its version ([`SchemaSource`]); what old ones tell is translated
//! ([`LegacyRows`]).

mod cluster;
mod legacy;
mod schema;
mod scope;
mod source;
mod tables;

pub use cluster::{
    ClientRouteRow, LocalRow, PeerRow, SELECT_LOCAL, SELECT_LOCAL_SCHEMA_VERSION,
    SELECT_PEER_SCHEMA_VERSIONS, SELECT_PEER_V2_SCHEMA_VERSIONS, SELECT_PEERS, SELECT_PEERS_V2, Tokens,
};
pub use legacy::LegacyRows;
pub use schema::{
    AggregateRow, ColumnMaskRow, ColumnRow, EdgeRow, FunctionRow, IndexRow, KeyspaceRow, SchemaRows,
    ScyllaKeyspaceRow, TableRow, TriggerRow, TypeRow, VertexRow, ViewRow,
};
pub use scope::SchemaScope;
pub use source::{SchemaLayout, SchemaSource, ServerFamily};
pub use tables::SchemaTable;

/// Defines a row whose fields are filled from the columns of the same (or the given) name.
macro_rules! system_row {
    (
        $(#[$row_doc:meta])*
        $row:ident { $( $(#[$field_doc:meta])* $field:ident $(= $column:literal)? : $type:ty, )+ }
        $(others: $(#[$others_doc:meta])* $others:ident)?
    ) => {
        $(#[$row_doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        #[non_exhaustive]
        #[allow(unreachable_pub)] // those that are translated are nobody else's business
        pub struct $row {
            $( $(#[$field_doc])* pub $field: $type, )+
            $( $(#[$others_doc])* pub $others: std::collections::BTreeMap<String, chorus_protocol::CqlValue>, )?
        }

        impl<'f> chorus_protocol::FromRow<'f> for $row {
            fn check(columns: &[chorus_protocol::ColumnSpec]) -> Result<(), chorus_protocol::ValueError> {
                for column in columns {
                    $( if &*column.name == system_row!(@name $field $($column)?) {
                        <$type as chorus_protocol::FromCql<'_>>::check(&column.typ)?;
                    } )+
                }
                Ok(())
            }

            fn from_row(
                _: &'f [chorus_protocol::ColumnSpec],
                row: &mut chorus_protocol::RowCells<'f>,
            ) -> Result<Self, chorus_protocol::ValueError> {
                let mut found = Self::default();
                while let Some(column) = row.column() {
                    let name = &*column.name;
                    $( if name == system_row!(@name $field $($column)?) {
                        found.$field = row.value()?;
                        continue;
                    } )+
                    $(
                        if let Some(value) = row.value::<Option<chorus_protocol::CqlValue>>()? {
                            found.$others.insert(name.to_owned(), value);
                        }
                        continue;
                    )?
                    #[allow(unreachable_code)] // rows that keep the other columns
                    {
                        row.cell()?;
                    }
                }
                Ok(found)
            }
        }
    };
    (@name $field:ident $column:literal) => { $column };
    (@name $field:ident) => { stringify!($field) };
}
use system_row;
