//! What makes no table.

use std::collections::HashMap;

use syn::ext::IdentExt;
use syn::{Error, Path, PathArguments, Type};

use super::attributes::{Kind, Role};
use super::constants::constant_name;
use super::{Definition, names};

/// More do not fit a tuple that can be bound.
const MOST_KEY_COLUMNS: usize = 16;

/// Refuses the first thing that no server or no program could make sense of.
pub(super) fn check(definition: &Definition) -> Result<(), Error> {
    let record = &definition.record;
    for (place, field) in record.fields.iter().enumerate() {
        let column = definition.attributes.of(place);
        if !field.has_column() && column.of_a_column() {
            let message =
                "a field with `skip` or `flatten` has no column of its own, and no attributes of one";
            return Err(Error::new(field.ident.span(), message));
        }
        limits(definition, place)?;
        role(definition, place)?;
    }
    distinct_constants(definition)?;
    table(definition)
}

fn limits(definition: &Definition, place: usize) -> Result<(), Error> {
    let column = definition.attributes.of(place);
    let (Some(least), Some(most)) = (&column.min_len, &column.max_len) else { return Ok(()) };
    if least.base10_parse::<usize>()? > most.base10_parse::<usize>()? {
        return Err(Error::new(
            most.span(),
            "`max_len` is less than `min_len`: nothing would be long enough",
        ));
    }
    Ok(())
}

fn role(definition: &Definition, place: usize) -> Result<(), Error> {
    let (field, column) = (&definition.record.fields[place], definition.attributes.of(place));
    let counter = is_counter(&field.typ);
    if let (Some((_, span)), true) = (&column.index, counter) {
        return Err(Error::new(*span, "no server has an index on a counter"));
    }
    let Some((role, span)) = column.role else { return Ok(()) };
    let is_key = role != Role::Static;
    if is_key && counter {
        return Err(Error::new(
            span,
            "a counter cannot be part of a key: its value changes without being written",
        ));
    }
    if role == Role::Partition && inner_of_option(&field.typ).is_some() {
        return Err(Error::new(span, "a partition key is never null: the field is no `Option`"));
    }
    if let (true, Some((false, span))) = (is_key, column.frozen) {
        return Err(Error::new(span, "what is part of a key is one cell, and therefore frozen"));
    }
    Ok(())
}

/// Names of fields that differ in their letters' case only would have one constant.
fn distinct_constants(definition: &Definition) -> Result<(), Error> {
    let mut seen = HashMap::new();
    for field in definition.record.columns() {
        let constant = constant_name(field).to_string();
        if let Some(first) = seen.insert(constant.clone(), &field.ident) {
            let message =
                format!("the constant `{constant}` of this column already belongs to field `{first}`");
            return Err(Error::new(field.ident.span(), message));
        }
    }
    Ok(())
}

/// What the columns are together.
fn table(definition: &Definition) -> Result<(), Error> {
    if definition.attributes.kind() == Kind::UserType {
        return match definition.record.columns().find(|field| is_counter(&field.typ)) {
            Some(field) => {
                Err(Error::new(field.ident.span(), "a counter is a column, and no field of a type"))
            }
            None => Ok(()),
        };
    }
    if definition.attributes.kind() == Kind::Model && definition.attributes.table.is_none() {
        let name = names::snake_case(&definition.record.name.to_string());
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let message = format!("no table can be called {name}: name it with `#[chorus(table = \"..\")]`");
            return Err(Error::new(definition.record.name.span(), message));
        }
    }
    let columns = || definition.columns();
    let of = |role: fn(&Role) -> bool| {
        columns().filter(move |(_, column)| column.role.is_some_and(|(found, _)| role(&found)))
    };
    let partition = || of(|role| *role == Role::Partition);
    let clustering = || of(|role| matches!(role, Role::Clustering { .. }));
    if let Some((field, _)) = partition().chain(clustering()).nth(MOST_KEY_COLUMNS) {
        return Err(Error::new(field.ident.span(), "a primary key has 16 columns at most"));
    }
    let plain = columns().find(|(field, column)| {
        !is_counter(&field.typ) && column.role.is_none_or(|(role, _)| role == Role::Static)
    });
    let counter = columns().find(|(field, _)| is_counter(&field.typ));
    if let (Some((plain, _)), Some((counter, _))) = (plain, counter) {
        let message = format!(
            "counters and other values do not go into one table: beside its key it has counter `{}` and `{}`, which is none",
            counter.ident, plain.ident
        );
        return Err(Error::new(plain.ident.span(), message));
    }
    if definition.attributes.kind() == Kind::Fields || definition.record.flattened().next().is_some() {
        // What else there is shows when the whole is known: see `shape`.
        return Ok(());
    }
    match (partition().next(), clustering().next()) {
        (None, Some((_, column))) => {
            let (_, span) = column.role.expect("it is one of the clustering key");
            let message = "the first column of the primary key is the partition key: `partition_key` instead";
            return Err(Error::new(span, message));
        }
        (None, None) => {
            let message = "no field is the partition key: mark the first of the primary key with `#[chorus(partition_key)]`";
            return Err(Error::new(definition.record.name.span(), message));
        }
        (Some(_), None) => {
            if let Some((_, column)) = of(|role| *role == Role::Static).next() {
                let (_, span) = column.role.expect("it is a static one");
                let message =
                    "without a clustering key a partition is one row, and every column is like a static one";
                return Err(Error::new(span, message));
            }
        }
        (Some(_), Some(_)) => {}
    }
    let (mut parts, indexed) = (partition(), partition().find_map(|(_, column)| column.index.as_ref()));
    if let (Some((_, span)), Some(_), None) = (indexed, parts.next(), parts.next()) {
        return Err(Error::new(
            *span,
            "the only column of the partition key needs no index, and can have none",
        ));
    }
    Ok(())
}

/// Whether a type is written as `Counter`, or an `Option` of it.
pub(super) fn is_counter(typ: &Type) -> bool {
    let typ = inner_of_option(typ).unwrap_or(typ);
    last_segment(typ).is_some_and(|(name, _)| name == "Counter")
}

/// `T`, of a type written as `Option<T>`.
pub(super) fn inner_of_option(typ: &Type) -> Option<&Type> {
    let (name, path) = last_segment(typ)?;
    let PathArguments::AngleBracketed(arguments) = &path.segments.last()?.arguments else { return None };
    match (name.as_str(), arguments.args.first()) {
        ("Option", Some(syn::GenericArgument::Type(inner))) => Some(inner),
        _ => None,
    }
}

fn last_segment(typ: &Type) -> Option<(String, &Path)> {
    let typ = match typ {
        // Types that came through a macro.
        Type::Group(group) => &*group.elem,
        typ => typ,
    };
    let Type::Path(path) = typ else { return None };
    Some((path.path.segments.last()?.ident.unraw().to_string(), &path.path))
}
