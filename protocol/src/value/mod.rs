//! Values: from Rust to cells and back.
//!
//! [`ToCql`] writes one value straight into the frame that will be sent; [`FromCql`] reads one from the frame that
//! arrived, borrowing where it can. [`CqlValue`] is for programs that do not know their types beforehand.

mod bound;
mod calendars;
mod civil;
mod collection;
mod cql_value;
mod date_range;
mod decimal;
mod duration;
mod dynamic;
pub(crate) mod element;
mod from_cql;
mod geometry;
#[cfg(feature = "serde_json")]
mod json;
mod numbers;
mod ordered_map;
mod scalar;
#[cfg(feature = "secrecy")]
mod secret;
#[cfg(all(
    test,
    feature = "bigdecimal",
    feature = "chrono",
    feature = "jiff",
    feature = "rust_decimal",
    feature = "secrecy",
    feature = "serde_json",
    feature = "time"
))]
mod table;
mod temporal;
mod text;
mod timeuuid;
mod to_cql;
mod tuple;
mod udt;
mod varint;
pub(crate) mod vint;

pub use bound::{BoundValue, MaybeEmpty, MaybeUnset, Unset};
pub use cql_value::CqlValue;
pub use date_range::{DateBound, DatePrecision, DateRange};
pub use decimal::CqlDecimal;
pub use duration::CqlDuration;
pub use element::{Elements, MapEntries, VectorElements};
pub use from_cql::FromCql;
pub use geometry::{Distance, LineString, Point, Polygon};
#[cfg(feature = "serde_json")]
pub use json::Json;
pub use ordered_map::OrderedMap;
pub use temporal::{CqlDate, CqlTime, CqlTimestamp};
pub use timeuuid::CqlTimeuuid;
pub use to_cql::{NestedWriter, ToCql, ValueWriter};
pub use tuple::take_field;
pub use udt::{UdtCells, UdtRef};
pub use varint::CqlVarint;
