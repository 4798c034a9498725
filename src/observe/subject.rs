//! What a call is about, as spans and the slow-request log show it.

use std::sync::Arc;

use chorus_protocol::Consistency;

use super::Outline;
use crate::Session;
use crate::error::Error;
use crate::request::{AnyStatement, Settings};
use crate::statement::{Batch, BatchMember, PreparedStatement, Statement, StatementOptions};

/// Members of a batch that are looked at: it may have tens of thousands.
const MEMBERS: usize = 16;

/// See the module documentation.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(super) outline: Arc<Outline>,
    /// The keyspace of the statement, or the session's.
    pub(super) keyspace: Option<Arc<str>>,
    pub(super) consistency: Consistency,
    pub(super) page_size: Option<i32>,
    pub(super) idempotent: bool,
    /// How many statements it is; one but for batches.
    pub(super) members: usize,
}

impl Subject {
    /// # Errors
    ///
    /// Options that cannot be sent; whoever sends the statement is told of them.
    pub(super) fn of_statement(session: &Session, statement: &AnyStatement) -> Result<Self, Error> {
        match statement {
            AnyStatement::Text(statement) => Self::of_text(session, statement),
            AnyStatement::Bound(bound) => Self::of_prepared(session, &bound.prepared),
            AnyStatement::Batch(batch) => Self::of_batch(session, batch),
        }
    }

    pub(super) fn of_prepared(session: &Session, statement: &PreparedStatement) -> Result<Self, Error> {
        let settings = statement.template()?.settings();
        let outline = Arc::clone(statement.shared.outline());
        // What the server found is what unqualified names were looked up as.
        let keyspace = statement.table().map(|(keyspace, _)| Arc::from(keyspace));
        Ok(Self::new(session, outline, keyspace, settings, statement.options.idempotent))
    }

    pub(super) fn of_text(session: &Session, statement: &Statement) -> Result<Self, Error> {
        let settings = Settings::resolve(&statement.options, &session.inner.defaults)?;
        let outline = Arc::new(Outline::of(&statement.text));
        let idempotent = statement.options.idempotent;
        Ok(Self::new(session, outline, statement.keyspace.clone(), &settings, idempotent))
    }

    pub(super) fn of_batch(session: &Session, batch: &Batch) -> Result<Self, Error> {
        let StatementOptions { idempotent, .. } = batch.options;
        let settings = Settings::resolve(&batch.options, &session.inner.defaults)?;
        let mut outlines: Vec<Arc<Outline>> = Vec::new();
        for member in batch.members().iter().take(MEMBERS) {
            let outline = match member {
                BatchMember::Text(statement) => Arc::new(Outline::of(&statement.text)),
                BatchMember::Bound(bound) => Arc::clone(bound.prepared.shared.outline()),
            };
            if !outlines.contains(&outline) {
                outlines.push(outline);
            }
        }
        let outline = Arc::new(together(&outlines, batch.len() > MEMBERS));
        Ok(Self { members: batch.len(), ..Self::new(session, outline, None, &settings, idempotent) })
    }

    fn new(
        session: &Session,
        outline: Arc<Outline>,
        keyspace: Option<Arc<str>>,
        settings: &Settings,
        idempotent: bool,
    ) -> Self {
        let named = outline.keyspace.as_deref().map(Arc::from);
        Self {
            keyspace: named.or(keyspace).or_else(|| session.keyspace()),
            outline,
            consistency: settings.consistency,
            page_size: settings.page_size,
            idempotent,
            members: 1,
        }
    }
}

/// Several statements as one: what they have in common, and their texts.
fn together(outlines: &[Arc<Outline>], more: bool) -> Outline {
    let same = |of: fn(&Outline) -> Option<&str>| {
        let first = of(outlines.first()?)?;
        outlines.iter().all(|outline| of(outline) == Some(first)).then_some(first)
    };
    let mut text = outlines.iter().map(|outline| &*outline.text).collect::<Vec<_>>().join("; ");
    if more {
        text.push_str("; …");
    }
    let table = same(|outline| outline.table.as_deref());
    Outline {
        text: text.into(),
        operation: match same(|outline| Some(&*outline.operation).filter(|name| !name.is_empty())) {
            Some(operation) => format!("BATCH {operation}").into(),
            None => "BATCH".into(),
        },
        keyspace: table.and_then(|_| same(|outline| outline.keyspace.as_deref())).map(Box::from),
        table: table.map(Box::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_called_by_what_its_members_have_in_common() {
        let outlines =
            |texts: &[&str]| texts.iter().map(|cql| Arc::new(Outline::of(cql))).collect::<Vec<_>>();
        let summary = |texts: &[&str]| together(&outlines(texts), false).summary();
        assert_eq!(
            summary(&["INSERT INTO ks.t (a) VALUES (1)", "INSERT INTO ks.t (b) VALUES (2)"]),
            "BATCH INSERT ks.t"
        );
        assert_eq!(summary(&["INSERT INTO t (a) VALUES (1)", "DELETE FROM t WHERE a = 1"]), "BATCH t");
        assert_eq!(
            summary(&["INSERT INTO ks.t (a) VALUES (1)", "INSERT INTO ks.u (a) VALUES (1)"]),
            "BATCH INSERT"
        );
        assert_eq!(summary(&[]), "BATCH");
        let text = together(&outlines(&["DELETE FROM t WHERE a = 1", "USE ks"]), true).text;
        assert_eq!(&*text, "DELETE FROM t WHERE a = ?; USE ks; …");
    }
}
