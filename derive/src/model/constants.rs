//! A constant for each column: its typed handle.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::Definition;
use super::checks::inner_of_option;
use crate::fields::Field;

/// The name of the constant of a field.
pub(super) fn constant_name(field: &Field) -> Ident {
    let name = field.ident.unraw().to_string().to_uppercase();
    // A field such as `self_` becomes a word that is none of Rust's, in capitals: only `_` would not do.
    Ident::new(&name, field.ident.span())
}

/// The constants of all columns that the struct has itself.
pub(super) fn constants(definition: &Definition) -> TokenStream {
    let record = &definition.record;
    let (name, mapper) = (&record.name, definition.mapper());
    let constants = record.columns().map(|field| {
        let Field { vis, column, docs, .. } = field;
        let constant = constant_name(field);
        let typ = inner_of_option(&field.typ).unwrap_or(&field.typ);
        let fallback = docs.is_empty().then(|| {
            let text = format!("The column `{column}`.");
            quote!(#[doc = #text])
        });
        quote! {
            #(#docs)*
            #fallback
            #vis const #constant: #mapper::Column<Self, #typ> = #mapper::Column::named(#column);
        }
    });
    quote! {
        #[automatically_derived]
        #[allow(dead_code, non_upper_case_globals)]
        impl #name {
            #(#constants)*
        }
    }
}
