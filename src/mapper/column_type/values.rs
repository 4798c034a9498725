//! Values without parts: numbers, text, bytes, times, ids, addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use chorus_protocol::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlType, CqlVarint, Uuid,
};

use super::{ColumnType, TypeDefinition};

macro_rules! column_types {
    ($($rust:ty => $typ:expr;)*) => {$(
        impl ColumnType for $rust {
            fn definition() -> TypeDefinition {
                TypeDefinition::plain($typ)
            }
        }
    )*};
}

pub(super) use column_types;

column_types! {
    bool => CqlType::Boolean;
    i8 => CqlType::Tinyint;
    i16 => CqlType::Smallint;
    i32 => CqlType::Int;
    i64 => CqlType::Bigint;
    i128 => CqlType::Varint;
    f32 => CqlType::Float;
    f64 => CqlType::Double;
    Vec<u8> => CqlType::Blob;
    Bytes => CqlType::Blob;
    Uuid => CqlType::Uuid;
    CqlTimeuuid => CqlType::Timeuuid;
    IpAddr => CqlType::Inet;
    Ipv4Addr => CqlType::Inet;
    Ipv6Addr => CqlType::Inet;
    CqlTimestamp => CqlType::Timestamp;
    SystemTime => CqlType::Timestamp;
    CqlDate => CqlType::Date;
    CqlTime => CqlType::Time;
    CqlDuration => CqlType::Duration;
    CqlVarint => CqlType::Varint;
    CqlDecimal => CqlType::Decimal;
}

macro_rules! texts {
    ($($rust:ty),*) => {$(
        impl ColumnType for $rust {
            fn definition() -> TypeDefinition {
                TypeDefinition::plain(CqlType::Text)
            }

            fn is_empty_text(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}

texts!(String, Box<str>, Arc<str>);
