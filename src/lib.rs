//! Chorus is a CQL driver and bulk-load engine for ScyllaDB and Apache Cassandra.
//!
//! ```no_run
//! # async fn example() -> Result<(), chorus::Error> {
//! use chorus::Session;
//!
//! let session = Session::builder().contact_point("127.0.0.1").connect().await?;
//! let insert = session.prepare("INSERT INTO shop.orders (id, total) VALUES (?, ?)").await?;
//! session.execute(&insert, (1_i64, 250_i32)).await?;
//!
//! let result = session.query("SELECT id, total FROM shop.orders", ()).await?;
//! for row in result.rows::<(i64, i32)>()? {
//!     let (id, total) = row?;
//!     println!("order {id}: {total}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Where to begin:
//!
//! * [`Session`]: one request, and the place from which everything else is reached.
//! * [`Session::execute_concurrent_with_args`]: thousands of requests with a bounded number in flight.
//! * [`Session::bulk`]: as many rows as the servers take.
//! * [`Session::scan`]: whole tables, by token ranges; and how many rows they have.
//! * `bulk`, with the feature of that name: files into tables; what the `chorus` command does.
//! * `arrow`, with the feature of that name: results as Arrow record batches.
//! * [`mapper`]: structs as rows of tables, and the tables themselves.
//! * [`blocking`]: the same for programs without a runtime.
//! * [`Error`]: the one error type; what to ask it.
//!
//! A session works inside any tokio program: `#[tokio::main]`, a `current_thread` runtime, an actix `System`; and, through
//! [`blocking`], inside none. Where its engine runs is a [`Placement`].
//!
//! Values are bound from Rust types through [`ToCql`] and [`IntoRow`], and read through [`FromCql`] and [`FromRow`]; both
//! have derive macros. Tuples, vectors, arrays and maps are rows already, and [`CqlValue`], [`Row`] and
//! [`RowView`] are for what is only known at run time. [`value`] has all types of values, [`literal`] their text; `docs/values.md` says what goes with what.
//! With the feature `encryption`, the module of that name keeps columns from being read by anybody else.

#![forbid(unsafe_code)]

/// The Rust in the pages is compiled with the documentation.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/tracing.md")]
    mod tracing {}
    #[doc = include_str!("../docs/guide.md")]
    mod guide {}
}

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod auth;
pub mod blocking;
#[cfg(feature = "bulk")]
pub mod bulk;
#[cfg(feature = "cloud")]
pub mod cloud;
mod cluster;
mod concurrent;
mod config;
#[cfg(feature = "encryption")]
pub mod encryption;
#[cfg(not(feature = "encryption"))]
mod encryption;
mod error;
mod ingest;
pub mod mapper;
pub mod metrics;
mod observe;
pub mod policy;
mod pool_state;
mod replica_groups;
mod request;
mod result;
pub mod scan;
pub mod schema;
mod session;
mod statement;
mod stream;
mod timestamp;
mod trace;

/// The rustls that [`TlsConfigBuilder::client_config`] takes a configuration of.
#[cfg(feature = "tls")]
pub use rustls;

// The derive macros name types by this path.
#[doc(hidden)]
pub use chorus_protocol as protocol;

pub use chorus_actors::config::{
    ApplicationInfo, ContactPoint, ControlConnectionFallback, EventWindows, Heartbeat, Limits, PoolSize,
    Resolver, ShardAwareness, SystemResolver,
};
#[cfg(feature = "tls")]
pub use chorus_actors::tls::TlsPeer;
pub use chorus_actors::{
    AgreementScope, ClusterEvent, ClusterEvents, ConnectionSnapshot, Placement, RequestKind, ShutdownReport,
    TlsProblem,
};
pub use chorus_derive::*;
pub use chorus_protocol::response::{DbError, ErrorBody, SchemaChange};
pub use chorus_protocol::{
    ColumnSpec, Compression, Consistency, CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp,
    CqlTimeuuid, CqlType, CqlValue, CqlVarint, CustomPayload, FromCql, FromRow, IntoRow, MaybeEmpty,
    MaybeUnset, ProtocolVersion, Row, RowView, Scalar, SerialConsistency, ToCql, Unset, Uuid, ValueError,
};
pub use chorus_protocol::{literal, value};
pub use chorus_topology::{
    AddressTranslator, ClientRouteProxy, ClientRoutes, ClusterState, Endpoint, EndpointFactory, Host,
    HostIndex, InvalidServerVersion, SchemaScope, ServerVersion, SniProxy,
};

pub use cluster::Cluster;
pub use concurrent::{Concurrent, ConcurrentStream, Source, StatementSource, ValueSource};
pub use config::{ExecutionProfile, IntoContactPoint, SessionBuilder};
#[cfg(feature = "tls")]
pub use config::{PemSource, TlsConfig, TlsConfigBuilder, TlsConfigProblem};
pub use error::{Attempt, ConfigProblem, Error, ErrorKind, ResultProblem, UsageProblem};
pub use ingest::{BulkInsert, BulkOutcome, BulkProgress, BulkReport, BulkSink, ReturnedRow};
pub use observe::{RequestInfo, RequestListener, RequestSpans, SlowRequestLog};
pub use pool_state::{PoolState, ShardStats};
pub use replica_groups::ReplicaGroup;
pub use request::{AnyStatement, Execute};
pub use result::{PagingState, QueryResult, Rows};
pub use session::Session;
pub use statement::{
    Batch, BatchMember, BatchType, BoundStatement, PageSize, PreparedStatement, Statement, Timeout,
};
pub use stream::{Pages, RowStream};
pub use timestamp::{
    MonotonicTimestampGenerator, SimpleTimestampGenerator, SystemClock, TimestampGenerator, WallClock,
};
pub use trace::{Trace, TraceEvent, TraceOptions};
