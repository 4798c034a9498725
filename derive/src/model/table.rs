//! `impl Model`

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::LitStr;

use super::keys::Key;
use super::options::TableOption;
use super::{Definition, keys, names};

/// The implementation for a struct.
pub(super) fn implementation(definition: &Definition) -> TokenStream {
    let (record, mapper, attributes) = (&definition.record, definition.mapper(), &definition.attributes);
    let (table, keyspace) = (attributes.table.as_ref(), attributes.keyspace.as_ref());
    let none = quote!(::core::option::Option::None);
    let key = keys::primary(definition);
    model(&record.name, &mapper, table, keyspace, &attributes.options, &none, &key)
}

/// `impl Model` for a type that has its columns already; `discriminator` is an expression.
pub(super) fn model(
    name: &Ident,
    mapper: &TokenStream,
    table: Option<&LitStr>,
    keyspace: Option<&LitStr>,
    options: &[TableOption],
    discriminator: &TokenStream,
    key: &Key,
) -> TokenStream {
    let table = table.map_or_else(|| names::snake_case(&name.to_string()), LitStr::value);
    let keyspace = match keyspace {
        Some(keyspace) => quote!(::core::option::Option::Some(::std::borrow::Cow::Borrowed(#keyspace))),
        None => quote!(::core::option::Option::None),
    };
    let options = options.iter().map(|option| option.expression(mapper));
    let Key { typ, value } = key;

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
                    discriminator: #discriminator,
                })
            }

            fn primary_key(&self) -> Self::PrimaryKey {
                #value
            }
        }
    }
}
