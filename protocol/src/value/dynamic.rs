//! Reading and writing values of any type.

use std::sync::Arc;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::tuple::take_field;
use crate::value::{
    CqlValue, Elements, FromCql, MapEntries, ToCql, UdtCells, UdtRef, ValueWriter, VectorElements,
};

impl<'f> FromCql<'f> for CqlValue {
    /// Every type can be read.
    fn check(_: &CqlType) -> Result<(), ValueError> {
        Ok(())
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let bytes = cell.ok_or_else(ValueError::unexpected_null::<Self>)?;
        if bytes.is_empty() && !typ.zero_length_is_value() {
            return Ok(Self::Empty);
        }
        // Nested values come back here. Each kind is a function of its own, so that a level of nesting takes the
        // stack of its kind only.
        match typ {
            CqlType::Native(native) => read_native(*native, typ, bytes),
            CqlType::List(element) => read_elements(element, bytes).map(Self::List),
            CqlType::Set(element) => read_elements(element, bytes).map(Self::Set),
            CqlType::Map(types) => read_map(&types.0, &types.1, bytes),
            CqlType::Tuple(fields) => read_tuple(fields, bytes),
            CqlType::Udt(_) => read_udt(typ, bytes),
            CqlType::Vector(element, dimension) => read_vector(element, *dimension, bytes),
            CqlType::Custom(class) => Ok(Self::Custom { class: class.clone(), bytes: bytes.to_vec() }),
        }
    }
}

fn read_native(native: NativeType, typ: &CqlType, bytes: &[u8]) -> Result<CqlValue, ValueError> {
    macro_rules! read {
        ($variant:ident) => {
            FromCql::from_cql(typ, Some(bytes)).map(CqlValue::$variant)
        };
    }
    match native {
        NativeType::Ascii => read!(Ascii),
        NativeType::Bigint => read!(Bigint),
        NativeType::Blob => Ok(CqlValue::Blob(bytes.to_vec())),
        NativeType::Boolean => read!(Boolean),
        NativeType::Counter => read!(Counter),
        NativeType::Decimal => read!(Decimal),
        NativeType::Double => read!(Double),
        NativeType::Float => read!(Float),
        NativeType::Int => read!(Int),
        NativeType::Text => read!(Text),
        NativeType::Timestamp => read!(Timestamp),
        NativeType::Uuid => read!(Uuid),
        NativeType::Varint => read!(Varint),
        NativeType::Timeuuid => read!(Timeuuid),
        NativeType::Inet => read!(Inet),
        NativeType::Date => read!(Date),
        NativeType::Time => read!(Time),
        NativeType::Smallint => read!(Smallint),
        NativeType::Tinyint => read!(Tinyint),
        NativeType::Duration => read!(Duration),
    }
}

/// How many of these have come. Room is made for no more: nested values would each announce what only one of them can have.
fn arrived<T>(cells: impl Iterator<Item = Result<T, ValueError>>) -> usize {
    cells.take_while(Result::is_ok).count()
}

/// How many of at most this many fields have come.
fn arrived_fields(most: usize, mut bytes: &[u8]) -> usize {
    (0..most).take_while(|_| !bytes.is_empty() && take_field(&mut bytes).is_ok()).count()
}

fn read_elements(element: &CqlType, bytes: &[u8]) -> Result<Vec<Option<CqlValue>>, ValueError> {
    let cells = Elements::new(Some(bytes))?;
    let mut values = Vec::with_capacity(arrived(cells.clone()));
    for cell in cells {
        values.push(nullable(element, cell?)?);
    }
    Ok(values)
}

fn read_map(key_type: &CqlType, value_type: &CqlType, bytes: &[u8]) -> Result<CqlValue, ValueError> {
    let cells = MapEntries::new(Some(bytes))?;
    let mut entries = Vec::with_capacity(arrived(cells.clone()));
    for entry in cells {
        let (key, value) = entry?;
        entries.push((CqlValue::from_cql(key_type, key)?, nullable(value_type, value)?));
    }
    Ok(CqlValue::Map(entries))
}

fn read_tuple(types: &[CqlType], bytes: &[u8]) -> Result<CqlValue, ValueError> {
    let mut rest = bytes;
    // Only what arrived takes memory: a type may declare many fields that a value leaves out.
    let mut fields = Vec::with_capacity(arrived_fields(types.len(), bytes));
    for typ in types {
        if rest.is_empty() {
            break;
        }
        fields.push(nullable(typ, take_field(&mut rest)?)?);
    }
    Ok(CqlValue::Tuple(fields))
}

fn read_udt(typ: &CqlType, bytes: &[u8]) -> Result<CqlValue, ValueError> {
    let CqlType::Udt(udt) = typ else { return Err(ValueError::mismatch::<CqlValue>(typ)) };
    let mut rest = bytes;
    let mut fields = Vec::with_capacity(arrived_fields(udt.fields.len(), bytes));
    for (name, typ) in &udt.fields {
        if rest.is_empty() {
            break;
        }
        fields.push((name.clone(), nullable(typ, take_field(&mut rest)?)?));
    }
    Ok(CqlValue::Udt { of: UdtRef::from(udt), fields })
}

fn read_vector(element: &CqlType, dimension: u16, bytes: &[u8]) -> Result<CqlValue, ValueError> {
    let cells = VectorElements::new(element, dimension, bytes)?;
    let mut values = Vec::with_capacity(arrived(cells.clone()));
    for cell in cells {
        values.push(CqlValue::from_cql(element, Some(cell?))?);
    }
    Ok(CqlValue::Vector(values))
}

/// Null stays apart from [`CqlValue::Empty`], unlike in `Option<T>` of other types.
fn nullable(typ: &CqlType, cell: Option<&[u8]>) -> Result<Option<CqlValue>, ValueError> {
    match cell {
        Some(bytes) => CqlValue::from_cql(typ, Some(bytes)).map(Some),
        None => Ok(None),
    }
}

impl ToCql for CqlValue {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Self::Empty => out.bytes(&[]),
            Self::Ascii(value) | Self::Text(value) => value.to_cql(typ, out),
            Self::Bigint(value) | Self::Counter(value) => value.to_cql(typ, out),
            Self::Blob(value) => value.to_cql(typ, out),
            Self::Boolean(value) => value.to_cql(typ, out),
            Self::Decimal(value) => value.to_cql(typ, out),
            Self::Double(value) => value.to_cql(typ, out),
            Self::Float(value) => value.to_cql(typ, out),
            Self::Int(value) => value.to_cql(typ, out),
            Self::Timestamp(value) => value.to_cql(typ, out),
            Self::Uuid(value) => value.to_cql(typ, out),
            Self::Varint(value) => value.to_cql(typ, out),
            Self::Timeuuid(value) => value.to_cql(typ, out),
            Self::Inet(value) => value.to_cql(typ, out),
            Self::Date(value) => value.to_cql(typ, out),
            Self::Time(value) => value.to_cql(typ, out),
            Self::Smallint(value) => value.to_cql(typ, out),
            Self::Tinyint(value) => value.to_cql(typ, out),
            Self::Duration(value) => value.to_cql(typ, out),
            Self::List(elements) | Self::Set(elements) => elements.to_cql(typ, out),
            Self::Vector(elements) => elements.to_cql(typ, out),
            Self::Map(entries) => write_map(entries, typ, out),
            Self::Tuple(fields) => write_tuple(fields, typ, out),
            Self::Udt { fields, .. } => write_udt(fields, typ, out),
            Self::Custom { bytes, .. } => bytes.to_cql(typ, out),
        }
    }
}

fn write_map(
    entries: &[(CqlValue, Option<CqlValue>)],
    typ: &CqlType,
    out: ValueWriter<'_>,
) -> Result<(), ValueError> {
    let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<CqlValue>(typ)) };
    out.nested(|out| {
        out.count(entries.len())?;
        for (key, value) in entries {
            out.element(key, &types.0)?;
            out.element(value, &types.1)?;
        }
        Ok(())
    })
}

fn write_tuple(fields: &[Option<CqlValue>], typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
    let CqlType::Tuple(types) = typ else { return Err(ValueError::mismatch::<CqlValue>(typ)) };
    if fields.len() > types.len() {
        let reason = ValueErrorReason::TooManyFields { declared: types.len(), found: fields.len() };
        return Err(reason.into());
    }
    out.nested(|out| fields.iter().zip(types.iter()).try_for_each(|(field, typ)| out.element(field, typ)))
}

/// By name. A name the definition does not have is an error, so that a misspelt field is not lost.
fn write_udt(
    fields: &[(Arc<str>, Option<CqlValue>)],
    typ: &CqlType,
    out: ValueWriter<'_>,
) -> Result<(), ValueError> {
    let udt = UdtCells::definition::<CqlValue>(typ)?;
    for (index, (name, _)) in fields.iter().enumerate() {
        let in_place = udt.fields.get(index).is_some_and(|(declared, _)| declared == name);
        if !in_place && !udt.fields.iter().any(|(declared, _)| declared == name) {
            return Err(ValueErrorReason::UnknownField((&**name).into()).into());
        }
    }
    out.nested(|out| {
        for (index, (declared, typ)) in udt.fields.iter().enumerate() {
            let in_place = fields.get(index).filter(|(name, _)| name == declared);
            match in_place.or_else(|| fields.iter().find(|(name, _)| name == declared)) {
                Some((_, value)) => out.element(value, typ)?,
                None => out.null(),
            }
        }
        Ok(())
    })
}
