//! The object mapper: structs as rows of tables, read, written, watched for changes, and kept in step with the schema.
//!
//! * [`Model`]: what a struct must be, derived with `#[derive(Model)]`; what a table looks like is its [`TableDefinition`].
//! * [`Mapper`]: a session and a default keyspace; everything begins here.
//! * [`Column`]: a typed handle on a column, for filters, conditions, orders and assignments.
//! * [`Get`], [`Select`], [`Insert`], [`Update`], [`Delete`], [`Batch`], [`InsertAll`]: what a mapper does, each with the options of a
//!   statement; [`NamedTable`] reads tables without a model.
//! * [`Tracked`]: a row that knows what has changed of it, and is saved by that.
//!
//! ```no_run
//! use chorus::mapper::{Ascii, Mapper, Model as _};
//! use chorus::{CqlTimestamp, Model, Session, Uuid};
//!
//! /// What was measured.
//! #[derive(Debug, Model)]
//! #[chorus(table = "readings", options(default_time_to_live = 86400))]
//! #[chorus(options(compaction(class = "TimeWindowCompactionStrategy")))]
//! struct Reading {
//!     #[chorus(partition_key)]
//!     station: Uuid,
//!     #[chorus(clustering_key(descending))]
//!     at: CqlTimestamp,
//!     #[chorus(static, max_len = 80)]
//!     station_name: Option<String>,
//!     #[chorus(index)]
//!     kind: Ascii,
//!     #[chorus(rename = "value_c")]
//!     value: f64,
//! }
//!
//! # async fn example(session: Session) -> Result<(), chorus::mapper::MapperError> {
//! let mapper = Mapper::new(&session).with_keyspace("weather");
//! let report = mapper.schema().sync_table::<Reading>().await?;
//! println!("{} statements", report.statements.len());
//! assert_eq!(Reading::VALUE.name(), "value_c");
//! assert_eq!(Reading::table().clustering_key().count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Attributes of models are told at [`Model`](macro@crate::Model), of types at [`UserType`](crate::UserType); `docs/mapper.md` is
//! the guide.
//!
//! Every statement is prepared once, remembered by the session, and its values are bound, so that requests go to a replica
//! without further ado. Nothing is sent behind the caller's back: one operation is one request, unless its documentation says
//! otherwise. Errors are [`MapperError`]s: what was asked for is wrong, or what it takes the session's
//! [`Error`](crate::Error) to say.

mod batch;
mod collections;
mod column;
mod column_type;
mod common;
mod definition;
mod delete;
#[doc(hidden)]
pub mod derived;
mod error;
mod facts;
mod filter;
mod get;
mod insert;
mod insert_all;
mod model;
mod named;
mod operation;
mod operator;
mod relation;
pub mod schema;
mod select;
mod shape;
mod statement_text;
#[cfg(test)]
mod test_models;
#[cfg(test)]
mod texts;
mod tracked;
mod union;
mod update;
mod using;
mod value;
mod written;

use std::sync::Arc;

use crate::Session;

pub use batch::Batch;
pub use collections::{Contains, ListType, MapType, SetType};
pub use column::Column;
pub use column_type::{Ascii, ColumnType, Counter, NotAscii, TypeDefinition, UserTypeDefinition};
pub use definition::{
    ClusteringOrder, ColumnDefinition, ColumnRole, Discriminator, IndexDefinition, IndexTarget,
    TableDefinition, TableOption,
};
pub use delete::Delete;
pub use error::{MapperError, ValidationError};
pub use filter::{Filter, TokenBound, TokenColumn, max_timeuuid, min_timeuuid, token};
pub use get::{Found, Get};
pub use insert::Insert;
pub use insert_all::{InsertAll, Listed, Streamed};
pub use model::{Model, ModelFields};
pub use named::{NamedSelect, NamedTable};
pub use operation::Write;
pub use operator::{Operator, UnknownOperator};
pub use select::{
    Fields, Kept, Optional, Order, Page, PartitionKeys, ReadColumn, Select, SelectStream, Selection, Whole,
};
pub use tracked::{Save, Tracked};
pub use update::Update;
pub use using::WriteTime;
pub use written::{ExistingRow, Written};

/// A session, seen as a place of models.
///
/// Cheap to clone, as the session is. Mappers of one session with different keyspaces may be used side by side.
#[derive(Debug, Clone)]
pub struct Mapper {
    session: Session,
    /// Of models that do not name one; the session's own when this is `None`.
    keyspace: Option<Arc<str>>,
    common: Arc<common::CommonStatements>,
}

impl Mapper {
    /// A mapper over `session`. Models that name no keyspace are in the session's.
    pub fn new(session: &Session) -> Self {
        Self { session: session.clone(), keyspace: None, common: Arc::default() }
    }

    /// The same session with a keyspace for every model, whatever the model or the session say: for tenants, copies and tests.
    /// The name is taken as it is spelled in the schema.
    #[must_use]
    pub fn with_keyspace(&self, name: impl Into<Arc<str>>) -> Self {
        Self { keyspace: Some(name.into()), ..self.clone() }
    }

    /// The session behind it, for everything that needs no mapper.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Where a table is: the keyspace of this mapper, else the model's own, else the session's.
    ///
    /// # Errors
    ///
    /// [`MapperError::NoKeyspace`] when none of them has one.
    pub fn keyspace_of(&self, table: &TableDefinition) -> Result<Arc<str>, MapperError> {
        match (&self.keyspace, &table.keyspace) {
            (None, Some(keyspace)) => Ok(Arc::from(&**keyspace)),
            _ => self.keyspace_without_model(|| table.name.to_string()),
        }
    }

    /// The keyspace of this mapper, else the session's, for what has no say of its own.
    fn keyspace_without_model(&self, name: impl FnOnce() -> String) -> Result<Arc<str>, MapperError> {
        let keyspace = self.keyspace.clone().or_else(|| self.session.keyspace());
        keyspace.ok_or_else(|| MapperError::NoKeyspace { table: name() })
    }
}
