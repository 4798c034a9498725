//! What is inside an error.

use std::fmt;
use std::sync::Arc;

use chorus_actors::config::ConfigError;
use chorus_actors::{ConnectError, ControlError, RequestError, RequestErrorKind, UseKeyspaceError};
use chorus_protocol::{DecodeError, EncodeError, ValueError};

use super::{Error, ErrorKind};

/// The leaf errors of every stage, one variant each.
pub(crate) enum Cause {
    Config(ConfigProblem),
    #[cfg(feature = "cloud")]
    Bundle(crate::cloud::BundleProblem),
    Connect(ConnectError),
    Request(RequestError),
    Control(ControlError),
    Keyspace(UseKeyspaceError),
    /// A value that does not fit, and the text of the statement it was for, where that is known.
    Values(ValueError, Option<Arc<str>>),
    Rows(ValueError),
    Encode(EncodeError),
    Decode(DecodeError),
    Result(ResultProblem),
    Usage(UsageProblem),
    /// A value that could not be encrypted, or a cell that could not be decrypted.
    #[cfg(feature = "encryption")]
    Encryption {
        reading: bool,
        position: usize,
        column: Box<str>,
        error: crate::encryption::EncryptionError,
    },
    /// What ended a scan, and where.
    Scan(Box<crate::scan::ScanFailure>),
    /// An error that several callers share.
    Shared(Error),
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// A setting of the engine, or two of them together.
    #[error(transparent)]
    Engine(#[from] ConfigError),
    /// Certificates and keys.
    #[cfg(feature = "tls")]
    #[error("TLS cannot work as configured: {0}")]
    Tls(#[from] crate::config::TlsConfigProblem),
    /// Two execution profiles of one name; `default` is that of the session's own.
    #[error("there are two execution profiles {0:?}")]
    ProfileExists(Box<str>),
    /// Client routes over TLS that insists on addresses.
    #[cfg(feature = "tls")]
    #[error(
        "certificates are not for the addresses that client routes lead to: say which server_name to insist on, or turn verify_hostname off"
    )]
    RoutesWithHostnames,
    /// A setting that is made already by the secure connect bundle the builder came from.
    #[error("{setting} is determined by the secure connect bundle and cannot be set besides")]
    BesidesBundle {
        /// The setting.
        setting: &'static str,
    },
    /// A log of slow requests that logs one in zero of them, or no line a second.
    #[error("the log of slow requests would never log one")]
    SilentLog,
    /// A blocking session has no runtime around it on which the engine could live.
    #[error("a blocking session needs a dedicated placement: there is no runtime for the engine to live on")]
    NoRuntime,
}

/// A result that is not of the form that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResultProblem {
    /// The statement returns no rows at all, being no SELECT.
    #[error("the statement returned no rows: it is not a query")]
    NotRows,
    /// One row was asked for and there are none.
    #[error("the result has no row where one was expected")]
    NoRow,
    /// One row was asked for and there are several.
    #[error("the result has {0} rows where one was expected")]
    TooManyRows(usize),
    /// There is no `[applied]` column, so the statement was not conditional.
    #[error("the result does not say whether the statement was applied: it is not conditional")]
    NotConditional,
    /// Rows came without their description, which was never asked for.
    #[error("the result's rows came without their description")]
    MissingMetadata,
    /// A compressed answer on a connection that agreed to no compression.
    #[error("the answer is compressed, and no compression was agreed upon")]
    UnexpectedCompression,
    /// A trace was asked for of a request that was not traced.
    #[error("the request was not traced: its result has no tracing id")]
    NotTraced,
    /// A trace was not there, or not complete, in time.
    #[error("the trace {id} was not complete within {waited:?}")]
    TraceUnavailable {
        /// The trace.
        id: chorus_protocol::Uuid,
        /// How long it was waited for.
        waited: std::time::Duration,
    },
    /// A page has too many bytes for one Arrow record batch, or its nulls would take too much room there.
    #[error("the page is too large for one record batch: take smaller pages")]
    BatchTooLarge,
    /// The table was altered while the result was read, and batches of one schema were asked for.
    #[error("the columns of the result changed from one page to the next")]
    ColumnsChanged,
    /// An answer of another kind than the request has.
    #[error("the server answered with a message that does not belong to the request (opcode {0:#04x})")]
    UnexpectedAnswer(u8),
}

impl ResultProblem {
    /// Whether the answer cannot be understood, rather than being of a form that the caller did not expect.
    pub(crate) fn is_of_the_answer(&self) -> bool {
        matches!(self, Self::UnexpectedAnswer(_) | Self::UnexpectedCompression | Self::MissingMetadata)
    }
}

/// A call that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageProblem {
    /// A concurrency of zero would never send anything.
    #[error("the concurrency must be greater than zero")]
    ZeroConcurrency,
    /// A time limit of zero would have passed before anything was asked.
    #[error("the time limit must be greater than zero")]
    ZeroLimit,
    /// A batch may have 65535 statements.
    #[error("the batch has {0} statements, and may have 65535")]
    BatchTooLarge(usize),
    /// A statement names a column of the partition key and leaves its value unset.
    #[error("the value of column {column:?} is unset, and the column is part of the partition key")]
    UnsetKey {
        /// The column.
        column: Box<str>,
    },
    /// A column is to be encrypted, and the table keeps something else in it than blobs.
    #[cfg(feature = "encryption")]
    #[error("column {column:?} is to be encrypted and is no blob: its type is {typ}")]
    EncryptedType {
        /// The column.
        column: Box<str>,
        /// Its type in the schema.
        typ: chorus_protocol::CqlType,
    },
    /// A column of the primary key is encrypted differently each time, so that no row would ever be found by it.
    #[cfg(feature = "encryption")]
    #[error(
        "column {column:?} is part of the primary key, and its encryption is not deterministic: no row would be found by it"
    )]
    RandomlyEncryptedKey {
        /// The column.
        column: Box<str>,
    },
    /// A column of a composite partition key has more bytes than can be hashed: this many.
    #[error("a value of the composite partition key has {0} bytes, and may have 65535")]
    KeyTooLong(usize),
    /// A statement prepared by another session, whose connections speak another dialect of the protocol.
    #[error(
        "the statement was prepared by a session that speaks another version of the protocol; prepare it again"
    )]
    ForeignStatement,
    /// An execution profile of that name was never given.
    #[error("there is no execution profile {name:?}; there are: {}", known.join(", "))]
    UnknownProfile {
        /// The name asked for.
        name: Box<str>,
        /// Every name there is, `default` included.
        known: Box<[String]>,
    },
    /// An execution profile cannot take the name of another one; `default` is that of the session's own.
    #[error("there is an execution profile {name:?} already")]
    ProfileExists {
        /// The name.
        name: Box<str>,
    },
    /// A user-defined type, or its keyspace, is not part of the schema as it is known.
    #[error(transparent)]
    UnknownType(#[from] chorus_topology::metadata::UnknownType),
    /// A session was inherited by a process that was forked off. Its threads were not, and its sockets are the parent's.
    #[error(
        "the session was opened by process {opened} and cannot be used by process {here}: open one after the fork"
    )]
    Forked {
        /// The process that opened the session.
        opened: u32,
        /// The one that uses it.
        here: u32,
    },
    /// A table to be scanned is not part of the schema.
    #[error("there is no table {keyspace}.{table}")]
    UnknownTable {
        /// Its keyspace.
        keyspace: Box<str>,
        /// Its name.
        table: Box<str>,
    },
    /// A column to be scanned is not part of its table.
    #[error("the table {keyspace}.{table} has no column {column:?}")]
    UnknownColumn {
        /// The table's keyspace.
        keyspace: Box<str>,
        /// The table.
        table: Box<str>,
        /// The column.
        column: Box<str>,
    },
    /// A table of which every host has rows of its own, such as those of keyspace `system`: no token says where they are.
    #[error(
        "every host has rows of its own in {keyspace}.{table}, so that it cannot be scanned as one table: query it on one host (Statement::on_host)"
    )]
    LocalTable {
        /// Its keyspace.
        keyspace: Box<str>,
        /// Its name.
        table: Box<str>,
    },
    /// A scan of no columns at all.
    #[error("no column is to be read: name one, or leave all to be read")]
    NothingSelected,
    /// The filter of a scan, or what it selects, has bind markers, which nobody has values for.
    #[error("what a scan selects and filters by must not have bind markers: write the values into it")]
    MarkersInFilter,
    /// The program stopped a scan, and asked it for another page.
    #[error("the scan was stopped before its end")]
    ScanStopped,
    /// A timestamp below zero, which the protocol forbids.
    #[error("the timestamp {0} is negative")]
    NegativeTimestamp(i64),
    /// The protocol version of the connection has no such feature.
    #[error("{feature} needs protocol {needs}, and the session speaks {speaks}")]
    Unsupported {
        /// What was asked for.
        feature: &'static str,
        /// The first version that has it.
        needs: chorus_protocol::ProtocolVersion,
        /// The version of the session.
        speaks: chorus_protocol::ProtocolVersion,
    },
}

impl Cause {
    /// Whether a prepared statement was refused because its text means something else now. Nothing was sent then.
    pub(super) fn is_of_outdated_statement(&self) -> bool {
        let Cause::Request(error) = self else { return false };
        matches!(
            error.kind(),
            RequestErrorKind::PreparedIdChanged { .. } | RequestErrorKind::MarkerChanged { .. }
        )
    }

    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Cause::Config(_) => ErrorKind::Config,
            #[cfg(feature = "cloud")]
            Cause::Bundle(problem) if problem.is_of_service() => ErrorKind::Connect,
            #[cfg(feature = "cloud")]
            Cause::Bundle(_) => ErrorKind::Config,
            Cause::Connect(error) => kind_of_connect(error),
            Cause::Request(error) => match error.kind() {
                RequestErrorKind::Database(_) => ErrorKind::Db,
                RequestErrorKind::Timeout { .. } => ErrorKind::Timeout,
                RequestErrorKind::ConnectionLost { .. } => ErrorKind::ConnectionLost,
                RequestErrorKind::NoHostAvailable => ErrorKind::NoHostAvailable,
                RequestErrorKind::Overloaded { .. } => ErrorKind::Overloaded,
                RequestErrorKind::SessionClosed | RequestErrorKind::EngineLost => ErrorKind::SessionClosed,
                RequestErrorKind::TooLarge { .. } => ErrorKind::Values,
                RequestErrorKind::PreparedIdChanged { .. }
                | RequestErrorKind::MarkerChanged { .. }
                | RequestErrorKind::UnknownPrepared { .. } => ErrorKind::Usage,
                _ => ErrorKind::Protocol,
            },
            Cause::Control(ControlError::ShutDown) | Cause::Keyspace(UseKeyspaceError::ShutDown) => {
                ErrorKind::SessionClosed
            }
            Cause::Keyspace(UseKeyspaceError::Refused { .. }) => ErrorKind::Db,
            Cause::Control(ControlError::Disagreement(_) | ControlError::NotTried(_)) => ErrorKind::Timeout,
            Cause::Control(_) | Cause::Keyspace(_) => ErrorKind::NoHostAvailable,
            Cause::Values(..) => ErrorKind::Values,
            Cause::Rows(_) => ErrorKind::Rows,
            Cause::Encode(EncodeError::Unsupported { .. }) => ErrorKind::Unsupported,
            Cause::Encode(_) => ErrorKind::Values,
            Cause::Decode(_) => ErrorKind::Protocol,
            Cause::Result(problem) if problem.is_of_the_answer() => ErrorKind::Protocol,
            Cause::Result(ResultProblem::TraceUnavailable { .. }) => ErrorKind::Timeout,
            Cause::Result(_) => ErrorKind::Result,
            Cause::Usage(UsageProblem::Unsupported { .. }) => ErrorKind::Unsupported,
            Cause::Usage(_) => ErrorKind::Usage,
            #[cfg(feature = "encryption")]
            Cause::Encryption { reading, .. } => {
                if *reading {
                    ErrorKind::Rows
                } else {
                    ErrorKind::Values
                }
            }
            Cause::Scan(failure) => failure.error.kind(),
            Cause::Shared(error) => error.kind(),
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Cause::Connect(error) => std::error::Error::source(error),
            Cause::Request(error) => std::error::Error::source(error),
            Cause::Control(error) => std::error::Error::source(error),
            Cause::Keyspace(error) => std::error::Error::source(error),
            Cause::Values(error, _) | Cause::Rows(error) => Some(error),
            Cause::Encode(error) => Some(error),
            Cause::Decode(error) => Some(error),
            Cause::Config(_) | Cause::Result(_) | Cause::Usage(_) => None,
            #[cfg(feature = "cloud")]
            Cause::Bundle(_) => None,
            #[cfg(feature = "encryption")]
            Cause::Encryption { error, .. } => Some(error),
            Cause::Scan(failure) => Some(&failure.error),
            Cause::Shared(error) => std::error::Error::source(error),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Config(problem) => problem.fmt(f),
            #[cfg(feature = "cloud")]
            Cause::Bundle(problem) => problem.fmt(f),
            Cause::Connect(error) => error.fmt(f),
            Cause::Request(error) => error.fmt(f),
            Cause::Control(error) => error.fmt(f),
            Cause::Keyspace(error) => error.fmt(f),
            Cause::Values(error, statement) => {
                match error.column() {
                    Some((position, name)) => {
                        write!(f, "the value for column {name:?} (position {position}) does not fit")?;
                    }
                    None => f.write_str("the values do not fit the statement")?,
                }
                match statement {
                    Some(statement) => write!(f, ": {}", beginning(statement)),
                    None => Ok(()),
                }
            }
            Cause::Rows(error) => match error.column() {
                Some((position, name)) => {
                    write!(f, "column {name:?} (position {position}) cannot be read as asked")
                }
                None => f.write_str("the rows cannot be read as asked"),
            },
            Cause::Encode(_) => f.write_str("the request cannot be expressed in the protocol"),
            Cause::Decode(_) => f.write_str("the server's answer cannot be understood"),
            Cause::Result(problem) => problem.fmt(f),
            Cause::Usage(problem) => problem.fmt(f),
            #[cfg(feature = "encryption")]
            Cause::Encryption { reading, position, column, .. } => {
                let verb = if *reading { "decrypted" } else { "encrypted" };
                write!(f, "the value of column {column:?} (position {position}) could not be {verb}")
            }
            Cause::Scan(failure) => failure.fmt(f),
            Cause::Shared(error) => error.fmt(f),
        }
    }
}

/// As much of a statement as an error shows: its beginning tells which it is, and its end may have literals.
fn beginning(statement: &str) -> String {
    const MOST: usize = 200;
    match statement.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &statement[..end]),
        None => statement.to_owned(),
    }
}

fn kind_of_connect(error: &ConnectError) -> ErrorKind {
    match error {
        error if error.is_authentication() => ErrorKind::Authentication,
        ConnectError::Config(_) => ErrorKind::Config,
        error if error.is_tls() => ErrorKind::Tls,
        ConnectError::NoHostAvailable { .. } | ConnectError::Resolve { .. } => ErrorKind::NoHostAvailable,
        ConnectError::Timeout { .. } => ErrorKind::Timeout,
        ConnectError::Keyspace { .. } | ConnectError::Server(_) => ErrorKind::Db,
        ConnectError::ShutDown => ErrorKind::SessionClosed,
        _ => ErrorKind::Connect,
    }
}
