//! `impl ModelFields`

use proc_macro2::TokenStream;
use quote::quote;

use super::attributes::{ColumnAttributes, Role, index_definition};
use super::{Definition, keys, shape, validation};
use crate::fields::Field;

/// The implementation for a struct.
pub(super) fn implementation(definition: &Definition) -> TokenStream {
    let (name, mapper) = (&definition.record.name, definition.mapper());
    let columns =
        definition.record.fields.iter().enumerate().filter(|(_, field)| !field.skip).map(|(place, field)| {
            let typ = &field.typ;
            match field.flatten {
                true => quote!(columns.extend_from_slice(<#typ as #mapper::ModelFields>::columns());),
                false => {
                    let column = column(field, definition.attributes.of(place), &mapper);
                    quote!(columns.push(#column);)
                }
            }
        });
    let value = by_place(
        definition,
        |field, _| {
            let ident = &field.ident;
            quote!(&self.#ident)
        },
        "value",
    );
    let is_null = by_place(
        definition,
        |field, attributes| {
            let ident = &field.ident;
            let null = quote!(#mapper::ColumnType::is_null(&self.#ident));
            let frozen = matches!(attributes.frozen, Some((true, _)))
                || attributes.role.is_some_and(|(role, _)| role != Role::Static);
            match frozen {
                true => null,
                false => quote!(#null || #mapper::ColumnType::is_empty_collection(&self.#ident)),
            }
        },
        "is_null",
    );
    let (partition, clustering) = (keys::partition(definition), keys::clustering(definition));
    let (partition_type, partition_value) = (partition.typ, partition.value);
    let (clustering_type, clustering_value) = (clustering.typ, clustering.value);
    let protocol = &definition.record.protocol;
    let (validate, shape) = (validation::of_fields(definition), shape::constant(definition));

    quote! {
        #[automatically_derived]
        #[allow(clippy::unused_unit)]
        impl #mapper::ModelFields for #name {
            type PartitionKey = #partition_type;
            type ClusteringKey = #clustering_type;

            #shape

            fn columns() -> &'static [#mapper::ColumnDefinition] {
                static COLUMNS: ::std::sync::OnceLock<::std::vec::Vec<#mapper::ColumnDefinition>> =
                    ::std::sync::OnceLock::new();
                COLUMNS.get_or_init(|| {
                    let mut columns = ::std::vec::Vec::new();
                    #(#columns)*
                    columns
                })
            }

            fn value(
                &self,
                column: usize,
            ) -> &(dyn #protocol::value::ToCql + ::core::marker::Send + ::core::marker::Sync) {
                #value
            }

            fn is_null(&self, column: usize) -> bool {
                #is_null
            }

            fn validate(&self) -> ::core::result::Result<(), #mapper::ValidationError> {
                #validate
            }

            fn partition_key(&self) -> Self::PartitionKey {
                #partition_value
            }

            fn clustering_key(&self) -> Self::ClusteringKey {
                #clustering_value
            }
        }
    }
}

/// The definition of one column, as an expression.
fn column(field: &Field, attributes: &ColumnAttributes, mapper: &TokenStream) -> TokenStream {
    let Field { typ, column, ident, .. } = field;
    let ident = syn::ext::IdentExt::unraw(ident).to_string();
    let mut definition = quote!(#mapper::ColumnDefinition::of::<#typ>(#column, #ident));
    if attributes.ascii {
        definition = quote!(#definition.ascii());
    }
    if attributes.required {
        definition = quote!(#definition.required());
    }
    if let Some((frozen, _)) = attributes.frozen {
        definition = quote!(#definition.frozen(#frozen));
    }
    definition = match attributes.role {
        None => definition,
        Some((Role::Partition, _)) => quote!(#definition.partition_key()),
        Some((Role::Static, _)) => quote!(#definition.of_partition()),
        Some((Role::Clustering { descending }, _)) => {
            let order = quote::format_ident!("{}", if descending { "Descending" } else { "Ascending" });
            quote!(#definition.clustering_key(#mapper::ClusteringOrder::#order))
        }
    };
    if let Some((index, _)) = &attributes.index {
        let index = index_definition(index, mapper);
        definition = quote!(#definition.indexed(#index));
    }
    definition
}

/// Finds a column by its place: an expression for one of the struct's own, `method` of a flattened field for its columns.
fn by_place(
    definition: &Definition,
    own: impl Fn(&Field, &ColumnAttributes) -> TokenStream,
    method: &str,
) -> TokenStream {
    let (mapper, method) = (definition.mapper(), quote::format_ident!("{method}"));
    let text = definition.record.name.to_string();
    let mut steps = TokenStream::new();
    let mut run: Vec<TokenStream> = Vec::new();
    let close = |run: &mut Vec<TokenStream>, steps: &mut TokenStream| {
        if run.is_empty() {
            return;
        }
        let (count, places, values) = (run.len(), 0..run.len(), std::mem::take(run));
        steps.extend(quote! {
            match column {
                #(#places => return #values,)*
                _ => {}
            }
            let column = column - #count;
        });
    };
    for (place, field) in definition.record.fields.iter().enumerate().filter(|(_, field)| !field.skip) {
        if !field.flatten {
            run.push(own(field, definition.attributes.of(place)));
            continue;
        }
        close(&mut run, &mut steps);
        let (typ, ident) = (&field.typ, &field.ident);
        steps.extend(quote! {
            let count = <#typ as #mapper::ModelFields>::columns().len();
            if column < count {
                return #mapper::ModelFields::#method(&self.#ident, column);
            }
            let column = column - count;
        });
    }
    close(&mut run, &mut steps);
    quote! {
        #steps
        let _ = column;
        #mapper::derived::no_such_column(#text)
    }
}
