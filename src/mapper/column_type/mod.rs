//! Which CQL type a Rust type stands for when a table is made, and what its values must be like.
//!
//! [`ColumnType`] is asked by the derived code when definitions are made, and before anything is written. Files: `definition`
//! is the type as CQL text; `values`, `dse`, `features`, `collections`, `tuples` and `pointers` say it of every Rust type that the
//! driver can write and read; `special` has the types that exist for columns only.

mod collections;
mod definition;
mod dse;
mod features;
mod pointers;
mod special;
mod tuples;
mod values;

use super::ValidationError;

pub use definition::{TypeDefinition, UserTypeDefinition};
pub use special::{Ascii, Counter, NotAscii};

/// A Rust type that can be the type of a model's field.
///
/// All but [`definition`](Self::definition) has defaults, which are right for values without parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type for a column",
    note = "a struct becomes one with `#[derive(UserType)]`, a type of your own by implementing `ColumnType`"
)]
pub trait ColumnType {
    /// Whether null is among its values, as it is for `Option`.
    const NULLABLE: bool = false;

    /// Whether its columns are counters.
    const COUNTER: bool = false;

    /// The type of the column.
    fn definition() -> TypeDefinition;

    /// Whether this is written as null.
    fn is_null(&self) -> bool {
        false
    }

    /// Whether this is a collection without elements, which a column that is not frozen does not tell from null.
    fn is_empty_collection(&self) -> bool {
        false
    }

    /// Whether this is text without a character, which a `required` column refuses.
    fn is_empty_text(&self) -> bool {
        false
    }

    /// Whether the value can be written. The column of the error is the path within this value, empty for the value itself.
    ///
    /// # Errors
    ///
    /// The first part of it that cannot.
    fn validate(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}
