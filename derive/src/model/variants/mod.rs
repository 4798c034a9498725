//! `#[derive(Model)]` on an enum: several kinds of rows in one table, told apart by a column. `definition` is what is written there,
//! `fields` the implementation of `ModelFields`; the others are here.

mod definition;
mod fields;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Type};

use super::attributes::Role;
use super::keys::{Key, joined};
use super::table;
use definition::{EnumAttributes, Variant, Variants};

/// Everything for an enum.
pub(super) fn expand(input: DeriveInput) -> Result<TokenStream, Error> {
    let variants = Variants::parse(input)?;
    let (rows, fields) = (variants.rows(), variants.fields());
    let (model, constant, mapper) = (variants.model(), variants.constant(), variants.mapper());
    let led = variants.discriminator.role == Some(Role::Partition);
    let checks = variants.variants.iter().map(|Variant { typ, .. }| {
        quote_spanned!(typ.span()=> const _: () = <#typ as #mapper::ModelFields>::SHAPE.check_table(#led);)
    });
    Ok(quote! {
        // Names in here are nobody else's.
        const _: () = {
            #fields
            #(#checks)*
        };
        #rows
        #model
        #constant
    })
}

impl Variants {
    fn mapper(&self) -> TokenStream {
        let library = &self.library;
        quote!(#library::mapper)
    }

    fn types(&self) -> Vec<&Type> {
        self.variants.iter().map(|variant| &variant.typ).collect()
    }

    fn idents(&self) -> Vec<&Ident> {
        self.variants.iter().map(|variant| &variant.ident).collect()
    }

    fn values(&self) -> Vec<&str> {
        self.variants.iter().map(|variant| &*variant.value).collect()
    }

    /// `FromRow` and `IntoRow`
    fn rows(&self) -> TokenStream {
        let (name, mapper, column) = (&self.name, self.mapper(), &self.discriminator.column);
        let (types, idents, values) = (self.types(), self.idents(), self.values());
        let library = &self.library;
        let protocol = quote!(#library::protocol);
        quote! {
            #[automatically_derived]
            impl<'__frame> #protocol::row::FromRow<'__frame> for #name {
                fn check(
                    columns: &[#protocol::types::ColumnSpec],
                ) -> ::core::result::Result<(), #protocol::ValueError> {
                    #mapper::derived::check_kind(columns, #column)?;
                    #(<#types as #protocol::row::FromRow<'__frame>>::check(columns)?;)*
                    ::core::result::Result::Ok(())
                }

                fn from_row(
                    columns: &'__frame [#protocol::types::ColumnSpec],
                    row: &mut #protocol::row::RowCells<'__frame>,
                ) -> ::core::result::Result<Self, #protocol::ValueError> {
                    let (place, kind) = #mapper::derived::kind_of(columns, row, #column)?;
                    match kind {
                        #(#values => #protocol::row::FromRow::from_row(columns, row).map(Self::#idents),)*
                        unknown => ::core::result::Result::Err(
                            #mapper::derived::unknown_kind(unknown, &[#(#values),*]).in_column(place, #column),
                        ),
                    }
                }
            }

            #[automatically_derived]
            impl #protocol::row::IntoRow for #name {
                fn write_row(
                    &self,
                    columns: &[#protocol::types::ColumnSpec],
                    out: &mut #protocol::row::RowWriter<'_>,
                ) -> ::core::result::Result<(), #protocol::ValueError> {
                    match self {
                        #(Self::#idents(row) => #mapper::derived::write_kind::<Self, _>(row, #column, #values, columns, out),)*
                    }
                }
            }
        }
    }

    /// `Model`
    fn model(&self) -> TokenStream {
        let (name, mapper, column) = (&self.name, self.mapper(), &self.discriminator.column);
        let EnumAttributes { table, keyspace, options, .. } = &self.attributes;
        let values = self.values();
        let partition = Key {
            typ: quote!(<Self as #mapper::ModelFields>::PartitionKey),
            value: quote!(#mapper::ModelFields::partition_key(self)),
        };
        let clustering = Key {
            typ: quote!(<Self as #mapper::ModelFields>::ClusteringKey),
            value: quote!(#mapper::ModelFields::clustering_key(self)),
        };
        let discriminator = quote! {
            ::core::option::Option::Some(#mapper::Discriminator {
                column: ::std::borrow::Cow::Borrowed(#column),
                values: ::std::vec![#(::std::borrow::Cow::Borrowed(#values)),*],
            })
        };
        let key = joined(&mapper, &partition, &clustering);
        table::model(name, &mapper, table.as_ref(), keyspace.as_ref(), options, &discriminator, &key)
    }

    /// The handle on the discriminator.
    fn constant(&self) -> TokenStream {
        let (name, vis, mapper, column) = (&self.name, &self.vis, self.mapper(), &self.discriminator.column);
        let capitals = column.value().to_uppercase();
        let Ok(constant) = syn::parse_str::<Ident>(&capitals) else {
            // A column of which no name of Rust can be made is reached by `Column::named`.
            return TokenStream::new();
        };
        let text = format!("The column `{}`, which tells the variants apart.", column.value());
        quote! {
            #[automatically_derived]
            #[allow(dead_code)]
            impl #name {
                #[doc = #text]
                #vis const #constant: #mapper::Column<Self, ::std::string::String> = #mapper::Column::named(#column);
            }
        }
    }
}
