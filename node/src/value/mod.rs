//! Values as bytes, in the protocol's encoding: checked, compared, ordered, taken apart and put together.
//!
//! The node stores what clients send, byte for byte, so nothing here turns a value into an object unless it is calculated
//! with or shown.

mod collection;
mod compare;
mod literal;
mod number;
mod order;
mod show;
mod time;
mod uuid;
mod validate;

pub(crate) use collection::{CollectionWriter, elements, fields, pairs, write_cell};
pub(crate) use compare::compare;
pub(crate) use literal::{from_literal, natural_type as literal_type};
pub(crate) use number::{Number, read_i64};
pub(crate) use order::{encode_ordered, prefix_end};
pub(crate) use show::{quote_json, show, to_json};
pub(crate) use time::{DAY_MILLIS, date_of_millis, millis_of_date};
pub(crate) use uuid::{TimeuuidSource, max_timeuuid, min_timeuuid, timeuuid_millis};
pub(crate) use validate::{normalize, validate};
