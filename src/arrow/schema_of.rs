//! What a CQL type is in Arrow.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use chorus_protocol::{ColumnSpec, CqlType, NativeType};

/// The key in the metadata of a field under which its CQL type stands, as CQL writes it.
pub const CQL_TYPE: &str = "cql.type";

/// The key under which Arrow looks for the name of an extension, and that of UUIDs.
const EXTENSION: (&str, &str) = ("ARROW:extension:name", "arrow.uuid");

/// The schema of record batches of these columns, in their order and with their names, which may be there twice.
pub fn schema_of(columns: &[ColumnSpec]) -> SchemaRef {
    let field = |column: &ColumnSpec| {
        let field = field(&column.name, &column.typ);
        let mut metadata = field.metadata().iter().map(own).collect::<HashMap<_, _>>();
        metadata.insert(CQL_TYPE.to_owned(), column.typ.to_string());
        field.with_metadata(metadata)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Fields>()))
}

fn own<'a>((key, value): (&'a String, &'a String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// A field that may be null.
pub(super) fn field(name: &str, typ: &CqlType) -> Field {
    let field = Field::new(name, data_type(typ), true);
    match typ {
        CqlType::Native(NativeType::Uuid | NativeType::Timeuuid) => {
            field.with_metadata(HashMap::from([(EXTENSION.0.to_owned(), EXTENSION.1.to_owned())]))
        }
        _ => field,
    }
}

/// The elements of a list or a vector.
pub(super) fn element_field(element: &CqlType) -> FieldRef {
    Arc::new(field(Field::LIST_FIELD_DEFAULT_NAME, element))
}

/// The fields of a tuple or a user-defined type, in order.
pub(super) fn struct_fields<'t>(types: impl Iterator<Item = (Option<&'t str>, &'t CqlType)>) -> Fields {
    types
        .enumerate()
        .map(|(index, (name, typ))| match name {
            Some(name) => field(name, typ),
            None => field(&index.to_string(), typ),
        })
        .collect()
}

/// Names and types of the fields of a tuple or a user-defined type; nothing for others.
pub(super) fn fields_of(typ: &CqlType) -> Vec<(Option<&str>, &CqlType)> {
    match typ {
        CqlType::Tuple(types) => types.iter().map(|typ| (None, typ)).collect(),
        CqlType::Udt(udt) => udt.fields.iter().map(|(name, typ)| (Some(&**name), typ)).collect(),
        _ => Vec::new(),
    }
}

/// The fields of a map's entries.
pub(super) fn entry_fields(key: &CqlType, value: &CqlType) -> Fields {
    [field("key", key).with_nullable(false), field("value", value)].into_iter().collect()
}

pub(super) fn entries_field(key: &CqlType, value: &CqlType) -> FieldRef {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields(key, value)), false))
}

fn data_type(typ: &CqlType) -> DataType {
    match typ {
        CqlType::Native(native) => data_type_of_native(*native),
        CqlType::List(element) | CqlType::Set(element) => DataType::List(element_field(element)),
        CqlType::Map(types) => DataType::Map(entries_field(&types.0, &types.1), false),
        CqlType::Tuple(_) | CqlType::Udt(_) => DataType::Struct(struct_fields(fields_of(typ).into_iter())),
        CqlType::Vector(element, dimension) => {
            DataType::FixedSizeList(element_field(element), i32::from(*dimension))
        }
        CqlType::Custom(_) => DataType::Binary,
    }
}

fn data_type_of_native(native: NativeType) -> DataType {
    match native {
        NativeType::Ascii | NativeType::Text => DataType::Utf8,
        NativeType::Varint | NativeType::Decimal | NativeType::Inet => DataType::Utf8,
        NativeType::Blob => DataType::Binary,
        NativeType::Boolean => DataType::Boolean,
        NativeType::Tinyint => DataType::Int8,
        NativeType::Smallint => DataType::Int16,
        NativeType::Int => DataType::Int32,
        NativeType::Bigint | NativeType::Counter => DataType::Int64,
        NativeType::Float => DataType::Float32,
        NativeType::Double => DataType::Float64,
        NativeType::Timestamp => timestamp(),
        NativeType::Date => DataType::Date32,
        NativeType::Time => DataType::Time64(TimeUnit::Nanosecond),
        NativeType::Duration => DataType::Interval(IntervalUnit::MonthDayNano),
        NativeType::Uuid | NativeType::Timeuuid => DataType::FixedSizeBinary(16),
    }
}

pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}
