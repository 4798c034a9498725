//! Consistency levels.

use std::fmt;
use std::str::FromStr;

use crate::error::DecodeError;

/// How many replicas must answer before a request succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u16)]
pub enum Consistency {
    /// Any node, even one that only keeps a hint. Writes only.
    Any = 0,
    /// One replica.
    One = 1,
    /// Two replicas.
    Two = 2,
    /// Three replicas.
    Three = 3,
    /// A majority of all replicas.
    Quorum = 4,
    /// Every replica.
    All = 5,
    /// A majority of the replicas in the target host's datacenter.
    LocalQuorum = 6,
    /// A majority in every datacenter.
    EachQuorum = 7,
    /// Linearizable across datacenters. Reads, or as a serial consistency.
    Serial = 8,
    /// Linearizable within the target host's datacenter. Reads, or as a serial consistency.
    LocalSerial = 9,
    /// One replica in the target host's datacenter.
    #[default]
    LocalOne = 10,
}

/// The consistency of the Paxos phase of a conditional statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SerialConsistency {
    /// Linearizable across datacenters.
    Serial,
    /// Linearizable within the target host's datacenter.
    LocalSerial,
}

/// A name that is no consistency level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a consistency level")]
pub struct UnknownConsistency(pub String);

impl Consistency {
    /// Every level, by wire code.
    pub const ALL: [Consistency; 11] = [
        Self::Any,
        Self::One,
        Self::Two,
        Self::Three,
        Self::Quorum,
        Self::All,
        Self::LocalQuorum,
        Self::EachQuorum,
        Self::Serial,
        Self::LocalSerial,
        Self::LocalOne,
    ];

    /// The number on the wire.
    #[inline]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The name CQL uses, as in `LOCAL_QUORUM`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::One => "ONE",
            Self::Two => "TWO",
            Self::Three => "THREE",
            Self::Quorum => "QUORUM",
            Self::All => "ALL",
            Self::LocalQuorum => "LOCAL_QUORUM",
            Self::EachQuorum => "EACH_QUORUM",
            Self::Serial => "SERIAL",
            Self::LocalSerial => "LOCAL_SERIAL",
            Self::LocalOne => "LOCAL_ONE",
        }
    }

    /// True for SERIAL and LOCAL_SERIAL.
    #[inline]
    pub const fn is_serial(self) -> bool {
        matches!(self, Self::Serial | Self::LocalSerial)
    }

    /// True when only the target host's datacenter takes part.
    #[inline]
    pub const fn is_datacenter_local(self) -> bool {
        matches!(self, Self::LocalQuorum | Self::LocalSerial | Self::LocalOne)
    }
}

impl TryFrom<u16> for Consistency {
    type Error = DecodeError;

    #[inline]
    fn try_from(code: u16) -> Result<Self, DecodeError> {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .ok_or(DecodeError::UnknownCode { what: "consistency", code: i64::from(code) })
    }
}

impl FromStr for Consistency {
    type Err = UnknownConsistency;

    fn from_str(name: &str) -> Result<Self, UnknownConsistency> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownConsistency(name.to_owned()))
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl SerialConsistency {
    /// The number on the wire.
    #[inline]
    pub const fn code(self) -> u16 {
        match self {
            Self::Serial => Consistency::Serial.code(),
            Self::LocalSerial => Consistency::LocalSerial.code(),
        }
    }
}

impl TryFrom<u16> for SerialConsistency {
    type Error = DecodeError;

    fn try_from(code: u16) -> Result<Self, DecodeError> {
        match code {
            8 => Ok(Self::Serial),
            9 => Ok(Self::LocalSerial),
            _ => Err(DecodeError::UnknownCode { what: "serial consistency", code: i64::from(code) }),
        }
    }
}

impl From<SerialConsistency> for Consistency {
    fn from(level: SerialConsistency) -> Consistency {
        match level {
            SerialConsistency::Serial => Consistency::Serial,
            SerialConsistency::LocalSerial => Consistency::LocalSerial,
        }
    }
}

impl FromStr for SerialConsistency {
    type Err = UnknownConsistency;

    fn from_str(name: &str) -> Result<Self, UnknownConsistency> {
        match name.parse::<Consistency>()? {
            Consistency::Serial => Ok(Self::Serial),
            Consistency::LocalSerial => Ok(Self::LocalSerial),
            _ => Err(UnknownConsistency(name.to_owned())),
        }
    }
}

impl fmt::Display for SerialConsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Consistency::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_zero_to_ten_and_come_back() {
        for (code, level) in Consistency::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(level.code()), code);
            assert_eq!(Consistency::try_from(level.code()), Ok(level));
        }
        assert!(Consistency::try_from(11).is_err());
    }

    #[test]
    fn names_come_back_in_any_case() {
        for level in Consistency::ALL {
            assert_eq!(level.to_string().parse::<Consistency>(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse::<Consistency>(), Ok(level));
        }
        assert_eq!("Not Set".parse::<Consistency>(), Err(UnknownConsistency("Not Set".into())));
    }

    #[test]
    fn only_the_two_serial_levels_are_serial() {
        let serial: Vec<_> = Consistency::ALL.into_iter().filter(|level| level.is_serial()).collect();
        assert_eq!(serial, [Consistency::Serial, Consistency::LocalSerial]);
        for level in Consistency::ALL {
            assert_eq!(SerialConsistency::try_from(level.code()).is_ok(), level.is_serial());
            assert_eq!(level.name().parse::<SerialConsistency>().is_ok(), level.is_serial());
        }
        assert_eq!(SerialConsistency::LocalSerial.to_string(), "LOCAL_SERIAL");
    }
}
