//! What a caller asks of the engine besides the bytes.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use chorus_protocol::{ColumnSpec, Consistency, FrameShape, response::PreparedBody, token::Token};
use chorus_topology::{HostIndex, LoadBalancingPolicy, RetryPolicy, SpeculativePolicy, TableId, ViewId};

use super::{RequestError, RequestErrorKind, meaning};

/// What a request does, for metrics and policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// A SELECT, or anything whose effect is unknown.
    #[default]
    Read,
    /// An INSERT, UPDATE or DELETE.
    Write,
    /// A BATCH.
    Batch,
    /// A PREPARE, a schema change, the driver's own traffic.
    Other,
}

/// The policies a request obeys.
#[derive(Clone, Debug)]
pub struct ExecutionPolicies {
    /// Which hosts, in which order.
    pub load_balancing: Arc<dyn LoadBalancingPolicy>,
    /// Which view of a route is that policy's.
    pub view: ViewId,
    /// What to do after a failure.
    pub retry: Arc<dyn RetryPolicy>,
    /// When an idempotent request is sent to a second host; `None` for never.
    pub speculative: Option<Arc<dyn SpeculativePolicy>>,
}

/// A statement as it was prepared, kept so that it can be prepared again on a server that forgot it.
#[derive(Debug)]
pub struct Preparation {
    /// The server's id of it.
    pub id: Bytes,
    /// The text.
    pub cql: Arc<str>,
    /// The keyspace it was prepared in, where the protocol carries it (v5).
    pub keyspace: Option<Arc<str>>,
    /// The keyspace that connections used when it was prepared, in which unqualified names were looked up otherwise.
    pub session_keyspace: Option<Arc<str>>,
    /// Its markers. Values are encoded as these say.
    pub markers: Arc<[ColumnSpec]>,
    outdated: OnceLock<RequestErrorKind>,
}

impl Preparation {
    /// A statement as a server described it.
    pub fn new(
        id: Bytes,
        cql: Arc<str>,
        keyspace: Option<Arc<str>>,
        session_keyspace: Option<Arc<str>>,
        markers: Arc<[ColumnSpec]>,
    ) -> Self {
        Self { id, cql, keyspace, session_keyspace, markers, outdated: OnceLock::new() }
    }

    /// Whether a server has said that the text means something else now: it was prepared under another id, or its markers are
    /// of other types. Requests that find out fail, and nobody should send others; the text must be prepared anew.
    #[inline]
    pub fn is_outdated(&self) -> bool {
        self.outdated.get().is_some()
    }

    /// What the server said, once the statement [is outdated](Self::is_outdated).
    pub fn outdated(&self) -> Option<RequestError> {
        self.outdated.get().cloned().map(RequestError::from)
    }

    /// Why values bound for this statement cannot be sent where it has just been prepared again; `None` if they can.
    pub(crate) fn refusal(&self, answer: &PreparedBody) -> Option<RequestErrorKind> {
        if answer.id != self.id {
            return Some(self.id_changed());
        }
        let change = meaning::changed(&self.markers, &answer.bind.columns)?;
        let cql = self.cql.to_string();
        Some(RequestErrorKind::MarkerChanged { cql, marker: change.marker, was: change.was, is: change.is })
    }

    /// The refusal where it was prepared again under another id.
    pub(crate) fn id_changed(&self) -> RequestErrorKind {
        RequestErrorKind::PreparedIdChanged { cql: self.cql.to_string() }
    }

    /// From now on it is. The first reason stays.
    pub(crate) fn set_outdated(&self, why: RequestErrorKind) {
        // Another connection may have found out at the same time.
        let _ = self.outdated.set(why);
    }

    /// The keyspace that a PREPARE of it names: the one it was prepared in, where the protocol can say that.
    pub(crate) fn keyspace_in_message(&self, shape: &FrameShape) -> Option<&str> {
        let keyspace = self.keyspace.as_deref().or(self.session_keyspace.as_deref());
        keyspace.filter(|_| shape.version.has_keyspace_field())
    }
}

/// The prepared statements a request refers to.
#[derive(Clone, Debug, Default)]
pub enum Preparations {
    /// None: the request carries its text.
    #[default]
    None,
    /// An EXECUTE.
    One(Arc<Preparation>),
    /// A BATCH of several.
    Many(Arc<[Arc<Preparation>]>),
}

impl Preparations {
    /// How many they are. A batch names each as often as it is executed.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(known) => u32::try_from(known.len()).unwrap_or(u32::MAX / 2),
        }
    }

    /// The statement with this id.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Arc<Preparation>> {
        match self {
            Self::None => None,
            Self::One(known) => (known.id == id).then_some(known),
            Self::Many(known) => known.iter().find(|known| known.id == id),
        }
    }
}

/// See the fields; the default is a read without a known partition, the session's policies and no deadline.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// Token of the partition, when the statement names one.
    pub token: Option<Token>,
    /// The table, for its replicas.
    pub table: Option<TableId>,
    /// The consistency the frame asks for.
    pub consistency: Consistency,
    /// Where in the frame the two bytes of the consistency are, so that a retry can change them. `None` when a
    /// retry must not.
    pub consistency_offset: Option<u32>,
    /// Whether applying it twice is the same as applying it once. Only then is it sent again after a failure that
    /// leaves its fate open.
    pub idempotent: bool,
    /// Whether it is a conditional update, which wants the same replica order everywhere.
    pub lwt: bool,
    /// What it does.
    pub kind: RequestKind,
    /// Whether it asks for a further page of a result; only counted.
    pub next_page: bool,
    /// From when the reactor takes it until it fails with a timeout, over all attempts. `None` waits for ever.
    pub timeout: Option<Duration>,
    /// Only this host, no other.
    pub host: Option<HostIndex>,
    /// This host first, then whichever the policy says.
    pub preferred: Option<HostIndex>,
    /// Statements the server may have forgotten.
    pub prepared: Preparations,
    /// `None` for the session's.
    pub policies: Option<Arc<ExecutionPolicies>>,
}

impl RequestOptions {
    /// Names the statement a server may have forgotten. That of the request this box served last is kept when it is the
    /// same one, which saves touching its reference count.
    #[inline(always)]
    pub fn name(&mut self, preparation: &Arc<Preparation>) {
        match &self.prepared {
            Preparations::One(known) if Arc::ptr_eq(known, preparation) => {}
            _ => self.prepared = Preparations::One(Arc::clone(preparation)),
        }
    }
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            token: None,
            table: None,
            consistency: Consistency::LocalOne,
            consistency_offset: None,
            idempotent: false,
            lwt: false,
            kind: RequestKind::Read,
            next_page: false,
            timeout: None,
            host: None,
            preferred: None,
            prepared: Preparations::None,
            policies: None,
        }
    }
}
