//! What a struct must be to stand for rows.

use chorus_protocol::{FromRow, IntoRow, ToCql};

use super::derived::Shape;
use super::{ColumnDefinition, TableDefinition, ValidationError};

/// The columns of a struct, without a table: what [`Model`]s have in common may be a struct of its own, which each of them has
/// as a field with `#[chorus(flatten)]`. Derived with `#[derive(ModelFields)]`, and for every model with it.
pub trait ModelFields: Send + Sync + 'static {
    /// The values of its columns that are of the partition key, in the order of the key: a tuple, `(T,)` for one column.
    type PartitionKey: IntoRow + Send + Sync + 'static;
    /// Likewise of the clustering key; `()` when it has none.
    type ClusteringKey: IntoRow + Send + Sync + 'static;

    /// What derived code checks when it is compiled.
    #[doc(hidden)]
    const SHAPE: Shape = Shape::UNKNOWN;

    /// The columns, in the order of the fields; those of flattened fields stand in the place of their field.
    fn columns() -> &'static [ColumnDefinition];

    /// The value of the column of that place.
    ///
    /// # Panics
    ///
    /// When there is no such column.
    fn value(&self, column: usize) -> &(dyn ToCql + Send + Sync);

    /// Whether the column of that place is null when this is written: an `Option` that is `None`, an empty collection that is
    /// not frozen.
    fn is_null(&self, column: usize) -> bool;

    /// Holds the values against what their attributes demand, then asks the struct's own `validate` functions. Called before
    /// anything is written.
    ///
    /// # Errors
    ///
    /// The first value that does not do.
    fn validate(&self) -> Result<(), ValidationError>;

    /// The values of the partition key.
    fn partition_key(&self) -> Self::PartitionKey;

    /// The values of the clustering key.
    fn clustering_key(&self) -> Self::ClusteringKey;
}

/// A struct whose values are rows of a table. Derived with `#[derive(Model)]`, which also makes it readable from rows and
/// writable as one ([`FromRow`], [`IntoRow`]), so that it serves queries and bulk inserts as well.
pub trait Model: ModelFields + IntoRow + for<'f> FromRow<'f> {
    /// The values of the whole primary key, in its order: a tuple.
    type PrimaryKey: IntoRow + Send + Sync + 'static;

    /// The table, made once for the program.
    fn table() -> &'static TableDefinition;

    /// The primary key of this row.
    fn primary_key(&self) -> Self::PrimaryKey;
}
