//! `#[derive(Model)]` on an enum: several kinds of rows in one table, told apart by a column.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Fields, LitStr, Path, Token, Type, Visibility, token,
};

use super::attributes::{Index, Role, index_definition, name, once, place};
use super::keys::{Key, joined};
use super::options::{self, TableOption};
use super::{names, table};
use crate::fields::{Extension, library_path, name_of};

/// An enum of tuple variants with one struct of shared fields each.
struct Variants {
    name: Ident,
    vis: Visibility,
    library: Path,
    attributes: EnumAttributes,
    discriminator: Discriminator,
    variants: Vec<Variant>,
}

struct Variant {
    ident: Ident,
    typ: Type,
    value: String,
}

/// What is written at the enum.
#[derive(Default)]
struct EnumAttributes {
    table: Option<LitStr>,
    keyspace: Option<LitStr>,
    options: Vec<TableOption>,
    discriminator: Option<Discriminator>,
}

/// The column that tells the variants apart.
struct Discriminator {
    column: LitStr,
    role: Option<Role>,
    index: Option<Index>,
}

impl Extension for EnumAttributes {
    const OF_STRUCT: &'static str = "an enum has `discriminator = \"column\"`, `table = \"name\"`, `keyspace = \"name\"`, \
         `options(name = value)` and `crate = \"path\"`";
    const OF_FIELD: &'static str = "a variant has `value = \"..\"`";

    fn struct_attribute(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        let path = &meta.path;
        if path.is_ident("table") {
            once(&mut self.table, meta, place(meta)?)?;
        } else if path.is_ident("keyspace") {
            once(&mut self.keyspace, meta, place(meta)?)?;
        } else if path.is_ident("options") {
            self.options.extend(options::parse(meta)?);
        } else if path.is_ident("discriminator") {
            once(&mut self.discriminator, meta, Discriminator::parse(meta)?)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn field_attribute(&mut self, _: usize, _: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        Ok(false)
    }
}

impl Discriminator {
    /// `discriminator = "kind"` or `discriminator(name = "kind", index)`
    fn parse(meta: &ParseNestedMeta<'_>) -> Result<Self, Error> {
        if meta.input.peek(Token![=]) {
            return Ok(Self { column: name(meta)?, role: None, index: None });
        }
        let wanted =
            "a discriminator is `discriminator = \"column\"` or `discriminator(name = \"column\", index)`";
        if !meta.input.peek(token::Paren) {
            return Err(meta.error(wanted));
        }
        let (mut column, mut role, mut index) = (None, None, None);
        meta.parse_nested_meta(|part| {
            if part.path.is_ident("name") {
                once(&mut column, &part, name(&part)?)
            } else if part.path.is_ident("index") {
                once(&mut index, &part, Index::parse(&part)?)
            } else if part.path.is_ident("partition_key") {
                once(&mut role, &part, Role::Partition)
            } else if part.path.is_ident("clustering_key") {
                once(&mut role, &part, Role::Clustering { descending: false })
            } else {
                let known = "there are `name`, `index`, `partition_key` and `clustering_key`";
                Err(part.error(format!("unknown attribute `{}` of a discriminator; {known}", name_of(&part))))
            }
        })?;
        let column = column.ok_or_else(|| meta.error(wanted))?;
        Ok(Self { column, role, index })
    }
}

impl Variants {
    fn parse(input: DeriveInput) -> Result<Self, Error> {
        let Data::Enum(DataEnum { variants, .. }) = &input.data else {
            unreachable!("asked for enums only");
        };
        if let Some(parameter) = input.generics.params.first() {
            let message = "a model owns its values and stands for one table: it has no type parameters and no lifetimes";
            return Err(Error::new_spanned(parameter, message));
        }
        let mut attributes = EnumAttributes::default();
        let library = library_path(&input.attrs, &mut attributes)?;
        let Some(discriminator) = attributes.discriminator.take() else {
            let message =
                "what kind a row is stands in a column: name it with `#[chorus(discriminator = \"kind\")]`";
            return Err(Error::new(input.ident.span(), message));
        };
        if variants.is_empty() {
            return Err(Error::new(input.ident.span(), "an enum without variants has no rows"));
        }
        let variants = variants.iter().map(Variant::parse).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashMap::new();
        for variant in &variants {
            if let Some(first) = seen.insert(&variant.value, &variant.ident) {
                let message = format!("value \"{}\" already stands for `{first}`", variant.value);
                return Err(Error::new(variant.ident.span(), message));
            }
        }
        Ok(Self { name: input.ident, vis: input.vis, library, attributes, discriminator, variants })
    }
}

impl Variant {
    fn parse(variant: &syn::Variant) -> Result<Self, Error> {
        let typ = match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed[0].ty.clone(),
            _ => {
                let message = "a variant holds one struct with `#[derive(ModelFields)]`: `Cat(Cat)`";
                return Err(Error::new(variant.span(), message));
            }
        };
        let value = value_of(&variant.attrs)?;
        let value =
            value.map_or_else(|| names::snake_case(&variant.ident.to_string()), |value| value.value());
        Ok(Self { ident: variant.ident.clone(), typ, value })
    }
}

/// `#[chorus(value = "cat")]`
fn value_of(attributes: &[Attribute]) -> Result<Option<LitStr>, Error> {
    let mut value = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("chorus")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("value") {
                return once(&mut value, &meta, name(&meta)?);
            }
            Err(meta.error(format!("unknown attribute `{}`; {}", name_of(&meta), EnumAttributes::OF_FIELD)))
        })?;
    }
    Ok(value)
}

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

    /// `ModelFields`
    fn fields(&self) -> TokenStream {
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
        let helper = role.map(|_| {
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

            #helper

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

    /// `Model`
    fn model(&self) -> TokenStream {
        let (name, mapper, column) = (&self.name, self.mapper(), &self.discriminator.column);
        let EnumAttributes { table, keyspace, options, .. } = &self.attributes;
        let table = table.as_ref().map_or_else(|| names::snake_case(&name.to_string()), LitStr::value);
        let keyspace = table::keyspace(keyspace.as_ref());
        let options = options.iter().map(|option| option.expression(&mapper));
        let values = self.values();
        let partition = Key {
            typ: quote!(<Self as #mapper::ModelFields>::PartitionKey),
            value: quote!(#mapper::ModelFields::partition_key(self)),
        };
        let clustering = Key {
            typ: quote!(<Self as #mapper::ModelFields>::ClusteringKey),
            value: quote!(#mapper::ModelFields::clustering_key(self)),
        };
        let Key { typ, value } = joined(&mapper, &partition, &clustering);
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
                        discriminator: ::core::option::Option::Some(#mapper::Discriminator {
                            column: ::std::borrow::Cow::Borrowed(#column),
                            values: ::std::vec![#(::std::borrow::Cow::Borrowed(#values)),*],
                        }),
                    })
                }

                fn primary_key(&self) -> Self::PrimaryKey {
                    #value
                }
            }
        }
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
