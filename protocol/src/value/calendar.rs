//! Values of the standard library's and chrono's calendars.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{CqlDate, CqlTime, CqlTimestamp, FromCql, ToCql, ValueWriter};

macro_rules! to_cql {
    ([$($generics:tt)*] $rust:ty, $wire:ty, $self:ident => $value:expr) => {
        impl<$($generics)*> ToCql for $rust {
            fn to_cql(&$self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                if <$wire as FromCql<'_>>::check(typ).is_err() {
                    return Err(ValueError::mismatch::<Self>(typ));
                }
                <$wire>::try_from($value)?.to_cql(typ, out)
            }
        }
    };
}

// The instant; the time zone is not stored.
to_cql!([Tz: TimeZone] DateTime<Tz>, CqlTimestamp, self => self.to_utc());
to_cql!([] SystemTime, CqlTimestamp, self => *self);
to_cql!([] NaiveDate, CqlDate, self => *self);
to_cql!([] NaiveTime, CqlTime, self => *self);

macro_rules! from_cql {
    ($rust:ty, $wire:ty) => {
        impl<'f> FromCql<'f> for $rust {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                <$wire as FromCql<'f>>::check(typ).map_err(|_| ValueError::mismatch::<Self>(typ))
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                <$wire>::from_cql(typ, cell)?.try_into()
            }
        }
    };
}

from_cql!(DateTime<Utc>, CqlTimestamp);
from_cql!(SystemTime, CqlTimestamp);
from_cql!(NaiveDate, CqlDate);
from_cql!(NaiveTime, CqlTime);

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn calendars_write_the_units_of_the_wire() {
        let instant: DateTime<FixedOffset> = "1970-01-01T01:00:00.002+01:00".parse().unwrap();
        assert_eq!(encode_value(&instant, &CqlType::Timestamp).unwrap()[4..], 2i64.to_be_bytes());
        let date: NaiveDate = "1970-01-02".parse().unwrap();
        assert_eq!(encode_value(&date, &CqlType::Date).unwrap()[4..], [0x80, 0, 0, 1]);
        assert_eq!(NaiveDate::from_cql(&CqlType::Date, Some(&[0x80, 0, 0, 1])), Ok(date));
        let time: NaiveTime = "00:00:01".parse().unwrap();
        assert_eq!(encode_value(&time, &CqlType::Time).unwrap()[4..], 1_000_000_000i64.to_be_bytes());
        assert_eq!(SystemTime::from_cql(&CqlType::Timestamp, Some(&[0; 8])), Ok(SystemTime::UNIX_EPOCH));
    }

    #[test]
    fn a_mismatch_names_the_type_the_program_used() {
        let error = encode_value(&SystemTime::UNIX_EPOCH, &CqlType::Date).unwrap_err();
        assert!(error.to_string().contains("SystemTime"), "{error}");
        assert!(DateTime::<Utc>::check(&CqlType::Bigint).unwrap_err().to_string().contains("DateTime"));
    }
}
