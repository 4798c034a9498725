//! `impl Default`, where it is asked for.

use proc_macro2::TokenStream;
use quote::quote;

use super::Definition;

/// `default = ..` of each field, or the default of its type.
pub(super) fn implementation(definition: &Definition) -> Option<TokenStream> {
    if !definition.attributes.default {
        return None;
    }
    let name = &definition.record.name;
    let fields = definition.record.fields.iter().map(|field| {
        let ident = &field.ident;
        match &field.default_value {
            Some(value) => quote!(#ident: #value),
            None => quote!(#ident: ::core::default::Default::default()),
        }
    });
    Some(quote! {
        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self {
                Self { #(#fields,)* }
            }
        }
    })
}
