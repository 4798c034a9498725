//! Types without parameters.

use std::fmt;

/// A CQL type without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // the names are CQL's own
pub enum NativeType {
    Ascii,
    Bigint,
    Blob,
    Boolean,
    Counter,
    Decimal,
    Double,
    Float,
    Int,
    Text,
    Timestamp,
    Uuid,
    Varint,
    Timeuuid,
    Inet,
    Date,
    Time,
    Smallint,
    Tinyint,
    Duration,
}

/// Type, code on the wire, CQL name, Java class name without package.
const TABLE: [(NativeType, u16, &str, &str); 20] = [
    (NativeType::Ascii, 0x01, "ascii", "AsciiType"),
    (NativeType::Bigint, 0x02, "bigint", "LongType"),
    (NativeType::Blob, 0x03, "blob", "BytesType"),
    (NativeType::Boolean, 0x04, "boolean", "BooleanType"),
    (NativeType::Counter, 0x05, "counter", "CounterColumnType"),
    (NativeType::Decimal, 0x06, "decimal", "DecimalType"),
    (NativeType::Double, 0x07, "double", "DoubleType"),
    (NativeType::Float, 0x08, "float", "FloatType"),
    (NativeType::Int, 0x09, "int", "Int32Type"),
    (NativeType::Text, 0x0D, "text", "UTF8Type"),
    (NativeType::Timestamp, 0x0B, "timestamp", "TimestampType"),
    (NativeType::Uuid, 0x0C, "uuid", "UUIDType"),
    (NativeType::Varint, 0x0E, "varint", "IntegerType"),
    (NativeType::Timeuuid, 0x0F, "timeuuid", "TimeUUIDType"),
    (NativeType::Inet, 0x10, "inet", "InetAddressType"),
    (NativeType::Date, 0x11, "date", "SimpleDateType"),
    (NativeType::Time, 0x12, "time", "TimeType"),
    (NativeType::Smallint, 0x13, "smallint", "ShortType"),
    (NativeType::Tinyint, 0x14, "tinyint", "ByteType"),
    (NativeType::Duration, 0x15, "duration", "DurationType"),
];

impl NativeType {
    /// Every one of them.
    pub const ALL: [NativeType; 20] = {
        let mut all = [NativeType::Ascii; 20];
        let mut index = 0;
        while index < 20 {
            all[index] = TABLE[index].0;
            index += 1;
        }
        all
    };

    /// The option code on the wire. Text has the code of varchar, as servers send it.
    pub const fn code(self) -> u16 {
        TABLE[self as usize].1
    }

    /// The CQL name.
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// The Java class name, without its package.
    pub const fn class_name(self) -> &'static str {
        TABLE[self as usize].3
    }

    /// By option code; both codes of text are known.
    pub fn from_code(code: u16) -> Option<Self> {
        if code == 0x0A {
            return Some(Self::Text);
        }
        TABLE.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// By CQL name, in any case. `varchar` is text.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("varchar") {
            return Some(Self::Text);
        }
        TABLE.iter().find(|row| row.2.eq_ignore_ascii_case(name)).map(|row| row.0)
    }

    /// By Java class name without its package. `DateType` is an older name of timestamp.
    pub fn from_class_name(name: &str) -> Option<Self> {
        if name == "DateType" {
            return Some(Self::Timestamp);
        }
        TABLE.iter().find(|row| row.3 == name).map(|row| row.0)
    }

    pub(crate) const fn fixed_vector_element_size(self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Int | Self::Float => Some(4),
            Self::Bigint | Self::Counter | Self::Double | Self::Timestamp => Some(8),
            Self::Uuid | Self::Timeuuid => Some(16),
            _ => None,
        }
    }
}

impl fmt::Display for NativeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_code_name_and_class() {
        for (index, native) in NativeType::ALL.into_iter().enumerate() {
            assert_eq!(native as usize, index);
            assert_eq!(NativeType::from_code(native.code()), Some(native));
            assert_eq!(NativeType::from_name(&native.name().to_uppercase()), Some(native));
            assert_eq!(NativeType::from_class_name(native.class_name()), Some(native));
        }
    }

    #[test]
    fn older_names_and_codes_are_known() {
        assert_eq!(NativeType::from_code(0x0A), Some(NativeType::Text));
        assert_eq!(NativeType::from_code(0x0D), Some(NativeType::Text));
        assert_eq!(NativeType::from_name("varchar"), Some(NativeType::Text));
        assert_eq!(NativeType::from_class_name("DateType"), Some(NativeType::Timestamp));
        assert_eq!(NativeType::from_code(0x16), None);
    }
}
