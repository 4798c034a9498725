//! What is checked when the whole of a model is known: after expansion, with the flattened fields of other structs.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::Definition;
use super::attributes::{Kind, Role};

/// The associated constant of `ModelFields`.
pub(super) fn constant(definition: &Definition) -> TokenStream {
    let mapper = definition.mapper();
    let names = definition.columns().map(|(field, _)| &field.column);
    let parts = definition.record.flattened().map(|field| {
        let typ = &field.typ;
        quote!(&<#typ as #mapper::ModelFields>::SHAPE)
    });
    let count = |is: fn(Role) -> bool| {
        definition.columns().filter(|(_, column)| column.role.is_some_and(|(role, _)| is(role))).count()
    };
    let is_key = |role: Role| role != Role::Static;
    let counters_of = |of_key: bool| {
        let columns = definition
            .columns()
            .filter(move |(_, column)| column.role.is_some_and(|(role, _)| is_key(role)) == of_key)
            .map(|(field, _)| &field.typ);
        quote!(0 #(+ <#columns as #mapper::ColumnType>::COUNTER as usize)*)
    };
    let (in_key, beside) = (counters_of(true), counters_of(false));
    let partition = count(|role| role == Role::Partition);
    let clustering = count(|role| matches!(role, Role::Clustering { .. }));
    let statics = count(|role| role == Role::Static);
    let others = definition.columns().count() - partition - clustering;
    quote! {
        const SHAPE: #mapper::derived::Shape = #mapper::derived::Shape {
            known: true,
            names: &[#(#names),*],
            parts: &[#(#parts),*],
            partition: #partition,
            clustering: #clustering,
            statics: #statics,
            counters: (#in_key) + (#beside),
            counters_in_key: #in_key,
            plain: #others - (#beside),
        };
    }
}

/// The check itself.
pub(super) fn check(definition: &Definition) -> TokenStream {
    let (name, mapper) = (&definition.record.name, definition.mapper());
    let check = match definition.attributes.kind() {
        Kind::Model => quote!(check_table(false)),
        Kind::Fields | Kind::UserType => quote!(check_columns()),
    };
    quote_spanned! {name.span()=>
        const _: () = <#name as #mapper::ModelFields>::SHAPE.#check;
    }
}
