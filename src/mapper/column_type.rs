//! Which CQL type a Rust type stands for when a table is made.

use std::fmt;

use chorus_protocol::CqlType;

/// A Rust type that can be the type of a model's field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type for a column",
    note = "a struct becomes one with `#[derive(UserType)]`, a type of your own by implementing `ColumnType`"
)]
pub trait ColumnType {
    /// The type of the column.
    fn definition() -> TypeDefinition;
}

/// The type of a column, of an element in one, or of a field of a user-defined type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDefinition {
    /// The type. The keyspaces of user-defined types in it are empty: they are where their table is.
    pub typ: CqlType,
    /// Whether the whole is one cell, although it has parts. User-defined types and tuples of a table always are, and so is
    /// everything inside of something.
    pub frozen: bool,
    /// The user-defined types it needs, those within others first.
    pub user_types: Vec<UserTypeDefinition>,
}

/// A user-defined type, as a struct with `#[derive(UserType)]` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserTypeDefinition {
    /// Its name, as spelled in the schema.
    pub name: String,
    /// Its fields.
    pub fields: Vec<(String, TypeDefinition)>,
}

impl TypeDefinition {
    /// Whether it is `counter`.
    pub fn is_counter(&self) -> bool {
        self.typ == CqlType::Counter
    }
}

/// As in `CREATE TABLE`: `frozen` where it must be.
impl fmt::Display for TypeDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.typ)
    }
}
