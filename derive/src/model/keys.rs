//! Keys: their types, and the values of one row.

use proc_macro2::TokenStream;
use quote::quote;

use super::Definition;
use super::attributes::Role;

/// A part of a key: columns of the struct itself that stand together, or those of a flattened field.
struct Part {
    typ: TokenStream,
    value: TokenStream,
}

/// A key as a type, and as an expression that makes it from `self`.
pub(super) struct Key {
    pub(super) typ: TokenStream,
    pub(super) value: TokenStream,
}

/// The key of a struct: its own columns that `is_part`, and `within` of flattened fields, in the order of the fields.
fn key(definition: &Definition, is_part: fn(Role) -> bool, within: &str, method: &str) -> Key {
    let mapper = definition.mapper();
    let [within, method] = [within, method].map(|name| quote::format_ident!("{name}"));
    let mut parts: Vec<Part> = Vec::new();
    let mut own: Vec<(TokenStream, TokenStream)> = Vec::new();
    let close = |own: &mut Vec<(TokenStream, TokenStream)>, parts: &mut Vec<Part>| {
        if !own.is_empty() {
            let (types, values): (Vec<_>, Vec<_>) = own.drain(..).unzip();
            parts.push(Part { typ: quote!((#(#types,)*)), value: quote!((#(#values,)*)) });
        }
    };
    for (place, field) in definition.record.fields.iter().enumerate() {
        let (typ, ident) = (&field.typ, &field.ident);
        if field.flatten {
            close(&mut own, &mut parts);
            parts.push(Part {
                typ: quote!(<#typ as #mapper::ModelFields>::#within),
                value: quote!(#mapper::ModelFields::#method(&self.#ident)),
            });
        } else if definition.attributes.of(place).role.is_some_and(|(role, _)| is_part(role)) {
            own.push((quote!(#typ), quote!(::core::clone::Clone::clone(&self.#ident))));
        }
    }
    close(&mut own, &mut parts);
    let parts = parts.into_iter().map(|Part { typ, value }| Key { typ, value });
    parts
        .reduce(|before, next| joined(&mapper, &before, &next))
        .unwrap_or(Key { typ: quote!(()), value: quote!(()) })
}

/// Both keys, one after the other.
pub(super) fn joined(mapper: &TokenStream, before: &Key, next: &Key) -> Key {
    let (before_type, before_value) = (&before.typ, &before.value);
    let (next_type, next_value) = (&next.typ, &next.value);
    Key {
        typ: quote!(<#before_type as #mapper::derived::Join<#next_type>>::Joined),
        value: quote!(#mapper::derived::Join::join(#before_value, #next_value)),
    }
}

/// The partition key.
pub(super) fn partition(definition: &Definition) -> Key {
    key(definition, |role| role == Role::Partition, "PartitionKey", "partition_key")
}

/// The clustering key.
pub(super) fn clustering(definition: &Definition) -> Key {
    key(definition, |role| matches!(role, Role::Clustering { .. }), "ClusteringKey", "clustering_key")
}

/// The primary key; a plain tuple where there are no flattened fields.
pub(super) fn primary(definition: &Definition) -> Key {
    if definition.record.flattened().next().is_some() {
        return joined(&definition.mapper(), &partition(definition), &clustering(definition));
    }
    let columns = |is_part: fn(Role) -> bool| {
        let columns = definition.columns();
        columns.filter(move |(_, column)| column.role.is_some_and(|(role, _)| is_part(role)))
    };
    let all = columns(|role| role == Role::Partition)
        .chain(columns(|role| matches!(role, Role::Clustering { .. })));
    let (types, idents): (Vec<_>, Vec<_>) = all.map(|(field, _)| (&field.typ, &field.ident)).unzip();
    Key { typ: quote!((#(#types,)*)), value: quote!((#(::core::clone::Clone::clone(&self.#idents),)*)) }
}
