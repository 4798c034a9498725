//! Models: structs as rows of a table, the columns they share, enums of several kinds of rows, and user-defined types.
//!
//! `attributes` reads what is written at fields and structs beyond what all derives know; `checks` refuses what makes no table;
//! `columns`, `keys`, `constants`, `validation`, `default`, `shape` and `table` write the parts of an implementation; `variants` is the same for
//! enums, `user_type` for user-defined types.

mod attributes;
mod checks;
mod columns;
mod constants;
mod default;
mod keys;
mod names;
mod options;
mod shape;
mod table;
mod user_type;
mod validation;
mod variants;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error};

use crate::fields::{Field, Record};
use crate::row;
use attributes::{Attributes, ColumnAttributes, Kind};

pub(crate) use user_type::expand as user_type;

/// A struct with its attributes.
struct Definition {
    record: Record,
    attributes: Attributes,
}

impl Definition {
    fn parse(input: DeriveInput, kind: Kind) -> Result<Self, Error> {
        let generics = input.generics.clone();
        if let Some(parameter) = generics.params.first() {
            let message = "a model owns its values and stands for one table: it has no type parameters and no lifetimes";
            return Err(Error::new_spanned(parameter, message));
        }
        let mut attributes = Attributes::new(kind);
        let mut record = Record::parse_with(input, &mut attributes)?;
        attributes.settle(&mut record);
        let definition = Self { record, attributes };
        checks::check(&definition)?;
        Ok(definition)
    }

    /// `chorus::mapper`, wherever that is.
    fn mapper(&self) -> TokenStream {
        let library = &self.record.library;
        quote!(#library::mapper)
    }

    /// The fields that have a column, with their attributes.
    fn columns(&self) -> impl Iterator<Item = (&Field, &ColumnAttributes)> {
        let fields = self.record.fields.iter().enumerate();
        fields
            .filter(|(_, field)| field.has_column())
            .map(|(place, field)| (field, self.attributes.of(place)))
    }
}

/// `#[derive(Model)]`
pub(crate) fn model(input: DeriveInput) -> Result<TokenStream, Error> {
    if let Data::Enum(_) = &input.data {
        return variants::expand(input);
    }
    let definition = Definition::parse(input, Kind::Model)?;
    let (rows, table) = (rows_and_fields(&definition), table::implementation(&definition));
    Ok(quote!(#rows #table))
}

/// `#[derive(ModelFields)]`
pub(crate) fn fields(input: DeriveInput) -> Result<TokenStream, Error> {
    Ok(rows_and_fields(&Definition::parse(input, Kind::Fields)?))
}

fn rows_and_fields(definition: &Definition) -> TokenStream {
    let record = &definition.record;
    let (from_row, into_row) = (row::from_row(record), row::into_row(record));
    let (fields, constants) = (columns::implementation(definition), constants::constants(definition));
    let (check, default) = (shape::check(definition), default::implementation(definition));
    quote!(#from_row #into_row #fields #constants #check #default)
}

#[cfg(test)]
mod tests;
