//! Numbers, booleans, uuids and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use uuid::Uuid;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::from_cql::{fixed, not_null};
use crate::value::{FromCql, ToCql, ValueWriter};

macro_rules! number {
    ($rust:ty, $size:literal, $name:literal, $($native:ident)|+) => {
        impl ToCql for $rust {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                match typ {
                    $(CqlType::Native(NativeType::$native))|+ => out.fixed(self.to_be_bytes()),
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }
        }

        impl<'f> FromCql<'f> for $rust {
            #[inline]
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                match typ {
                    $(CqlType::Native(NativeType::$native))|+ => Ok(()),
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }

            #[inline]
            fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                fixed::<$size, Self>($name, cell).map(<$rust>::from_be_bytes)
            }
        }
    };
}

number!(i8, 1, "tinyint", Tinyint);
number!(i16, 2, "smallint", Smallint);
number!(i32, 4, "int", Int);
number!(i64, 8, "bigint", Bigint | Counter);
number!(f32, 4, "float", Float);
number!(f64, 8, "double", Double);

/// Any byte but zero reads as true.
impl<'f> FromCql<'f> for bool {
    #[inline]
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Boolean) => Ok(()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    #[inline]
    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        fixed::<1, Self>("boolean", cell).map(|[byte]| byte != 0)
    }
}

impl ToCql for bool {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Boolean) => out.fixed([u8::from(*self)]),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }
}

impl ToCql for Uuid {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Uuid | NativeType::Timeuuid) => out.fixed(*self.as_bytes()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }
}

impl<'f> FromCql<'f> for Uuid {
    #[inline]
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Uuid | NativeType::Timeuuid) => Ok(()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    #[inline]
    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        fixed::<16, Self>("uuid", cell).map(Uuid::from_bytes)
    }
}

fn check_inet<T>(typ: &CqlType) -> Result<(), ValueError> {
    match typ {
        CqlType::Native(NativeType::Inet) => Ok(()),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

macro_rules! address {
    ($rust:ty, $size:literal) => {
        impl ToCql for $rust {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                check_inet::<Self>(typ)?;
                out.fixed(self.octets())
            }
        }

        /// The other family is an error.
        impl<'f> FromCql<'f> for $rust {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                check_inet::<Self>(typ)
            }

            #[inline]
            fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                fixed::<$size, Self>("inet", cell).map(Self::from)
            }
        }
    };
}

address!(Ipv4Addr, 4);
address!(Ipv6Addr, 16);

impl ToCql for IpAddr {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Self::V4(address) => address.to_cql(typ, out),
            Self::V6(address) => address.to_cql(typ, out),
        }
    }
}

impl<'f> FromCql<'f> for IpAddr {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_inet::<Self>(typ)
    }

    #[inline]
    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let bytes = not_null::<Self>(cell)?;
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            Ok(octets.into())
        } else if let Ok(octets) = <[u8; 16]>::try_from(bytes) {
            Ok(octets.into())
        } else {
            Err(ValueErrorReason::WrongSize { what: "inet", expected: 4, found: bytes.len() }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    fn cell<T: ToCql>(value: T, typ: &CqlType) -> Vec<u8> {
        let bytes = encode_value(&value, typ).unwrap();
        assert_eq!(bytes[..4], (bytes.len() as i32 - 4).to_be_bytes());
        bytes[4..].to_vec()
    }

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(cell(-2i8, &CqlType::Tinyint), [0xfe]);
        assert_eq!(cell(258i16, &CqlType::Smallint), [1, 2]);
        assert_eq!(cell(1i32, &CqlType::Int), [0, 0, 0, 1]);
        assert_eq!(cell(1i64, &CqlType::Counter), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(cell(19432.125f64, &CqlType::Double), 0x40d2fa0800000000u64.to_be_bytes());
        assert_eq!(cell(19432.125f32, &CqlType::Float), 0x4697d040u32.to_be_bytes());
        assert_eq!(
            f64::from_cql(&CqlType::Double, Some(&0x40d2fa0800000000u64.to_be_bytes())),
            Ok(19432.125)
        );
    }

    #[test]
    fn any_byte_but_zero_is_true() {
        for byte in 0..=255u8 {
            assert_eq!(bool::from_cql(&CqlType::Boolean, Some(&[byte])), Ok(byte != 0));
        }
        assert_eq!(cell(true, &CqlType::Boolean), [1]);
    }

    #[test]
    fn addresses_take_four_or_sixteen_bytes() {
        let v4: IpAddr = "65.52.54.169".parse().unwrap();
        let v6: IpAddr = "2a00:1328:e102:ccc0::122".parse().unwrap();
        assert_eq!(cell(v4, &CqlType::Inet), [0x41, 0x34, 0x36, 0xa9]);
        assert_eq!(cell(v6, &CqlType::Inet), 0x2a001328e102ccc00000000000000122u128.to_be_bytes());
        for address in [v4, v6] {
            assert_eq!(IpAddr::from_cql(&CqlType::Inet, Some(&cell(address, &CqlType::Inet))), Ok(address));
        }
        assert!(IpAddr::from_cql(&CqlType::Inet, Some(&[1, 2, 3, 4, 5])).is_err());
        assert!(Ipv4Addr::from_cql(&CqlType::Inet, Some(&[0; 16])).is_err());
    }

    #[test]
    fn a_type_that_does_not_fit_is_refused_both_ways() {
        assert!(encode_value(&1i32, &CqlType::Bigint).is_err());
        assert!(i32::check(&CqlType::Bigint).is_err());
        assert!(i64::check(&CqlType::Timestamp).is_err());
        assert!(Uuid::check(&CqlType::Timeuuid).is_ok());
    }
}
