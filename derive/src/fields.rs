//! What a macro was applied to, and with which attributes.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Fields, GenericParam, Generics, Ident, Lifetime, LitStr, Path,
    Token, Type, Visibility, token,
};

/// The attributes that a derive has beside those of all.
pub(crate) trait Extension {
    /// Which there are on a struct, for whoever wrote another.
    const OF_STRUCT: &'static str;
    /// Which there are on a field.
    const OF_FIELD: &'static str;

    /// Takes an attribute of the struct; false when it is none of these.
    fn struct_attribute(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool, Error>;

    /// Takes an attribute of the field of that place; false when it is none of these.
    fn field_attribute(&mut self, place: usize, meta: &ParseNestedMeta<'_>) -> Result<bool, Error>;
}

/// None beside those of all.
impl Extension for () {
    const OF_STRUCT: &'static str = "there is `crate = \"path\"`";
    const OF_FIELD: &'static str = "there are `rename = \"name\"`, `default`, `skip` and `flatten`";

    fn struct_attribute(&mut self, _: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        Ok(false)
    }

    fn field_attribute(&mut self, _: usize, _: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        Ok(false)
    }
}

/// A struct with named fields.
pub(crate) struct Record {
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    /// `chorus`, wherever that is.
    pub(crate) library: Path,
    /// `chorus::protocol`, wherever that is.
    pub(crate) protocol: TokenStream,
    /// The lifetime of borrowed fields, or one nobody else uses.
    pub(crate) frame: Lifetime,
    pub(crate) fields: Vec<Field>,
}

/// One field of it.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    /// What is written above it.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) typ: Type,
    /// Name of its column, or of its field in the user type.
    pub(crate) column: String,
    /// The column may be missing.
    pub(crate) default: bool,
    /// What it is then; `Default::default()` when this is `None`.
    pub(crate) default_value: Option<Expr>,
    /// There is no column.
    pub(crate) skip: bool,
    /// There is no column of this name: the columns of the field's own fields stand in its place.
    pub(crate) flatten: bool,
}

impl Record {
    pub(crate) fn parse(input: DeriveInput) -> Result<Self, Error> {
        Self::parse_with(input, &mut ())
    }

    /// The same with further attributes.
    pub(crate) fn parse_with<E: Extension>(input: DeriveInput, extension: &mut E) -> Result<Self, Error> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(input.ident.span(), "only structs can be rows or user types"));
        };
        let Fields::Named(named) = &data.fields else {
            let message = "columns are found by name, so the struct needs named fields; \
                           tuples are read and written by position without a macro";
            return Err(Error::new(input.ident.span(), message));
        };
        let library = library_path(&input.attrs, extension)?;
        let frame = frame_lifetime(&input.generics)?;
        let fields = named.named.iter().enumerate();
        let fields = fields.map(|(place, field)| Field::parse(place, field, extension));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        refuse_duplicates(&fields)?;
        Ok(Self {
            name: input.ident,
            generics: input.generics,
            protocol: quote!(#library::protocol),
            library,
            frame,
            fields,
        })
    }

    /// Fields that have a column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.has_column())
    }

    /// Fields that stand for several columns.
    pub(crate) fn flattened(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.flatten)
    }

    /// Whether a type parameter is the type of a field that stands for several columns.
    fn is_flattened(&self, parameter: &Ident) -> bool {
        self.flattened().any(|field| matches!(&field.typ, Type::Path(typ) if typ.path.is_ident(parameter)))
    }

    /// For user-defined types, whose fields are those of the type.
    pub(crate) fn without_flattened(self) -> Result<Self, Error> {
        let flattened = self.flattened().next().map(|field| field.ident.span());
        let Some(place) = flattened else { return Ok(self) };
        let message = "`flatten` is for rows; a user-defined type is written and read as a whole, and one within it is a \
                       field like others";
        Err(Error::new(place, message))
    }

    /// The generics of an implementation that reads: with the frame's lifetime, and every type parameter readable.
    pub(crate) fn reading_generics(&self) -> Generics {
        let (protocol, frame) = (&self.protocol, &self.frame);
        let mut generics = self.generics.clone();
        if generics.lifetimes().next().is_none() {
            generics.params.insert(0, GenericParam::Lifetime(syn::LifetimeParam::new(frame.clone())));
        }
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(match self.is_flattened(&parameter.ident) {
                true => syn::parse_quote!(#protocol::row::FromRow<#frame>),
                false => syn::parse_quote!(#protocol::value::FromCql<#frame>),
            });
        }
        generics
    }

    /// The generics of an implementation that writes: every type parameter writable.
    pub(crate) fn writing_generics(&self) -> Generics {
        let protocol = &self.protocol;
        let mut generics = self.generics.clone();
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(match self.is_flattened(&parameter.ident) {
                true => syn::parse_quote!(#protocol::row::IntoNamedRow),
                false => syn::parse_quote!(#protocol::value::ToCql),
            });
        }
        generics
    }
}

/// Reads the attributes of a struct or an enum; returns where the library is.
pub(crate) fn library_path<E: Extension>(attributes: &[Attribute], extension: &mut E) -> Result<Path, Error> {
    let mut library = syn::parse_quote!(::chorus);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("chorus")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                library = text_of(&meta)?.parse()?;
                return Ok(());
            }
            if extension.struct_attribute(&meta)? {
                return Ok(());
            }
            let name = name_of(&meta);
            Err(meta.error(format!("unknown attribute `{name}` of a struct; {}", E::OF_STRUCT)))
        })?;
    }
    Ok(library)
}

/// The name of an attribute as it was written.
pub(crate) fn name_of(meta: &ParseNestedMeta<'_>) -> String {
    let path = &meta.path;
    quote!(#path).to_string()
}

/// The text that an attribute is set to.
pub(crate) fn text_of(meta: &ParseNestedMeta<'_>) -> Result<LitStr, Error> {
    let name = name_of(meta);
    let wanted = |_| meta.error(format!("`{name}` is set to a text in quotes: `{name} = \"..\"`"));
    meta.value().map_err(wanted)?.parse().map_err(wanted)
}

/// Notes an attribute that is there or not.
pub(crate) fn switch(on: &mut bool, meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
    let name = name_of(meta);
    if meta.input.peek(Token![=]) || meta.input.peek(token::Paren) {
        return Err(meta.error(format!("`{name}` takes no value")));
    }
    match std::mem::replace(on, true) {
        false => Ok(()),
        true => Err(meta.error(format!("`{name}` is given twice"))),
    }
}

fn frame_lifetime(generics: &Generics) -> Result<Lifetime, Error> {
    let mut lifetimes = generics.lifetimes();
    let Some(first) = lifetimes.next() else { return Ok(Lifetime::new("'__frame", Span::call_site())) };
    match lifetimes.next() {
        Some(second) => {
            let message = "at most one lifetime: everything is borrowed from one frame";
            Err(Error::new(second.span(), message))
        }
        None => Ok(first.lifetime.clone()),
    }
}

fn refuse_duplicates(fields: &[Field]) -> Result<(), Error> {
    let mut seen = HashMap::new();
    for field in fields.iter().filter(|field| field.has_column()) {
        if let Some(first) = seen.insert(&field.column, &field.ident) {
            let message = format!("column \"{}\" already belongs to field `{first}`", field.column);
            return Err(Error::new(field.ident.span(), message));
        }
    }
    Ok(())
}

impl Field {
    fn parse<E: Extension>(place: usize, field: &syn::Field, extension: &mut E) -> Result<Self, Error> {
        let ident = field.ident.clone().expect("fields of a struct with named fields have names");
        let mut rename: Option<String> = None;
        let (mut default, mut skip, mut flatten) = (false, false, false);
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("chorus")) {
            attribute.parse_nested_meta(|meta| {
                if extension.field_attribute(place, &meta)? {
                    Ok(())
                } else if meta.path.is_ident("rename") {
                    let name = text_of(&meta)?;
                    if name.value().is_empty() {
                        return Err(Error::new(name.span(), "a column's name is not empty: see `rename`"));
                    }
                    match rename.replace(name.value()) {
                        None => Ok(()),
                        Some(_) => Err(meta.error("`rename` is given twice")),
                    }
                } else if meta.path.is_ident("default") {
                    switch(&mut default, &meta)
                } else if meta.path.is_ident("skip") {
                    switch(&mut skip, &meta)
                } else if meta.path.is_ident("flatten") {
                    switch(&mut flatten, &meta)
                } else {
                    let name = name_of(&meta);
                    Err(meta.error(format!("unknown attribute `{name}` of a field; {}", E::OF_FIELD)))
                }
            })?;
        }
        if skip && (rename.is_some() || default || flatten) {
            let message =
                "a field with `skip` has no column: `rename`, `default` and `flatten` mean nothing here";
            return Err(Error::new(field.span(), message));
        }
        if flatten && (rename.is_some() || default) {
            let message = "a field with `flatten` has no column of its own: `rename` and `default` belong to the fields of \
                           its struct";
            return Err(Error::new(field.span(), message));
        }
        let column = rename.unwrap_or_else(|| ident.unraw().to_string());
        let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
        let (typ, vis) = (field.ty.clone(), field.vis.clone());
        Ok(Self { ident, vis, docs, typ, column, default, default_value: None, skip, flatten })
    }

    pub(crate) fn has_column(&self) -> bool {
        !self.skip && !self.flatten
    }
}

#[cfg(test)]
mod tests;
