//! Instants, days and times of day, in the units of the wire.
//!
//! The calendars of other crates become these and the other way round in `calendars`.

mod date;
mod time_of_day;
mod timestamp;

pub use date::CqlDate;
pub use time_of_day::CqlTime;
pub use timestamp::CqlTimestamp;

/// Reading and writing a newtype of a fixed-size integer.
macro_rules! wire_value {
    ($rust:ident, $native:ident, $name:literal, $write:expr, $read:expr) => {
        impl ToCql for $rust {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                match typ {
                    CqlType::Native(NativeType::$native) => {
                        let value: Result<$rust, ValueError> = $write(*self);
                        out.fixed(value?.0.to_be_bytes())
                    }
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }
        }

        impl<'f> FromCql<'f> for $rust {
            #[inline]
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                match typ {
                    CqlType::Native(NativeType::$native) => Ok(()),
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }

            #[inline]
            fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                fixed::<_, Self>($name, cell).map($read)
            }
        }
    };
}

use wire_value;
