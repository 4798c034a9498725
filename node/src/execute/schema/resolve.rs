//! Types as written to types as they are.

use chorus_protocol::{CqlType, NativeType};

use crate::catalog::{ColumnType, Keyspace};
use crate::cql::CqlError;
use crate::cql::ast::TypeName;

/// The largest vector Cassandra allows.
const MAX_DIMENSION: u32 = 8192;

/// The type a written type stands for, with the user types of `keyspace`.
pub(in crate::execute) fn resolve(
    name: &TypeName,
    keyspace: Option<&Keyspace>,
) -> Result<ColumnType, CqlError> {
    resolve_within(name, keyspace, false)
}

/// `frozen`: whether something around the type freezes everything inside of it.
fn resolve_within(
    name: &TypeName,
    keyspace: Option<&Keyspace>,
    frozen: bool,
) -> Result<ColumnType, CqlError> {
    match name {
        TypeName::Frozen(inner) => {
            let inner = resolve_within(inner, keyspace, true)?;
            match inner.typ {
                CqlType::List(_)
                | CqlType::Set(_)
                | CqlType::Map(_)
                | CqlType::Tuple(_)
                | CqlType::Udt(_)
                | CqlType::Vector(..) => Ok(ColumnType::frozen(inner.typ)),
                other => Err(CqlError::syntax(format!(
                    "frozen<> is only allowed on collections, tuples, and user-defined types (got {other})"
                ))),
            }
        }
        TypeName::Named { keyspace: named, name } => {
            if named.is_none()
                && let Some(native) = native(name)
            {
                return Ok(ColumnType::frozen(CqlType::Native(native)));
            }
            let found =
                keyspace.filter(|keyspace| named.as_deref().is_none_or(|named| named == &*keyspace.name));
            if let (Some(named), Some(keyspace)) = (named, keyspace)
                && found.is_none()
            {
                return Err(CqlError::invalid(format!(
                    "Statement on keyspace {} cannot refer to a user type in keyspace {named}; user types can only be used \
                     in the keyspace they are defined in",
                    keyspace.name
                )));
            }
            match found.and_then(|keyspace| keyspace.user_type(name)) {
                Some(user_type) => Ok(ColumnType::multi_cell(user_type.cql_type())),
                None => {
                    let place = keyspace.map_or("", |keyspace| &keyspace.name);
                    Err(CqlError::invalid(format!("Unknown type {place}.{name}")))
                }
            }
        }
        TypeName::List(element) => {
            Ok(ColumnType::multi_cell(CqlType::list(inner(element, keyspace, name, frozen)?)))
        }
        TypeName::Set(element) => {
            let element = inner(element, keyspace, name, frozen)?;
            refuse_duration(&element, "sets", "set elements")?;
            Ok(ColumnType::multi_cell(CqlType::set(element)))
        }
        TypeName::Map(key, value) => {
            let key = inner(key, keyspace, name, frozen)?;
            refuse_duration(&key, "maps", "map keys")?;
            Ok(ColumnType::multi_cell(CqlType::map(key, inner(value, keyspace, name, frozen)?)))
        }
        TypeName::Tuple(fields) => {
            let fields =
                fields.iter().map(|field| resolve_within(field, keyspace, true).map(|field| field.typ));
            let fields = fields.collect::<Result<Vec<_>, _>>()?;
            refuse_counter(&fields, "tuples")?;
            Ok(ColumnType::frozen(CqlType::tuple(fields)))
        }
        TypeName::Vector(element, dimension) => {
            if *dimension == 0 {
                return Err(CqlError::invalid("vectors may only have positive dimensions; given 0"));
            }
            let dimension = u16::try_from(*dimension)
                .ok()
                .filter(|dimension| u32::from(*dimension) <= MAX_DIMENSION)
                .ok_or_else(|| {
                    CqlError::invalid(format!(
                        "vectors may only have dimensions up to {MAX_DIMENSION}; given {dimension}"
                    ))
                })?;
            let element = resolve_within(element, keyspace, true)?.typ;
            refuse_counter(std::slice::from_ref(&element), "vectors")?;
            Ok(ColumnType::frozen(CqlType::vector(element, dimension)))
        }
        TypeName::Custom(class) => {
            let package = "org.apache.cassandra.db.marshal.";
            let short = class.strip_prefix(package).unwrap_or(class);
            match NativeType::ALL.into_iter().find(|native| native.class_name() == short) {
                Some(native) => Ok(ColumnType::frozen(CqlType::Native(native))),
                None => Err(CqlError::unsupported(format!("the custom type '{class}'"))),
            }
        }
    }
}

/// The type inside a collection, which has to be one that is stored whole.
fn inner(
    written: &TypeName,
    keyspace: Option<&Keyspace>,
    outer: &TypeName,
    frozen: bool,
) -> Result<CqlType, CqlError> {
    let element = resolve_within(written, keyspace, frozen)?;
    refuse_counter(std::slice::from_ref(&element.typ), "collections")?;
    if element.multi_cell && !frozen {
        let kind = if matches!(element.typ, CqlType::Udt(_)) { "UDTs" } else { "collections" };
        let shown = match outer {
            TypeName::List(_) => "list",
            TypeName::Set(_) => "set",
            _ => "map",
        };
        return Err(CqlError::invalid(format!(
            "Non-frozen {kind} are not allowed inside collections: {shown}<{element}>"
        )));
    }
    Ok(element.typ)
}

fn refuse_counter(types: &[CqlType], place: &str) -> Result<(), CqlError> {
    if types.iter().any(CqlType::is_counter) {
        return Err(CqlError::invalid(format!("Counters are not allowed inside {place}")));
    }
    Ok(())
}

fn refuse_duration(typ: &CqlType, kind: &str, place: &str) -> Result<(), CqlError> {
    if contains_duration(typ) {
        return Err(CqlError::invalid(format!("Durations are not allowed as {place} of {kind}")));
    }
    Ok(())
}

/// Whether a duration is anywhere in the type: durations have no order.
pub(super) fn contains_duration(typ: &CqlType) -> bool {
    match typ {
        CqlType::Native(native) => *native == NativeType::Duration,
        CqlType::Custom(_) => false,
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            contains_duration(element)
        }
        CqlType::Map(pair) => contains_duration(&pair.0) || contains_duration(&pair.1),
        CqlType::Tuple(fields) => fields.iter().any(contains_duration),
        CqlType::Udt(udt) => udt.fields.iter().any(|(_, typ)| contains_duration(typ)),
    }
}

fn native(name: &str) -> Option<NativeType> {
    if name == "varchar" {
        return Some(NativeType::Text);
    }
    NativeType::ALL.into_iter().find(|native| native.name() == name)
}
