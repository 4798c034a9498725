//! A statement as text, parsed by the server each time it runs.

use std::sync::Arc;

use super::options::{StatementOptions, page_size_setter, statement_setters};

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
    pub(crate) options: StatementOptions,
}

impl Statement {
    /// A statement with every option inherited from the session.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), keyspace: None, options: StatementOptions::default() }
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
