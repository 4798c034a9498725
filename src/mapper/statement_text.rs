//! CQL text with its values. The one place where names are quoted and markers set: no value ever becomes part of a text.

use std::borrow::Cow;

use crate::schema::quote;

use super::relation::{Left, Relation};
use super::value::{Use, Value, Values};

/// A statement being written.
pub(super) struct StatementText<'v> {
    pub(super) cql: String,
    pub(super) values: Values<'v>,
}

impl<'v> StatementText<'v> {
    /// Begins with the given words.
    pub(super) fn new(words: &str) -> Self {
        let mut cql = String::with_capacity(128);
        cql.push_str(words);
        Self { cql, values: Values::default() }
    }

    pub(super) fn push(&mut self, words: &str) -> &mut Self {
        self.cql.push_str(words);
        self
    }

    /// A name as it is spelled in the schema, quoted where it must be.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.cql.push_str(&quote(name));
        self
    }

    /// Names with commas between them.
    pub(super) fn names<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> &mut Self {
        self.list(names, ", ", |text, name| {
            text.name(name);
        })
    }

    /// The table with its keyspace.
    pub(super) fn table(&mut self, keyspace: &str, table: &str) -> &mut Self {
        self.name(keyspace).push(".").name(table)
    }

    /// A marker, and what goes there.
    pub(super) fn marker(&mut self, value: Value<'v>, purpose: Use) -> &mut Self {
        for marker in 0..value.markers() {
            self.push(if marker == 0 { "?" } else { ", ?" });
        }
        self.values.push(value, purpose);
        self
    }

    /// `items` written one by one, with something between.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        between: &str,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.push(between);
            }
            write(self, item);
        }
        self
    }

    /// ` USING TTL ? AND TIMESTAMP ?`, as far as they are said.
    pub(super) fn using(&mut self, ttl: Option<i32>, timestamp: Option<i64>) -> &mut Self {
        let mut word = " USING ";
        if let Some(ttl) = ttl {
            self.push(word).push("TTL ").marker(Value::one(ttl), Use::Written);
            word = " AND ";
        }
        if let Some(timestamp) = timestamp {
            self.push(word).push("TIMESTAMP ").marker(Value::one(timestamp), Use::Written);
        }
        self
    }

    /// ` WHERE a = ? AND ..`, or the same with ` IF `; nothing without relations.
    pub(super) fn relations<'n>(
        &mut self,
        keyword: &str,
        relations: &[Relation],
        partition_key: impl Fn() -> Vec<Cow<'n, str>>,
    ) -> &mut Self {
        if relations.is_empty() {
            return self;
        }
        self.push(keyword).list(relations, " AND ", |text, relation| {
            match &relation.left {
                Left::Column(column) => text.name(column),
                Left::Token => {
                    let columns = partition_key();
                    text.push("token(").names(columns.iter().map(|column| &**column)).push(")")
                }
            };
            text.push(" ").push(relation.operator.cql());
            match &relation.value {
                None => {}
                Some(key @ Value::Key(..)) => {
                    text.push(" token(").marker(key.clone(), Use::Compared).push(")");
                }
                Some(value) => {
                    text.push(" ").marker(value.clone(), Use::Compared);
                }
            }
        })
    }
}
