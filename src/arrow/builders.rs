//! Columns that grow cell by cell: those of types without elements or fields.

use std::fmt::{Display, Write as _};
use std::net::IpAddr;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType};
use arrow_buffer::IntervalMonthDayNano;
use chorus_protocol::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlType, CqlVarint, FromCql, NativeType,
    ValueError, ValueErrorReason,
};

use super::nested::{Lists, Maps, Structs, Vectors};
use super::schema_of::timestamp;
use crate::error::{Error, ResultProblem};

/// Numbers with more bytes are not written out: that takes time with the square of their length.
const LONGEST_NUMBER: usize = 8 * 1024;

/// A column of one type that grows cell by cell.
pub(super) trait Builder {
    /// Appends a cell that is neither null nor the empty value.
    fn append_value(&mut self, cell: &[u8], padding: &mut Padding) -> Result<(), Refusal>;

    /// Appends a null, whose places were taken.
    fn append_null(&mut self);

    /// How many entries of the columns below a null needs.
    fn places_of_null(&self) -> usize {
        0
    }

    /// What was appended so far, as an array. Nothing is appended after it.
    fn finish(&mut self) -> ArrayRef;
}

/// Appends a cell as it came: `None` is null, and so is the empty value of types that have one.
pub(super) fn append(
    builder: &mut dyn Builder,
    typ: &CqlType,
    cell: Option<&[u8]>,
    padding: &mut Padding,
) -> Result<(), Refusal> {
    match cell {
        Some(cell) if !cell.is_empty() || typ.zero_length_is_value() => builder.append_value(cell, padding),
        _ => {
            padding.take(builder.places_of_null())?;
            builder.append_null();
            Ok(())
        }
    }
}

/// Places for nulls of which the page says nothing: elements of null vectors, fields of null structs. Each is an entry of a column
/// all the same, so what they may take is limited.
#[derive(Debug)]
pub(super) struct Padding(usize);

impl Padding {
    const MOST: usize = 16 << 20;

    pub(super) fn new() -> Self {
        Self(Self::MOST)
    }

    /// Takes so many places.
    pub(super) fn take(&mut self, places: usize) -> Result<(), Refusal> {
        self.0 = self.0.checked_sub(places).ok_or(Refusal::TooLarge)?;
        Ok(())
    }
}

/// Why a page is not made a record batch.
#[derive(Debug)]
pub(super) enum Refusal {
    Value(ValueError),
    TooLarge,
}

impl Refusal {
    pub(super) fn in_column(self, index: usize, name: &str) -> Error {
        match self {
            Self::Value(error) => Error::rows(error.in_column(index, name)),
            Self::TooLarge => ResultProblem::BatchTooLarge.into(),
        }
    }
}

impl From<ValueError> for Refusal {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

impl From<ValueErrorReason> for Refusal {
    fn from(reason: ValueErrorReason) -> Self {
        Self::Value(reason.into())
    }
}

/// A column of `typ` with room for `capacity` values.
pub(super) fn builder<'c>(typ: &'c CqlType, capacity: usize) -> Box<dyn Builder + 'c> {
    match typ {
        CqlType::Native(native) => builder_of_native(typ, *native, capacity),
        CqlType::List(element) | CqlType::Set(element) => Box::new(Lists::new(element)),
        CqlType::Map(types) => Box::new(Maps::new(&types.0, &types.1)),
        CqlType::Tuple(_) | CqlType::Udt(_) => Box::new(Structs::new(typ)),
        CqlType::Vector(element, dimension) => Box::new(Vectors::new(element, *dimension)),
        CqlType::Custom(_) => Box::new(BinaryBuilder::new()),
    }
}

fn builder_of_native<'c>(typ: &'c CqlType, native: NativeType, capacity: usize) -> Box<dyn Builder + 'c> {
    match native {
        NativeType::Ascii | NativeType::Text => Box::new(Texts { typ, texts: StringBuilder::new() }),
        NativeType::Varint => Box::new(Written::<CqlVarint>::new(typ)),
        NativeType::Decimal => Box::new(Written::<CqlDecimal>::new(typ)),
        NativeType::Inet => Box::new(Written::<IpAddr>::new(typ)),
        NativeType::Blob => Box::new(BinaryBuilder::new()),
        NativeType::Boolean => Box::new(Booleans { typ, values: BooleanBuilder::with_capacity(capacity) }),
        NativeType::Tinyint => fixed::<Int8Type, i8>(typ, capacity, |value| value),
        NativeType::Smallint => fixed::<Int16Type, i16>(typ, capacity, |value| value),
        NativeType::Int => fixed::<Int32Type, i32>(typ, capacity, |value| value),
        NativeType::Bigint | NativeType::Counter => fixed::<Int64Type, i64>(typ, capacity, |value| value),
        NativeType::Float => fixed::<Float32Type, f32>(typ, capacity, |value| value),
        NativeType::Double => fixed::<Float64Type, f64>(typ, capacity, |value| value),
        NativeType::Timestamp => {
            let values = PrimitiveBuilder::with_capacity(capacity).with_data_type(timestamp());
            Box::new(Fixed::<TimestampMillisecondType, CqlTimestamp> { typ, values, native: |value| value.0 })
        }
        // All days that CQL knows are days that Arrow knows.
        NativeType::Date => fixed::<Date32Type, CqlDate>(typ, capacity, |day| day.days_since_epoch() as i32),
        NativeType::Time => fixed::<Time64NanosecondType, CqlTime>(typ, capacity, |time| time.0),
        NativeType::Duration => {
            fixed::<IntervalMonthDayNanoType, CqlDuration>(typ, capacity, |duration| IntervalMonthDayNano {
                months: duration.months,
                days: duration.days,
                nanoseconds: duration.nanoseconds,
            })
        }
        NativeType::Uuid | NativeType::Timeuuid => {
            Box::new(FixedSizeBinaryBuilder::with_capacity(capacity, 16))
        }
    }
}

fn fixed<'c, A, T>(typ: &'c CqlType, capacity: usize, native: fn(T) -> A::Native) -> Box<dyn Builder + 'c>
where
    A: ArrowPrimitiveType,
    T: for<'f> FromCql<'f> + 'c,
{
    Box::new(Fixed::<A, T> { typ, values: PrimitiveBuilder::with_capacity(capacity), native })
}

/// Values of one size.
struct Fixed<'c, A: ArrowPrimitiveType, T> {
    typ: &'c CqlType,
    values: PrimitiveBuilder<A>,
    native: fn(T) -> A::Native,
}

impl<A: ArrowPrimitiveType, T: for<'f> FromCql<'f>> Builder for Fixed<'_, A, T> {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        self.values.append_value((self.native)(T::from_cql(self.typ, Some(cell))?));
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(self.values.finish())
    }
}

struct Booleans<'c> {
    typ: &'c CqlType,
    values: BooleanBuilder,
}

impl Builder for Booleans<'_> {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        self.values.append_value(bool::from_cql(self.typ, Some(cell))?);
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(self.values.finish())
    }
}

struct Texts<'c> {
    typ: &'c CqlType,
    texts: StringBuilder,
}

impl Builder for Texts<'_> {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        self.texts.append_value(<&str>::from_cql(self.typ, Some(cell))?);
        Ok(())
    }

    fn append_null(&mut self) {
        self.texts.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(self.texts.finish())
    }
}

/// Values in the notation of `T`.
struct Written<'c, T> {
    typ: &'c CqlType,
    texts: StringBuilder,
    value: std::marker::PhantomData<T>,
}

impl<'c, T> Written<'c, T> {
    fn new(typ: &'c CqlType) -> Self {
        Self { typ, texts: StringBuilder::new(), value: std::marker::PhantomData }
    }
}

impl<T: for<'f> FromCql<'f> + Display> Builder for Written<'_, T> {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        if cell.len() > LONGEST_NUMBER {
            return Err(ValueErrorReason::OutOfRange { what: "a number that is written out" }.into());
        }
        let value = T::from_cql(self.typ, Some(cell))?;
        write!(self.texts, "{value}").expect("writing into memory succeeds");
        // What was written is the value.
        self.texts.append_value("");
        Ok(())
    }

    fn append_null(&mut self) {
        self.texts.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(self.texts.finish())
    }
}

impl Builder for BinaryBuilder {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        Self::append_value(self, cell);
        Ok(())
    }

    fn append_null(&mut self) {
        Self::append_null(self);
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(Self::finish(self))
    }
}

impl Builder for FixedSizeBinaryBuilder {
    fn append_value(&mut self, cell: &[u8], _: &mut Padding) -> Result<(), Refusal> {
        let wrong = ValueErrorReason::WrongSize { what: "a uuid", expected: 16, found: cell.len() };
        Self::append_value(self, cell).map_err(|_| wrong.into())
    }

    fn append_null(&mut self) {
        Self::append_null(self);
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(Self::finish(self))
    }
}
