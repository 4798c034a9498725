//! What is written at a model's struct and its fields.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, LitBool, LitInt, LitStr, Path, Token, token};

use super::options::{self, TableOption};
use crate::fields::{Extension, Record, name_of, switch, text_of};

/// Which derive asks: each has attributes that mean nothing to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Fields,
    UserType,
}

/// All of one struct.
pub(super) struct Attributes {
    kind: Kind,
    pub(super) table: Option<LitStr>,
    pub(super) keyspace: Option<LitStr>,
    pub(super) type_name: Option<LitStr>,
    pub(super) options: Vec<TableOption>,
    pub(super) validate: Option<Path>,
    /// Whether the struct is to have a default.
    pub(super) default: bool,
    columns: HashMap<usize, ColumnAttributes>,
    none: ColumnAttributes,
}

/// Those of one field.
#[derive(Default)]
pub(super) struct ColumnAttributes {
    pub(super) role: Option<(Role, Span)>,
    pub(super) index: Option<(Index, Span)>,
    pub(super) frozen: Option<(bool, Span)>,
    pub(super) required: bool,
    pub(super) min_len: Option<LitInt>,
    pub(super) max_len: Option<LitInt>,
    pub(super) ascii: bool,
    pub(super) validate: Option<Path>,
    default: Option<Expr>,
}

/// What a field says that its column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Partition,
    Clustering { descending: bool },
    Static,
}

/// An index a field asks for.
#[derive(Default)]
pub(super) struct Index {
    pub(super) name: Option<LitStr>,
    pub(super) class: Option<LitStr>,
    pub(super) options: Option<LitStr>,
    pub(super) target: Option<&'static str>,
}

impl Attributes {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            table: None,
            keyspace: None,
            type_name: None,
            options: Vec::new(),
            validate: None,
            default: false,
            columns: HashMap::new(),
            none: ColumnAttributes::default(),
        }
    }

    /// Which derive asked.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Those of the field of that place.
    pub(super) fn of(&self, place: usize) -> &ColumnAttributes {
        self.columns.get(&place).unwrap_or(&self.none)
    }

    /// Moves what the derives for rows want to know to where they look.
    pub(super) fn settle(&mut self, record: &mut Record) {
        for (place, attributes) in &mut self.columns {
            if let Some(value) = attributes.default.take() {
                let field = &mut record.fields[*place];
                field.default = true;
                field.default_value = Some(value);
            }
        }
    }
}

impl Extension for Attributes {
    const OF_STRUCT: &'static str = "there are `table = \"name\"`, `keyspace = \"name\"`, `options(name = value)`, \
         `validate = function`, `default` and `crate = \"path\"`; a user-defined type has `type_name = \"name\"`, `validate`, \
         `default` and `crate`, shared fields have the last three";
    const OF_FIELD: &'static str = "there are `partition_key`, `clustering_key`, `static`, `index`, `frozen`, `required`, \
         `min_len`, `max_len`, `ascii`, `validate`, `rename = \"name\"`, `default`, `skip` and `flatten`";

    fn struct_attribute(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        let path = &meta.path;
        if path.is_ident("validate") {
            once(&mut self.validate, meta, function(meta)?)?;
        } else if path.is_ident("default") {
            switch(&mut self.default, meta)?;
        } else if self.kind == Kind::Model && path.is_ident("table") {
            once(&mut self.table, meta, place(meta)?)?;
        } else if self.kind == Kind::Model && path.is_ident("keyspace") {
            once(&mut self.keyspace, meta, place(meta)?)?;
        } else if self.kind == Kind::Model && path.is_ident("options") {
            self.options.extend(options::parse(meta)?);
        } else if self.kind == Kind::UserType && path.is_ident("type_name") {
            once(&mut self.type_name, meta, name(meta)?)?;
        } else if path.is_ident("discriminator") {
            return Err(
                meta.error("`discriminator` is for enums: what tells the variants of one table apart")
            );
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn field_attribute(&mut self, place: usize, meta: &ParseNestedMeta<'_>) -> Result<bool, Error> {
        let of_table = self.kind != Kind::UserType;
        let column = self.columns.entry(place).or_default();
        let path = &meta.path;
        if path.is_ident("default") && meta.input.peek(Token![=]) {
            let value = meta.value()?.parse()?;
            once(&mut column.default, meta, value)?;
        } else if path.is_ident("required") {
            switch(&mut column.required, meta)?;
        } else if path.is_ident("ascii") {
            switch(&mut column.ascii, meta)?;
        } else if path.is_ident("min_len") {
            once(&mut column.min_len, meta, length(meta)?)?;
        } else if path.is_ident("max_len") {
            once(&mut column.max_len, meta, length(meta)?)?;
        } else if path.is_ident("validate") {
            once(&mut column.validate, meta, function(meta)?)?;
        } else if path.is_ident("descending") || path.is_ident("ascending") {
            return Err(meta.error("the order stands at the key: `clustering_key(descending)`"));
        } else if path.is_ident("discriminator") {
            return Err(
                meta.error("`discriminator` is for enums: what tells the variants of one table apart")
            );
        } else if !of_table {
            return Ok(false);
        } else if path.is_ident("partition_key") {
            plain(meta)?;
            column.set_role(Role::Partition, meta)?;
        } else if path.is_ident("clustering_key") {
            column.set_role(Role::Clustering { descending: descending(meta)? }, meta)?;
        } else if path.is_ident("static") {
            plain(meta)?;
            column.set_role(Role::Static, meta)?;
        } else if path.is_ident("index") {
            let index = Index::parse(meta)?;
            if column.index.replace((index, path.span())).is_some() {
                return Err(meta.error("`index` is given twice"));
            }
        } else if path.is_ident("frozen") {
            let frozen = match meta.input.peek(Token![=]) {
                true => meta.value()?.parse::<LitBool>()?.value(),
                false => true,
            };
            if column.frozen.replace((frozen, path.span())).is_some() {
                return Err(meta.error("`frozen` is given twice"));
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl ColumnAttributes {
    fn set_role(&mut self, role: Role, meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
        match self.role.replace((role, meta.path.span())) {
            None => Ok(()),
            Some((before, _)) if before == role => {
                Err(meta.error(format!("`{}` is given twice", name_of(meta))))
            }
            Some(_) => Err(meta
                .error("a column is one of three: of the partition key, of the clustering key, or static")),
        }
    }

    /// Whether there is anything here that a field without a column cannot have.
    pub(super) fn of_a_column(&self) -> bool {
        self.role.is_some()
            || self.index.is_some()
            || self.frozen.is_some()
            || self.required
            || self.ascii
            || self.min_len.is_some()
            || self.max_len.is_some()
            || self.validate.is_some()
    }
}

impl Index {
    pub(super) fn parse(meta: &ParseNestedMeta<'_>) -> Result<Self, Error> {
        let mut index = Self::default();
        if meta.input.peek(Token![=]) {
            return Err(
                meta.error("an index is asked for with `index` or `index(name = \"..\", class = \"..\")`")
            );
        }
        if !meta.input.peek(token::Paren) {
            return Ok(index);
        }
        meta.parse_nested_meta(|part| {
            if part.path.is_ident("name") {
                once(&mut index.name, &part, name(&part)?)
            } else if part.path.is_ident("class") {
                once(&mut index.class, &part, name(&part)?)
            } else if part.path.is_ident("options") {
                once(&mut index.options, &part, name(&part)?)
            } else if part.path.is_ident("keys") {
                once(&mut index.target, &part, "Keys")
            } else if part.path.is_ident("entries") {
                once(&mut index.target, &part, "Entries")
            } else {
                let known =
                    "there are `name = \"..\"`, `class = \"..\"`, `options = \"{..}\"`, `keys` and `entries`";
                Err(part.error(format!("unknown attribute `{}` of an index; {known}", name_of(&part))))
            }
        })?;
        if let (Some(options), None) = (&index.options, &index.class) {
            return Err(Error::new(
                options.span(),
                "options are those of a custom index: give its `class` too",
            ));
        }
        Ok(index)
    }
}

/// Sets what may be set once.
pub(super) fn once<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error(format!("`{}` is given twice", name_of(meta)))),
    }
}

/// A text that is not empty.
pub(super) fn name(meta: &ParseNestedMeta<'_>) -> Result<LitStr, Error> {
    let text = text_of(meta)?;
    if text.value().is_empty() {
        return Err(Error::new(text.span(), format!("`{}` is not empty", name_of(meta))));
    }
    Ok(text)
}

/// A name that servers take for a table or a keyspace.
pub(super) fn place(meta: &ParseNestedMeta<'_>) -> Result<LitStr, Error> {
    let name = name(meta)?;
    if name.value().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(name);
    }
    let message =
        "names of tables and keyspaces have letters from a to z, digits and underscores, and nothing else";
    Err(Error::new(name.span(), message))
}

/// An attribute that takes no value.
fn plain(meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
    switch(&mut false, meta)
}

fn function(meta: &ParseNestedMeta<'_>) -> Result<Path, Error> {
    let wanted = |_| meta.error("`validate` is set to the path of a function: `validate = check_name`");
    meta.value().map_err(wanted)?.parse().map_err(wanted)
}

fn length(meta: &ParseNestedMeta<'_>) -> Result<LitInt, Error> {
    let name = name_of(meta);
    let wanted = |_| meta.error(format!("`{name}` is set to a number from 0: `{name} = 8`"));
    let literal: LitInt = meta.value().map_err(wanted)?.parse().map_err(wanted)?;
    literal.base10_parse::<usize>().map_err(wanted)?;
    Ok(literal)
}

fn descending(meta: &ParseNestedMeta<'_>) -> Result<bool, Error> {
    let wanted = "the order of a clustering key is `clustering_key(ascending)`, which is the default, or \
                  `clustering_key(descending)`";
    if meta.input.peek(Token![=]) {
        return Err(meta.error(wanted));
    }
    if !meta.input.peek(token::Paren) {
        return Ok(false);
    }
    let mut order = None;
    meta.parse_nested_meta(|part| {
        let descending = part.path.is_ident("descending");
        if !descending && !part.path.is_ident("ascending") {
            return Err(part.error(wanted));
        }
        once(&mut order, &part, descending)
    })?;
    Ok(order.unwrap_or_default())
}

/// The definition of an index, as an expression.
pub(super) fn index_definition(index: &Index, mapper: &TokenStream) -> TokenStream {
    let text = |text: &Option<LitStr>| match text {
        Some(text) => quote!(::core::option::Option::Some(::std::borrow::Cow::Borrowed(#text))),
        None => quote!(::core::option::Option::None),
    };
    let (name, class, options) = (text(&index.name), text(&index.class), text(&index.options));
    let target = syn::Ident::new(index.target.unwrap_or("Values"), Span::call_site());
    quote! {
        #mapper::IndexDefinition {
            name: #name, class: #class, options: #options, target: #mapper::IndexTarget::#target,
        }
    }
}
