//! `options(..)`: what stands behind `WITH` when the table is created.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Error, ExprPath, Lit, LitStr, Token, UnOp, token};

use crate::fields::name_of;

/// One option.
pub(super) struct TableOption {
    name: LitStr,
    value: Value,
}

enum Value {
    /// CQL.
    Literal(String),
    /// A text, or a map in CQL.
    Text(TokenStream),
}

impl TableOption {
    /// As an expression.
    pub(super) fn expression(&self, mapper: &TokenStream) -> TokenStream {
        let name = &self.name;
        match &self.value {
            Value::Text(text) => quote!(#mapper::TableOption::text(#name, #text)),
            Value::Literal(value) => quote! {
                #mapper::TableOption {
                    name: ::std::borrow::Cow::Borrowed(#name),
                    value: ::std::borrow::Cow::Borrowed(#value),
                }
            },
        }
    }
}

/// The options within the parentheses.
pub(super) fn parse(meta: &ParseNestedMeta<'_>) -> Result<Vec<TableOption>, Error> {
    if !meta.input.peek(token::Paren) {
        return Err(meta.error("options are given as `options(name = value, ..)`"));
    }
    let mut options: Vec<TableOption> = Vec::new();
    meta.parse_nested_meta(|option| {
        let text = name_of(&option);
        if options.iter().any(|known| known.name.value() == text) {
            return Err(option.error(format!("option `{text}` is given twice")));
        }
        let name = LitStr::new(&text, syn::spanned::Spanned::span(&option.path));
        let value = if option.input.peek(token::Paren) { map(&option)? } else { value(&option)? };
        options.push(TableOption { name, value });
        Ok(())
    })?;
    Ok(options)
}

/// `name = value`
fn value(option: &ParseNestedMeta<'_>) -> Result<Value, Error> {
    let input = option.value()?;
    if !input.peek(Lit) && !input.peek(Token![-]) {
        let path: ExprPath = input.parse()?;
        return Ok(Value::Text(quote!(#path)));
    }
    match scalar(input)? {
        Scalar::Number(text) => Ok(Value::Literal(text)),
        Scalar::Text(text) => Ok(Value::Text(quote!(#text))),
    }
}

/// `name(key = value, ..)`: a map, all of whose values are texts.
fn map(option: &ParseNestedMeta<'_>) -> Result<Value, Error> {
    let mut entries = Vec::new();
    option.parse_nested_meta(|entry| {
        let value = match scalar(entry.value()?)? {
            Scalar::Number(text) => text,
            Scalar::Text(text) => text.value(),
        };
        entries.push(format!("{}: {}", quoted(&name_of(&entry)), quoted(&value)));
        Ok(())
    })?;
    Ok(Value::Literal(format!("{{{}}}", entries.join(", "))))
}

enum Scalar {
    Number(String),
    Text(LitStr),
}

fn scalar(input: syn::parse::ParseStream<'_>) -> Result<Scalar, Error> {
    let sign = match input.peek(Token![-]) {
        true => matches!(input.parse::<UnOp>()?, UnOp::Neg(_)),
        false => false,
    };
    let number = |digits: &str| Scalar::Number(format!("{}{digits}", if sign { "-" } else { "" }));
    match input.parse::<Lit>()? {
        Lit::Int(literal) => Ok(number(literal.base10_digits())),
        Lit::Float(literal) => Ok(number(literal.base10_digits())),
        Lit::Bool(literal) if !sign => Ok(Scalar::Number(literal.value.to_string())),
        Lit::Str(literal) if !sign => Ok(Scalar::Text(literal)),
        other => {
            Err(Error::new(other.span(), "an option is a number, `true` or `false`, or a text in quotes"))
        }
    }
}

/// As a text in CQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
