//! A statement as text, parsed by the server each time it runs.

use std::sync::Arc;

use chorus_protocol::token::{Token, composite_key, murmur3_token};
use chorus_topology::{Route, TableId};

use super::options::{StatementOptions, page_size_setter, statement_setters};
use crate::error::UsageProblem;

/// CQL text with its options.
///
/// For statements that run once. What runs often is better [prepared](crate::Session::prepare): the server parses it once,
/// the driver knows its partition key and sends it straight to a replica.
///
/// ```
/// use chorus::{Consistency, Statement};
///
/// let statement = Statement::new("SELECT name FROM shop.customers").consistency(Consistency::Quorum).page_size(100);
/// assert_eq!(statement.text(), "SELECT name FROM shop.customers");
/// ```
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) text: Arc<str>,
    pub(crate) keyspace: Option<Arc<str>>,
    /// Where its rows are, if the program says; or why that cannot be.
    pub(crate) routing: Option<Result<Arc<Routing>, UsageProblem>>,
    pub(crate) options: StatementOptions,
}

/// The partition that a text is about.
#[derive(Debug)]
pub(crate) struct Routing {
    keyspace: Box<str>,
    table: Box<str>,
    key: Vec<u8>,
}

impl Routing {
    /// What the engine wants to know of it.
    pub(crate) fn target(&self, route: &Route) -> (Token, Option<TableId>) {
        (murmur3_token(&self.key), route.table_id(&self.keyspace, &self.table))
    }
}

impl Statement {
    /// A statement with every option inherited from the session.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), keyspace: None, routing: None, options: StatementOptions::default() }
    }

    statement_setters!(unchanged);
    page_size_setter!(unchanged);

    /// Resolves unqualified table names in this keyspace instead of the session's. Goes over the wire, which needs protocol
    /// v5; on a lower version the request fails with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported). Defaults to
    /// the session's keyspace.
    #[must_use]
    pub fn keyspace(mut self, name: impl Into<Arc<str>>) -> Self {
        self.keyspace = Some(name.into());
        self
    }

    /// Says which partition the statement is about, so that it is sent straight to a replica: the table, both names as they are
    /// spelled in the schema, and the columns of its partition key in order, each as it is encoded. A text with values does not
    /// need it, being prepared first. Nothing of it is sent. Defaults to none: any host will do.
    ///
    /// ```
    /// use chorus::Statement;
    ///
    /// let id = 7_i64;
    /// let statement =
    ///     Statement::new(format!("SELECT total FROM shop.orders WHERE id = {id}"))
    ///         .routing_key("shop", "orders", &[&id.to_be_bytes()]);
    /// # assert!(statement.text().ends_with("7"));
    /// ```
    ///
    /// A column of a composite key that is longer than 65535 bytes is reported when the statement is executed.
    #[must_use]
    pub fn routing_key(mut self, keyspace: &str, table: &str, key: &[&[u8]]) -> Self {
        let mut whole = Vec::new();
        self.routing = Some(match composite_key(key, &mut whole) {
            Ok(()) => Ok(Arc::new(Routing { keyspace: keyspace.into(), table: table.into(), key: whole })),
            // The only thing that can be wrong with it.
            Err(_) => Err(UsageProblem::KeyTooLong(key.iter().map(|part| part.len()).max().unwrap_or(0))),
        });
        self
    }

    /// Takes back what [`routing_key`](Self::routing_key) said.
    #[must_use]
    pub fn without_routing_key(mut self) -> Self {
        self.routing = None;
        self
    }

    /// The CQL text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn unchanged(self) -> Self {
        self
    }
}

impl From<&str> for Statement {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Statement {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Statement {
    fn from(text: &String) -> Self {
        Self::new(text.as_str())
    }
}

impl From<&Statement> for Statement {
    fn from(statement: &Statement) -> Self {
        statement.clone()
    }
}
