//! What a statement is refused with.

use thiserror::Error;

/// Why a statement was refused, in the terms a client understands: an error code of the protocol and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CqlError {
    /// Which of the protocol's error codes the client gets.
    pub kind: CqlErrorKind,
    /// One sentence for people, close to what Apache Cassandra would say.
    pub message: String,
}

/// The protocol's error codes that a statement can end with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CqlErrorKind {
    /// The node itself is at fault (0x0000).
    Server,
    /// The request contradicts the protocol, for instance a garbled paging state (0x000A).
    Protocol,
    /// The node refuses new data, for instance because its memory limit is reached (0x1001).
    Overloaded,
    /// The text is not CQL (0x2000).
    Syntax,
    /// The statement touches what its user may not touch, such as the system keyspaces (0x2100).
    Unauthorized,
    /// The text is CQL, but it cannot be carried out (0x2200).
    Invalid,
    /// A schema change that is wrong because of its options (0x2300).
    Config,
    /// What the statement would create is there already (0x2400).
    AlreadyExists {
        /// The keyspace that exists or that holds the table.
        keyspace: String,
        /// The table, empty when it is the keyspace that exists.
        table: String,
    },
    /// The schema has changed under a prepared plan, which has to be prepared again (0x2500).
    Stale,
    /// A function failed while it was evaluated (0x1400).
    Function {
        /// The keyspace of the function.
        keyspace: String,
        /// The function's name.
        function: String,
        /// The CQL types of its arguments.
        arguments: Vec<String>,
    },
}

impl CqlError {
    /// A syntax error: the text is not CQL.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self { kind: CqlErrorKind::Syntax, message: message.into() }
    }

    /// An invalid request: CQL that cannot be carried out.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: CqlErrorKind::Invalid, message: message.into() }
    }

    /// A refusal of what Apache Cassandra has and this node has not; `what` completes "does not support".
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::invalid(format!("The embedded node does not support {what}"))
    }

    /// A schema change refused because of its options.
    pub fn config(message: impl Into<String>) -> Self {
        Self { kind: CqlErrorKind::Config, message: message.into() }
    }

    /// A statement on what its user may not touch.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { kind: CqlErrorKind::Unauthorized, message: message.into() }
    }

    /// A request that contradicts the protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self { kind: CqlErrorKind::Protocol, message: message.into() }
    }

    /// The protocol's code of this error.
    pub fn code(&self) -> i32 {
        match self.kind {
            CqlErrorKind::Server => 0x0000,
            CqlErrorKind::Protocol => 0x000A,
            CqlErrorKind::Overloaded => 0x1001,
            CqlErrorKind::Function { .. } => 0x1400,
            CqlErrorKind::Syntax => 0x2000,
            CqlErrorKind::Unauthorized => 0x2100,
            CqlErrorKind::Invalid => 0x2200,
            CqlErrorKind::Config => 0x2300,
            CqlErrorKind::AlreadyExists { .. } => 0x2400,
            CqlErrorKind::Stale => 0x2500,
        }
    }
}
