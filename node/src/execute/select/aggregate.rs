//! Values of many rows turned into one.

use bigdecimal::BigDecimal;
use chorus_protocol::{CqlType, NativeType};
use num_bigint::BigInt;

use super::evaluate::Evaluator;
use crate::cql::CqlError;
use crate::value::{Number, compare};

/// An aggregate over what its argument yields for each row.
#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) kind: AggregateKind,
    /// `None` counts rows.
    pub(super) argument: Option<Evaluator>,
    pub(super) typ: CqlType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AggregateKind {
    Count,
    Min,
    Max,
    Sum,
    Avg,
}

impl AggregateKind {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            _ => return None,
        })
    }

    /// The type of the result for an argument's type.
    pub(super) fn result(self, typ: &CqlType) -> Result<CqlType, CqlError> {
        let numeric = matches!(
            typ,
            CqlType::Native(
                NativeType::Tinyint
                    | NativeType::Smallint
                    | NativeType::Int
                    | NativeType::Bigint
                    | NativeType::Counter
                    | NativeType::Varint
                    | NativeType::Decimal
                    | NativeType::Float
                    | NativeType::Double
            )
        );
        match self {
            Self::Count => Ok(CqlType::Bigint),
            Self::Min | Self::Max => Ok(typ.clone()),
            Self::Sum | Self::Avg if numeric => {
                Ok(if *typ == CqlType::Counter { CqlType::Bigint } else { typ.clone() })
            }
            Self::Sum | Self::Avg => Err(CqlError::invalid(format!(
                "Invalid call to function system.{}, none of its type signatures match (argument of type {typ})",
                if self == Self::Sum { "sum" } else { "avg" }
            ))),
        }
    }
}

/// An aggregate while rows are coming.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    count: i64,
    extreme: Option<Vec<u8>>,
    integers: i128,
    floats: f64,
    varints: BigInt,
    decimals: BigDecimal,
}

impl Accumulator {
    /// Takes one row's value; null counts for nothing, except where rows are counted.
    pub(super) fn add(&mut self, aggregate: &Aggregate, value: Option<&[u8]>) {
        if aggregate.argument.is_none() {
            self.count += 1;
            return;
        }
        let Some(value) = value else {
            return;
        };
        self.count += 1;
        match aggregate.kind {
            AggregateKind::Count => {}
            AggregateKind::Min | AggregateKind::Max => {
                let better = self.extreme.as_ref().is_none_or(|extreme| {
                    let order = compare(&aggregate.typ, value, extreme);
                    if aggregate.kind == AggregateKind::Min { order.is_lt() } else { order.is_gt() }
                });
                if better {
                    self.extreme = Some(value.to_vec());
                }
            }
            AggregateKind::Sum | AggregateKind::Avg => self.add_number(&aggregate.typ, value),
        }
    }

    fn add_number(&mut self, typ: &CqlType, value: &[u8]) {
        let CqlType::Native(native) = typ else {
            return;
        };
        match Number::read(*native, value) {
            Some(Number::Integer(number)) => self.integers += i128::from(number),
            Some(Number::Float(number)) => self.floats += number,
            Some(Number::Varint(number)) => self.varints += number,
            Some(Number::Decimal(number)) => self.decimals += number,
            // A legacy value of no bytes.
            None => self.count -= 1,
        }
    }

    pub(super) fn finish(self, aggregate: &Aggregate) -> Option<Vec<u8>> {
        let (sum, native) = match (aggregate.kind, &aggregate.typ) {
            (AggregateKind::Count, _) => return Some(self.count.to_be_bytes().to_vec()),
            (AggregateKind::Min | AggregateKind::Max, _) => return self.extreme,
            (AggregateKind::Sum, CqlType::Native(native)) => (true, *native),
            (_, CqlType::Native(native)) => (false, *native),
            _ => return None,
        };
        // The average of nothing is zero, as its sum is.
        let count = if sum { 1 } else { self.count.max(1) };
        let number = match native {
            NativeType::Float | NativeType::Double => Number::Float(self.floats / count as f64),
            NativeType::Varint => Number::Varint(self.varints / count),
            NativeType::Decimal if sum => Number::Decimal(self.decimals),
            NativeType::Decimal => Number::Decimal(average(self.decimals, count)),
            // Wraps around where it does not fit.
            _ => Number::Integer((self.integers / i128::from(count)) as i64),
        };
        number.write(native)
    }
}

/// With the digits of the sum, rounded half to even.
fn average(sum: BigDecimal, count: i64) -> BigDecimal {
    let (_, scale) = sum.as_bigint_and_exponent();
    (sum / BigDecimal::from(count)).with_scale_round(scale.clamp(0, 1000), bigdecimal::RoundingMode::HalfEven)
}
