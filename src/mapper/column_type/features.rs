//! Values of other crates, each behind the feature of its name.

#[cfg(any(
    feature = "bigdecimal",
    feature = "chrono",
    feature = "jiff",
    feature = "num-bigint",
    feature = "rust_decimal",
    feature = "serde_json",
    feature = "time"
))]
use {
    super::values::column_types,
    super::{ColumnType, TypeDefinition},
    chorus_protocol::CqlType,
};

#[cfg(feature = "bigdecimal")]
column_types! { bigdecimal::BigDecimal => CqlType::Decimal; }

#[cfg(feature = "num-bigint")]
column_types! { num_bigint::BigInt => CqlType::Varint; }

#[cfg(feature = "rust_decimal")]
column_types! { rust_decimal::Decimal => CqlType::Decimal; }

#[cfg(feature = "chrono")]
column_types! {
    chrono::DateTime<chrono::Utc> => CqlType::Timestamp;
    chrono::NaiveDate => CqlType::Date;
    chrono::NaiveTime => CqlType::Time;
}

#[cfg(feature = "time")]
column_types! {
    time::OffsetDateTime => CqlType::Timestamp;
    time::Date => CqlType::Date;
    time::Time => CqlType::Time;
}

#[cfg(feature = "jiff")]
column_types! {
    jiff::Timestamp => CqlType::Timestamp;
    jiff::civil::Date => CqlType::Date;
    jiff::civil::Time => CqlType::Time;
    jiff::Span => CqlType::Duration;
}

#[cfg(feature = "serde_json")]
column_types! { serde_json::Value => CqlType::Text; }

#[cfg(feature = "serde_json")]
impl<T> ColumnType for chorus_protocol::value::Json<T> {
    fn definition() -> TypeDefinition {
        TypeDefinition::plain(CqlType::Text)
    }
}
