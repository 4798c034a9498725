//! `impl Model`

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use super::{Definition, keys, names};

/// The implementation for a struct.
pub(super) fn implementation(definition: &Definition) -> TokenStream {
    let (record, mapper) = (&definition.record, definition.mapper());
    let name = &record.name;
    let attributes = &definition.attributes;
    let table = attributes.table.as_ref().map_or_else(|| names::snake_case(&name.to_string()), LitStr::value);
    let keyspace = keyspace(attributes.keyspace.as_ref());
    let options = attributes.options.iter().map(|option| option.expression(&mapper));
    let keys::Key { typ, value } = keys::primary(definition);

    quote! {
        #[automatically_derived]
        impl #mapper::Model for #name {
            type PrimaryKey = #typ;

            fn table() -> &'static #mapper::TableDefinition {
                static TABLE: ::std::sync::OnceLock<#mapper::TableDefinition> = ::std::sync::OnceLock::new();
                TABLE.get_or_init(|| #mapper::TableDefinition {
                    keyspace: #keyspace,
                    name: ::std::borrow::Cow::Borrowed(#table),
                    columns: <Self as #mapper::ModelFields>::columns().to_vec(),
                    options: ::std::vec![#(#options),*],
                    discriminator: ::core::option::Option::None,
                })
            }

            fn primary_key(&self) -> Self::PrimaryKey {
                #value
            }
        }
    }
}

/// The keyspace a model names, as an expression.
pub(super) fn keyspace(name: Option<&LitStr>) -> TokenStream {
    match name {
        Some(name) => quote!(::core::option::Option::Some(::std::borrow::Cow::Borrowed(#name))),
        None => quote!(::core::option::Option::None),
    }
}
