//! What is written at an enum and its variants.

use std::collections::HashMap;

use proc_macro2::Ident;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Fields, LitStr, Path, Token, Type, Visibility, token,
};

use crate::fields::{Extension, library_path, name_of};
use crate::model::attributes::{Index, Role, name, once, place};
use crate::model::names;
use crate::model::options::{self, TableOption};

/// An enum of tuple variants with one struct of shared fields each.
pub(super) struct Variants {
    pub(super) name: Ident,
    pub(super) vis: Visibility,
    pub(super) library: Path,
    pub(super) attributes: EnumAttributes,
    pub(super) discriminator: Discriminator,
    pub(super) variants: Vec<Variant>,
}

pub(super) struct Variant {
    pub(super) ident: Ident,
    pub(super) typ: Type,
    pub(super) value: String,
}

/// What is written at the enum.
#[derive(Default)]
pub(super) struct EnumAttributes {
    pub(super) table: Option<LitStr>,
    pub(super) keyspace: Option<LitStr>,
    pub(super) options: Vec<TableOption>,
    pub(super) discriminator: Option<Discriminator>,
}

/// The column that tells the variants apart.
pub(super) struct Discriminator {
    pub(super) column: LitStr,
    pub(super) role: Option<Role>,
    pub(super) index: Option<Index>,
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
    pub(super) fn parse(input: DeriveInput) -> Result<Self, Error> {
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
