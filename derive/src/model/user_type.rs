//! `#[derive(UserType)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr};

use super::attributes::Kind;
use super::{Definition, default, names, validation};
use crate::fields::Field;
use crate::udt;

/// `ToCql`, `FromCql` and `ColumnType` of a struct.
pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream, Error> {
    let mut definition = Definition::parse(input, Kind::UserType)?;
    definition.record = definition.record.without_flattened()?;
    let (from_cql, to_cql) = (udt::from_cql(&definition.record), udt::to_cql(&definition.record));
    let (column_type, default) = (column_type(&definition), default::implementation(&definition));
    Ok(quote!(#from_cql #to_cql #column_type #default))
}

fn column_type(definition: &Definition) -> TokenStream {
    let (record, mapper) = (&definition.record, definition.mapper());
    let name = &record.name;
    let type_name = definition.attributes.type_name.as_ref();
    let type_name = type_name.map_or_else(|| names::snake_case(&name.to_string()), LitStr::value);
    let fields = definition.columns().map(|(Field { column, typ, .. }, attributes)| {
        let typ = match attributes.ascii {
            true => quote!(#mapper::TypeDefinition::plain(#mapper::derived::ASCII)),
            false => quote!(<#typ as #mapper::ColumnType>::definition()),
        };
        quote!((#column, #typ))
    });
    let validate = validation::of_fields(definition);
    quote! {
        #[automatically_derived]
        impl #mapper::ColumnType for #name {
            fn definition() -> #mapper::TypeDefinition {
                #mapper::TypeDefinition::user_type(#type_name, [#(#fields),*])
            }

            fn validate(&self) -> ::core::result::Result<(), #mapper::ValidationError> {
                #validate
            }
        }
    }
}
