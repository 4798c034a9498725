//! `impl ModelFields` for an enum.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::definition::Variants;
use crate::model::attributes::{Role, index_definition};
use crate::model::keys::{Key, joined};

impl Variants {
    /// `ModelFields`
    pub(super) fn fields(&self) -> TokenStream {
        let (name, mapper) = (&self.name, self.mapper());
        let (types, idents, values) = (self.types(), self.idents(), self.values());
        let places: Vec<usize> = (0..types.len()).collect();
        let library = &self.library;
        let protocol = quote!(#library::protocol);
        let text = name.to_string();
        let discriminator = self.discriminator_definition();
        let first = types[0];
        let key = |within: &str, method: &str, leads: bool| {
            let [within, method] = [within, method].map(|name| format_ident!("{name}"));
            let rest = Key {
                typ: quote!(<#first as #mapper::ModelFields>::#within),
                value: quote!(match self { #(Self::#idents(row) => #mapper::ModelFields::#method(row),)* }),
            };
            if !leads {
                return rest;
            }
            let kind = Key {
                typ: quote!((::std::string::String,)),
                value: quote!((::std::string::String::from(kind(self)),)),
            };
            joined(&mapper, &kind, &rest)
        };
        let role = self.discriminator.role;
        // Only where the discriminator is part of a key.
        let kind_of_row = role.map(|_| {
            quote! {
                fn kind(row: &#name) -> &'static str {
                    match row {
                        #(#name::#idents(_) => #values,)*
                    }
                }
            }
        });
        let partition = key("PartitionKey", "partition_key", role == Some(Role::Partition));
        let clustering =
            key("ClusteringKey", "clustering_key", matches!(role, Some(Role::Clustering { .. })));
        let (partition_type, partition_value) = (partition.typ, partition.value);
        let (clustering_type, clustering_value) = (clustering.typ, clustering.value);
        quote! {
            /// The columns of all variants.
            fn union() -> &'static #mapper::derived::Union {
                static UNION: ::std::sync::OnceLock<#mapper::derived::Union> = ::std::sync::OnceLock::new();
                UNION.get_or_init(|| {
                    #mapper::derived::Union::new(
                        #text,
                        #discriminator,
                        ::std::vec![#((#values, <#types as #mapper::ModelFields>::columns())),*],
                    )
                })
            }

            #kind_of_row

            #[automatically_derived]
            impl #mapper::ModelFields for #name {
                type PartitionKey = #partition_type;
                type ClusteringKey = #clustering_type;

                fn columns() -> &'static [#mapper::ColumnDefinition] {
                    union().columns()
                }

                fn value(
                    &self,
                    column: usize,
                ) -> &(dyn #protocol::value::ToCql + ::core::marker::Send + ::core::marker::Sync) {
                    match self {
                        #(Self::#idents(row) => union().value(#places, row, column),)*
                    }
                }

                fn is_null(&self, column: usize) -> bool {
                    match self {
                        #(Self::#idents(row) => union().is_null(#places, row, column),)*
                    }
                }

                fn validate(&self) -> ::core::result::Result<(), #mapper::ValidationError> {
                    match self {
                        #(Self::#idents(row) => #mapper::ModelFields::validate(row),)*
                    }
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

    /// The definition of the discriminator's column, as an expression.
    fn discriminator_definition(&self) -> TokenStream {
        let (mapper, column) = (self.mapper(), &self.discriminator.column);
        let definition = quote!(#mapper::ColumnDefinition::of::<::std::string::String>(#column, #column));
        let definition = match self.discriminator.role {
            Some(Role::Partition) => quote!(#definition.partition_key()),
            Some(Role::Clustering { .. }) => {
                quote!(#definition.clustering_key(#mapper::ClusteringOrder::Ascending))
            }
            _ => definition,
        };
        match &self.discriminator.index {
            Some(index) => {
                let index = index_definition(index, &mapper);
                quote!(#definition.indexed(#index))
            }
            None => definition,
        }
    }
}
