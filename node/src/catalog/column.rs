//! Columns and their types.

use std::fmt;
use std::sync::Arc;

use chorus_protocol::{ColumnSpec, CqlType, NativeType};

use crate::cql::quote;

/// A CQL type together with whether its parts are stored one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// The type as the protocol knows it, which has no word for `frozen`.
    pub typ: CqlType,
    /// True for a collection or user type that is not frozen: its elements are written, deleted and timed one by one.
    pub multi_cell: bool,
}

impl ColumnType {
    /// A type whose values are stored whole.
    pub fn frozen(typ: CqlType) -> Self {
        Self { typ, multi_cell: false }
    }

    /// A type whose collections, at the outermost level, are stored element by element.
    pub fn multi_cell(typ: CqlType) -> Self {
        let multi_cell =
            matches!(typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Udt(_));
        Self { typ, multi_cell }
    }
}

/// CQL text as `system_schema` has it, with every `frozen`.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multi_cell { write_open(&self.typ, f) } else { write_frozen(&self.typ, f) }
    }
}

fn write_frozen(typ: &CqlType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match typ {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Tuple(_) | CqlType::Udt(_) => {
            f.write_str("frozen<")?;
            write_open(typ, f)?;
            f.write_str(">")
        }
        _ => write_open(typ, f),
    }
}

/// The outermost level bare, everything below frozen.
fn write_open(typ: &CqlType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match typ {
        CqlType::List(element) => {
            f.write_str("list<")?;
            write_frozen(element, f)?;
            f.write_str(">")
        }
        CqlType::Set(element) => {
            f.write_str("set<")?;
            write_frozen(element, f)?;
            f.write_str(">")
        }
        CqlType::Map(pair) => {
            f.write_str("map<")?;
            write_frozen(&pair.0, f)?;
            f.write_str(", ")?;
            write_frozen(&pair.1, f)?;
            f.write_str(">")
        }
        CqlType::Tuple(fields) => {
            f.write_str("tuple<")?;
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write_frozen(field, f)?;
            }
            f.write_str(">")
        }
        CqlType::Vector(element, dimension) => {
            f.write_str("vector<")?;
            write_frozen(element, f)?;
            write!(f, ", {dimension}>")
        }
        CqlType::Udt(udt) => f.write_str(&quote(&udt.name)),
        CqlType::Native(_) | CqlType::Custom(_) => write!(f, "{typ}"),
    }
}

/// What a column is to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Part of the key that decides where the row lives.
    PartitionKey,
    /// Part of the key that orders rows within a partition.
    Clustering,
    /// One value for a whole partition.
    Static,
    /// A value of one row.
    Regular,
}

impl ColumnKind {
    /// The word in `system_schema.columns`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartitionKey => "partition_key",
            Self::Clustering => "clustering",
            Self::Static => "static",
            Self::Regular => "regular",
        }
    }
}

/// Identifies a column within its table for as long as the table lives; a dropped column's number is not used again.
pub(crate) type ColumnId = u16;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// What it is to its row.
    pub kind: ColumnKind,
    /// Its place among the columns of its key; 0 for other columns.
    pub position: usize,
    /// Its type.
    pub typ: ColumnType,
    /// True for a clustering column in descending order.
    pub descending: bool,
    /// Keyspace, table, name and type, the way results describe it.
    pub spec: ColumnSpec,
    pub(crate) id: ColumnId,
}

impl Column {
    /// The unquoted name.
    pub fn name(&self) -> &Arc<str> {
        &self.spec.name
    }

    pub(crate) fn is_counter(&self) -> bool {
        matches!(self.typ.typ, CqlType::Native(NativeType::Counter))
    }

    pub(crate) fn is_key(&self) -> bool {
        matches!(self.kind, ColumnKind::PartitionKey | ColumnKind::Clustering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_with_every_frozen() {
        let nested = CqlType::map(CqlType::Text, CqlType::list(CqlType::tuple([CqlType::Int])));
        assert_eq!(
            ColumnType::multi_cell(nested.clone()).to_string(),
            "map<text, frozen<list<frozen<tuple<int>>>>>"
        );
        assert_eq!(
            ColumnType::frozen(nested).to_string(),
            "frozen<map<text, frozen<list<frozen<tuple<int>>>>>>"
        );
        assert_eq!(ColumnType::multi_cell(CqlType::tuple([CqlType::Int])).to_string(), "frozen<tuple<int>>");
        assert_eq!(
            ColumnType::multi_cell(CqlType::vector(CqlType::Float, 3)).to_string(),
            "vector<float, 3>"
        );
        let udt = CqlType::udt("ks", "Address", [("a", CqlType::Int)]);
        assert_eq!(ColumnType::multi_cell(udt.clone()).to_string(), "\"Address\"");
        assert_eq!(ColumnType::frozen(udt).to_string(), "frozen<\"Address\">");
    }
}
