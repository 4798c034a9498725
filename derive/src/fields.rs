//! What a macro was applied to, and with which attributes.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Generics, Ident, Lifetime, LitStr, Path, Type};

/// A struct with named fields.
pub(crate) struct Record {
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    /// `chorus::protocol`, wherever that is.
    pub(crate) protocol: TokenStream,
    /// The lifetime of borrowed fields, or one nobody else uses.
    pub(crate) frame: Lifetime,
    pub(crate) fields: Vec<Field>,
}

/// One field of it.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) typ: Type,
    /// Name of its column, or of its field in the user type.
    pub(crate) column: String,
    /// The column may be missing.
    pub(crate) default: bool,
    /// There is no column.
    pub(crate) skip: bool,
}

impl Record {
    pub(crate) fn parse(input: DeriveInput) -> Result<Self, Error> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(input.ident.span(), "only structs can be rows or user types"));
        };
        let Fields::Named(named) = &data.fields else {
            let message = "columns are found by name, so the struct needs named fields; \
                           tuples are read and written by position without a macro";
            return Err(Error::new(input.ident.span(), message));
        };
        let library = library_path(&input)?;
        let frame = frame_lifetime(&input.generics)?;
        let fields = named.named.iter().map(Field::parse).collect::<Result<Vec<_>, _>>()?;
        refuse_duplicates(&fields)?;
        Ok(Self {
            name: input.ident,
            generics: input.generics,
            protocol: quote!(#library::protocol),
            frame,
            fields,
        })
    }

    /// Fields that have a column.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.skip)
    }

    /// The generics of an implementation that reads: with the frame's lifetime, and every type parameter readable.
    pub(crate) fn reading_generics(&self) -> Generics {
        let (protocol, frame) = (&self.protocol, &self.frame);
        let mut generics = self.generics.clone();
        if generics.lifetimes().next().is_none() {
            generics.params.insert(0, GenericParam::Lifetime(syn::LifetimeParam::new(frame.clone())));
        }
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(syn::parse_quote!(#protocol::value::FromCql<#frame>));
        }
        generics
    }

    /// The generics of an implementation that writes: every type parameter writable.
    pub(crate) fn writing_generics(&self) -> Generics {
        let protocol = &self.protocol;
        let mut generics = self.generics.clone();
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(syn::parse_quote!(#protocol::value::ToCql));
        }
        generics
    }
}

fn library_path(input: &DeriveInput) -> Result<Path, Error> {
    let mut library = syn::parse_quote!(::chorus);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("chorus")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown attribute of a struct; there is `crate = \"path\"`"));
            }
            library = meta.value()?.parse::<LitStr>()?.parse()?;
            Ok(())
        })?;
    }
    Ok(library)
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
    for field in fields.iter().filter(|field| !field.skip) {
        if let Some(first) = seen.insert(&field.column, &field.ident) {
            let message = format!("column \"{}\" already belongs to field `{first}`", field.column);
            return Err(Error::new(field.ident.span(), message));
        }
    }
    Ok(())
}

impl Field {
    fn parse(field: &syn::Field) -> Result<Self, Error> {
        let ident = field.ident.clone().expect("fields of a struct with named fields have names");
        let (mut rename, mut default, mut skip) = (None, false, false);
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("chorus")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    if name.value().is_empty() {
                        return Err(Error::new(name.span(), "a column's name is not empty"));
                    }
                    rename = Some(name.value());
                } else if meta.path.is_ident("default") {
                    default = true;
                } else if meta.path.is_ident("skip") {
                    skip = true;
                } else {
                    let known =
                        "unknown attribute of a field; there are `rename = \"name\"`, `default` and `skip`";
                    return Err(meta.error(known));
                }
                Ok(())
            })?;
        }
        if skip && (rename.is_some() || default) {
            let message = "a skipped field has no column: `rename` and `default` mean nothing here";
            return Err(Error::new(field.span(), message));
        }
        let column = rename.unwrap_or_else(|| ident.unraw().to_string());
        Ok(Self { ident, typ: field.ty.clone(), column, default, skip })
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn error_of(input: DeriveInput) -> String {
        match Record::parse(input) {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_cannot_be_a_row_is_refused_with_a_reason() {
        for (input, reason) in [
            (
                parse_quote!(
                    enum A {
                        B,
                    }
                ),
                "only structs",
            ),
            (parse_quote!(union A { b: u8 }), "only structs"),
            (
                parse_quote!(
                    struct A(i32);
                ),
                "named fields",
            ),
            (
                parse_quote!(
                    struct A;
                ),
                "named fields",
            ),
            (
                parse_quote!(
                    struct A<'a, 'b> {
                        a: &'a str,
                        b: &'b str,
                    }
                ),
                "at most one lifetime",
            ),
            (
                parse_quote!(
                    struct A {
                        #[chorus(rename = "b")]
                        a: i32,
                        b: i32,
                    }
                ),
                "already belongs to field `a`",
            ),
            (
                parse_quote!(
                    struct A {
                        #[chorus(renamed = "b")]
                        a: i32,
                    }
                ),
                "unknown attribute of a field",
            ),
            (
                parse_quote!(
                    struct A {
                        #[chorus(rename = "")]
                        a: i32,
                    }
                ),
                "not empty",
            ),
            (
                parse_quote!(
                    struct A {
                        #[chorus(skip, default)]
                        a: i32,
                    }
                ),
                "mean nothing",
            ),
            (
                parse_quote!(
                    #[chorus(rename_all = "x")]
                    struct A {
                        a: i32,
                    }
                ),
                "unknown attribute of a struct",
            ),
        ] {
            let error = error_of(input);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn columns_are_named_like_fields_unless_renamed() {
        let record = Record::parse(parse_quote! {
            struct A<'a, T> {
                r#type: &'a str,
                #[chorus(rename = "Other", default)]
                b: T,
                #[chorus(skip)]
                c: u8,
            }
        });
        let record = record.unwrap_or_else(|error| panic!("{error}"));
        let columns: Vec<_> = record.columns().map(|field| (field.column.as_str(), field.default)).collect();
        assert_eq!(columns, [("type", false), ("Other", true)]);
        assert_eq!(record.frame.ident, "a");
    }

    #[test]
    fn skipped_fields_do_not_collide() {
        let input = parse_quote!(
            struct A {
                #[chorus(rename = "b")]
                a: i32,
                #[chorus(skip)]
                b: i32,
            }
        );
        assert!(Record::parse(input).is_ok());
    }
}
