//! Masks: functions through which some users see a column.

use std::fmt;
use std::sync::Arc;

use chorus_protocol::identifier;
use chorus_protocol::literal::quote_text;
use chorus_protocol::types::{CqlType, NativeType};

use crate::rows::ColumnMaskRow;

/// The function through which users without the permission to unmask see a column (Cassandra 5 and later). Displays as CQL,
/// such as `system.mask_inner(1, null)`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnMask {
    /// The keyspace of the function.
    pub keyspace: Arc<str>,
    /// The function.
    pub function: Arc<str>,
    /// Its arguments after the column itself, as CQL literals.
    pub arguments: Vec<String>,
}

impl ColumnMask {
    pub(super) fn read(row: &ColumnMaskRow) -> ColumnMask {
        let is_null = |index| row.function_argument_nulls.get(index).copied().unwrap_or(false);
        let arguments =
            (row.function_argument_types.iter().zip(&row.function_argument_values)).enumerate().map(
                |(index, (typ, value))| if is_null(index) { "null".to_owned() } else { literal(typ, value) },
            );
        ColumnMask {
            keyspace: Arc::from(row.function_keyspace.as_str()),
            function: Arc::from(row.function_name.as_str()),
            arguments: arguments.collect(),
        }
    }
}

/// The server tells values of every type without the quotes that CQL wants around some.
fn literal(typ: &str, value: &str) -> String {
    let quoted = matches!(
        CqlType::parse_cql(typ, &|_| None),
        Ok(CqlType::Native(
            NativeType::Ascii
                | NativeType::Text
                | NativeType::Timestamp
                | NativeType::Date
                | NativeType::Time
                | NativeType::Inet
        ))
    );
    if quoted { quote_text(value) } else { value.to_owned() }
}

impl fmt::Display for ColumnMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keyspace, function) = (identifier::quote(&self.keyspace), identifier::quote(&self.function));
        write!(f, "{keyspace}.{function}({})", self.arguments.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_displays_as_the_call_it_was_declared_with() {
        let row = |arguments: &[(&str, &str, bool)]| ColumnMaskRow {
            function_keyspace: "system".into(),
            function_name: "mask_inner".into(),
            function_argument_types: arguments.iter().map(|(typ, ..)| (*typ).to_owned()).collect(),
            function_argument_values: arguments.iter().map(|(_, value, _)| (*value).to_owned()).collect(),
            function_argument_nulls: arguments.iter().map(|(.., null)| *null).collect(),
            ..ColumnMaskRow::default()
        };
        let shown = |arguments: &[_]| ColumnMask::read(&row(arguments)).to_string();
        assert_eq!(shown(&[]), "system.mask_inner()");
        assert_eq!(shown(&[("int", "1", false), ("int", "", true)]), "system.mask_inner(1, null)");
        assert_eq!(shown(&[("text", "it's", false)]), "system.mask_inner('it''s')");
        assert_eq!(shown(&[("date", "2026-01-01", false)]), "system.mask_inner('2026-01-01')");
    }
}
