//! Filters: which rows a statement is about, and under which condition it is carried out.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chorus_protocol::{CqlTimestamp, CqlTimeuuid, ToCql, Token};

use super::collections::{Contains, MapType};
use super::relation::{Left, Relation};
use super::value::Value;
use super::{Column, Model, Operator};

/// A comparison of a column of `M` with a value: chooses rows in
/// [`Select::filter`](super::Select::filter), and is a condition in [`Update::if_`](super::Update::if_).
///
/// Made by the methods of [`Column`]. The value is bound to a marker, so that filters of one shape make one statement. A value that
/// turns out to be null is refused before anything is sent: nothing equals null.
pub struct Filter<M> {
    pub(super) relation: Relation,
    of: PhantomData<fn() -> M>,
}

impl<M> Filter<M> {
    fn new(relation: Relation) -> Self {
        Self { relation, of: PhantomData }
    }
}

impl<M> Clone for Filter<M> {
    fn clone(&self) -> Self {
        Self::new(self.relation.clone())
    }
}

impl<M> fmt::Debug for Filter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.relation).finish()
    }
}

/// Comparisons. What a column is compared with becomes its type by [`Into`]: text may be a `&str`, and an `i32`, which a number without
/// a suffix is, suits every wider column; for narrower ones write `5_i16`.
impl<M, T: ToCql + Send + Sync + 'static> Column<M, T> {
    /// `column = value`
    pub fn eq(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::Equal, value.into())
    }

    /// `column != value`: for conditions; servers refuse it as a filter.
    pub fn ne(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::NotEqual, value.into())
    }

    /// `column > value`
    pub fn gt(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::Greater, value.into())
    }

    /// `column >= value`
    pub fn ge(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::GreaterOrEqual, value.into())
    }

    /// `column < value`
    pub fn lt(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::Less, value.into())
    }

    /// `column <= value`
    pub fn le(self, value: impl Into<T>) -> Filter<M> {
        self.compare(Operator::LessOrEqual, value.into())
    }

    /// `column IN (values)`. All of them go to one marker, so that their number does not matter to the statement.
    pub fn is_in<V: Into<T>>(self, values: impl IntoIterator<Item = V>) -> Filter<M> {
        self.compare(Operator::In, values.into_iter().map(Into::into).collect::<Vec<T>>())
    }

    /// `column LIKE pattern`: `%` stands for any text. Needs an index that can do it.
    pub fn like(self, pattern: impl Into<String>) -> Filter<M> {
        self.compare(Operator::Like, pattern.into())
    }
}

impl<M, T> Column<M, T> {
    /// `column IS NOT NULL`. Few servers take it outside of the definitions of materialized views.
    pub fn is_not_null(self) -> Filter<M> {
        Filter::new(Relation::of_column(self.name(), Operator::IsNotNull, None))
    }

    fn compare(self, operator: Operator, value: impl ToCql + Send + Sync + 'static) -> Filter<M> {
        Filter::new(Relation::of_column(self.name(), operator, Some(Value::one(value))))
    }
}

/// Comparisons of what is inside a collection.
impl<M, T: Contains> Column<M, T> {
    /// `column CONTAINS element`: an element of a list or set, or a value of a map.
    pub fn contains(self, element: impl Into<T::Contained>) -> Filter<M> {
        self.compare(Operator::Contains, element.into())
    }
}

impl<M, T: MapType> Column<M, T> {
    /// `column CONTAINS KEY key`
    pub fn contains_key(self, key: impl Into<T::Key>) -> Filter<M> {
        self.compare(Operator::ContainsKey, key.into())
    }
}

/// The token of a model's partition key, to be compared: for reading a table part by part.
///
/// ```no_run
/// # use chorus::mapper::{Mapper, Model, TokenBound, token};
/// # async fn example<Reading: Model>(mapper: Mapper) -> Result<(), chorus::mapper::MapperError> {
/// let half = mapper
///     .select::<Reading>()
///     .filter(token().gt(TokenBound::at(0)))
///     .all()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn token<M: Model>() -> TokenColumn<M> {
    TokenColumn(PhantomData)
}

/// See [`token`].
pub struct TokenColumn<M>(PhantomData<fn() -> M>);

/// What a token is compared with.
pub struct TokenBound<M> {
    value: Value<'static>,
    of: PhantomData<fn() -> M>,
}

impl<M: Model> TokenBound<M> {
    /// The token of a partition key.
    pub fn of(key: M::PartitionKey) -> Self {
        let columns = M::table().partition_key().count();
        Self { value: Value::Key(Arc::new(key), columns), of: PhantomData }
    }

    /// A token, by its number.
    pub fn at(token: i64) -> Self {
        Self { value: Value::one(token), of: PhantomData }
    }
}

impl<M: Model> From<Token> for TokenBound<M> {
    fn from(token: Token) -> Self {
        Self::at(token.0)
    }
}

impl<M: Model> TokenColumn<M> {
    /// `token(key) = bound`
    pub fn eq(self, bound: impl Into<TokenBound<M>>) -> Filter<M> {
        Self::compare(Operator::Equal, bound.into())
    }

    /// `token(key) > bound`
    pub fn gt(self, bound: impl Into<TokenBound<M>>) -> Filter<M> {
        Self::compare(Operator::Greater, bound.into())
    }

    /// `token(key) >= bound`
    pub fn ge(self, bound: impl Into<TokenBound<M>>) -> Filter<M> {
        Self::compare(Operator::GreaterOrEqual, bound.into())
    }

    /// `token(key) < bound`
    pub fn lt(self, bound: impl Into<TokenBound<M>>) -> Filter<M> {
        Self::compare(Operator::Less, bound.into())
    }

    /// `token(key) <= bound`
    pub fn le(self, bound: impl Into<TokenBound<M>>) -> Filter<M> {
        Self::compare(Operator::LessOrEqual, bound.into())
    }

    fn compare(operator: Operator, bound: TokenBound<M>) -> Filter<M> {
        Filter::new(Relation { left: Left::Token, operator, value: Some(bound.value) })
    }
}

impl<M> fmt::Debug for TokenColumn<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenColumn")
    }
}

impl<M> fmt::Debug for TokenBound<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenBound")
    }
}

/// The lowest timeuuid of a millisecond, for [`gt`](Column::gt) and its like: the same that the server's `minTimeuuid` gives.
pub fn min_timeuuid(instant: impl Into<CqlTimestamp>) -> CqlTimeuuid {
    CqlTimeuuid::min_at(instant.into().0)
}

/// The highest timeuuid of a millisecond; the same that the server's `maxTimeuuid` gives.
pub fn max_timeuuid(instant: impl Into<CqlTimestamp>) -> CqlTimeuuid {
    CqlTimeuuid::max_at(instant.into().0)
}
