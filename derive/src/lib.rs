//! Derive macros of Chorus.
//!
//! * [`FromRow`] and [`IntoRow`] for rows of a table, [`FromCql`] and [`ToCql`] for user-defined types; both by name.
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

fn expand(input: DeriveInput, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    finish(Record::parse(input), implement)
}

/// The same for a user-defined type.
fn expand_type(input: DeriveInput, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    finish(Record::parse(input).and_then(Record::without_flattened), implement)
}

fn finish(record: syn::Result<Record>, implement: fn(&Record) -> proc_macro2::TokenStream) -> TokenStream {
    match record {
        Ok(record) => implement(&record).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
