//! Derive macros of Chorus.
//!
//! * [`FromRow`] and [`IntoRow`] for rows of a table, [`FromCql`] and [`ToCql`] for user-defined types; both by name.
//! * [`Model`], [`ModelFields`] and [`UserType`] for the object mapper: tables, the columns they share, and types in them.
//! * Structs with named fields only, with at most one lifetime, which is that of the frame values are borrowed from.
//!
//! | attribute of a field | effect |
//! |---|---|
//! | `#[chorus(rename = "name")]` | the column or field of the user type has another name; without it, it has the Rust field's |
//! | `#[chorus(default)]` | it may be missing: reading then takes `Default::default()`, writing leaves it out |
//! | `#[chorus(skip)]` | has no column: reading takes `Default::default()`, writing ignores it |
//! | `#[chorus(flatten)]` | rows only: the fields of this field's struct have columns of the same row, as if they were written here |
//!
//! On the struct, `#[chorus(crate = "path")]` says where the `chorus` library is, should it not be `::chorus`.
//!
//! Columns and fields nobody asked for are skipped when reading, so that adding one to a table or type does not break
//! its readers. When writing, a column without a value is an error, and so is a value without a column.

mod fields;
mod model;
mod row;
mod udt;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::fields::Record;

/// Reads rows by column name: implements `FromRow`.
///
/// ```
/// # mod library { pub use chorus_protocol as protocol; }
/// use chorus_derive::FromRow; // users import it from `chorus`
///
/// #[derive(FromRow)]
/// # #[chorus(crate = "library")]
/// struct Order<'a> {
///     id: i64,
///     #[chorus(rename = "customer_name")]
///     customer: &'a str,
///     #[chorus(default)]
///     note: Option<String>,
/// }
/// ```
#[proc_macro_derive(FromRow, attributes(chorus))]
pub fn derive_from_row(input: TokenStream) -> TokenStream {
    expand(parse_macro_input!(input as DeriveInput), row::from_row)
}

/// Binds values by marker name: implements `IntoRow`.
///
/// ```
/// # mod library { pub use chorus_protocol as protocol; }
/// use chorus_derive::IntoRow; // users import it from `chorus`
///
/// #[derive(IntoRow)]
/// # #[chorus(crate = "library")]
/// struct Address {
///     street: String,
///     city: String,
/// }
///
/// /// Binds `id`, `street` and `city`, in whatever order the statement has them.
/// #[derive(IntoRow)]
/// # #[chorus(crate = "library")]
/// struct Customer {
///     id: i64,
///     #[chorus(flatten)]
///     address: Address,
/// }
/// ```
#[proc_macro_derive(IntoRow, attributes(chorus))]
pub fn derive_into_row(input: TokenStream) -> TokenStream {
    expand(parse_macro_input!(input as DeriveInput), row::into_row)
}

/// Reads a user-defined type by field name: implements `FromCql`.
#[proc_macro_derive(FromCql, attributes(chorus))]
pub fn derive_from_cql(input: TokenStream) -> TokenStream {
    expand_type(parse_macro_input!(input as DeriveInput), udt::from_cql)
}

/// Writes a user-defined type by field name: implements `ToCql`.
#[proc_macro_derive(ToCql, attributes(chorus))]
pub fn derive_to_cql(input: TokenStream) -> TokenStream {
    expand_type(parse_macro_input!(input as DeriveInput), udt::to_cql)
}

/// Makes a struct the model of a table: implements `Model` and `ModelFields`, `FromRow` and `IntoRow`, and gives it a
/// constant for each column. The library's module `mapper` has an example.
///
/// At the struct:
///
/// | attribute | effect |
/// |---|---|
/// | `table = "name"` | the table's name, as it is spelled in the schema; the struct's name in snake case without it, of which the last 48 characters count |
/// | `keyspace = "name"` | its keyspace, should it always be the same |
/// | `options(name = value, ..)` | what stands behind `WITH`: numbers, `true` and `false`, texts, constants; a text that begins with `{` is a CQL map, and so is `name(key = value, ..)` |
/// | `validate = function` | `fn(&Self) -> Result<(), ValidationError>` is asked before anything is written |
/// | `default` | the struct has a `Default`: of each field what `default = expression` says there, or that of its type |
///
/// At its fields, beside those of all derives:
///
/// | attribute | effect |
/// |---|---|
/// | `partition_key` | it is of the partition key; at least one field is |
/// | `clustering_key`, `clustering_key(descending)` | it is of the clustering key, and rows of a partition stand in that order |
/// | `static` | one value for the whole partition |
/// | `index`, `index(name = "..", class = "..", options = "{..}", keys)` | it has an index; `keys` and `entries` are of maps |
/// | `frozen`, `frozen = false` | a collection is one cell; a user-defined type is not |
/// | `required` | null is refused although the field is an `Option`; text has one character at least unless `min_len` says otherwise |
/// | `min_len = n`, `max_len = n` | characters of text, bytes of blobs, elements of collections |
/// | `ascii` | text whose column is `ascii` |
/// | `validate = function` | `fn(&T) -> Result<(), E>` is asked before it is written, of an `Option` for its value; `E` is shown |
/// | `default = expression` | what it is in the struct's `default`, and when it was not read, instead of `Default::default()` |
///
/// A field that is an `Option<T>` may be null, and has a constant `Column<Self, T>`.
///
/// An enum whose variants hold one struct with `#[derive(ModelFields)]` each is a table with the columns of all of them, and one
/// that tells which a row is: `#[chorus(discriminator = "kind")]` at the enum, or `discriminator(name = "kind", index)` with
/// `index`, `partition_key` or `clustering_key`, the latter as the first of its key. A variant stands there as its name in snake
/// case, or as `#[chorus(value = "..")]` says. All variants have the same key. Reading a row whose column says something else is an error.
#[proc_macro_derive(Model, attributes(chorus))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    answer(model::model(parse_macro_input!(input as DeriveInput)))
}

/// The columns of a struct, without a table, for models that have it as a field with `#[chorus(flatten)]`: the same as `Model`
/// but for what concerns the table.
#[proc_macro_derive(ModelFields, attributes(chorus))]
pub fn derive_model_fields(input: TokenStream) -> TokenStream {
    answer(model::fields(parse_macro_input!(input as DeriveInput)))
}

/// Makes a struct a user-defined type that can be the type of a model's field: implements `ColumnType`, `FromCql` and `ToCql`.
///
/// Its name is the struct's in snake case, or that of `#[chorus(type_name = "name")]`. Fields have `required`, `min_len`,
/// `max_len`, `ascii`, `validate` and `default` as those of a model.
#[proc_macro_derive(UserType, attributes(chorus))]
pub fn derive_user_type(input: TokenStream) -> TokenStream {
    answer(model::user_type(parse_macro_input!(input as DeriveInput)))
}

fn answer(code: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    code.unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: DeriveInput, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    finish(Record::parse(input), implement)
}

/// The same for a user-defined type.
fn expand_type(input: DeriveInput, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    finish(Record::parse(input).and_then(Record::without_flattened), implement)
}

fn finish(record: syn::Result<Record>, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    answer(record.map(|record| implement(&record)))
}
