//! What is asked of the values before they are written.

use proc_macro2::TokenStream;
use quote::quote;

use super::Definition;
use super::attributes::ColumnAttributes;
use super::checks::inner_of_option;
use crate::fields::Field;

/// The body of `validate` of a model or of shared fields.
pub(super) fn of_fields(definition: &Definition) -> TokenStream {
    let mapper = definition.mapper();
    let checks =
        definition.record.fields.iter().enumerate().filter(|(_, field)| !field.skip).map(|(place, field)| {
            let ident = &field.ident;
            match field.flatten {
                true => quote!(#mapper::ModelFields::validate(&self.#ident)?;),
                false => of_field(field, definition.attributes.of(place), &mapper),
            }
        });
    let own = definition.attributes.validate.as_ref().map(|function| quote!(#function(self)?;));
    quote! {
        #(#checks)*
        #own
        ::core::result::Result::Ok(())
    }
}

/// The checks of one value, as statements.
fn of_field(field: &Field, attributes: &ColumnAttributes, mapper: &TokenStream) -> TokenStream {
    let Field { ident, column, typ, .. } = field;
    let derived = quote!(#mapper::derived);
    let mut checks = quote! {
        #mapper::ColumnType::validate(&self.#ident).map_err(|error| error.within(#column))?;
    };
    if attributes.required {
        checks.extend(quote!(#derived::check_present(#column, &self.#ident)?;));
    }
    let least = attributes.min_len.as_ref().map(|least| quote!(#least));
    if attributes.required && least.is_none() {
        checks.extend(quote!(#derived::check_not_empty(#column, &self.#ident)?;));
    }
    if least.is_some() || attributes.max_len.is_some() {
        let least = least.unwrap_or_else(|| quote!(0));
        let most = attributes
            .max_len
            .as_ref()
            .map_or_else(|| quote!(::core::primitive::usize::MAX), |most| quote!(#most));
        checks.extend(quote!(#derived::check_length(#column, &self.#ident, #least, #most)?;));
    }
    if attributes.ascii {
        checks.extend(quote!(#derived::check_ascii(#column, &self.#ident)?;));
    }
    if let Some(function) = &attributes.validate {
        checks.extend(match inner_of_option(typ) {
            Some(_) => quote! {
                if let ::core::option::Option::Some(value) = &self.#ident {
                    #derived::of_function(#column, #function(value))?;
                }
            },
            None => quote!(#derived::of_function(#column, #function(&self.#ident))?;),
        });
    }
    checks
}
