//! What one statement wants done differently from the session's defaults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chorus_protocol::{Consistency, SerialConsistency};
use chorus_topology::{HostIndex, RetryPolicy};

use crate::config::{ExecutionProfile, Speculation};

/// Settings shared by every kind of statement. `None` inherits from the statement's profile, then from the session's.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatementOptions {
    pub(crate) profile: Option<Arc<ExecutionProfile>>,
    pub(crate) consistency: Option<Consistency>,
    pub(crate) serial_consistency: Option<SerialConsistency>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) page_size: Option<PageSize>,
    pub(crate) retry: Option<Arc<dyn RetryPolicy>>,
    pub(crate) speculation: Option<Speculation>,
    /// Only this host.
    pub(crate) host: Option<HostIndex>,
    /// This host first.
    pub(crate) preferred: Option<HostIndex>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) now_in_seconds: Option<i32>,
    pub(crate) idempotent: bool,
    pub(crate) tracing: bool,
    pub(crate) payload: Option<Arc<BTreeMap<String, Bytes>>>,
}

impl StatementOptions {
    /// Whether everything is inherited, whatever is said of idempotence.
    pub(crate) fn are_inherited(&self) -> bool {
        let Self {
            profile,
            consistency,
            serial_consistency,
            timeout,
            page_size,
            retry,
            speculation,
            host,
            preferred,
            timestamp,
            now_in_seconds,
            idempotent: _,
            tracing,
            payload,
        } = self;
        let levels = profile.is_none() && consistency.is_none() && serial_consistency.is_none();
        let limits = timeout.is_none() && page_size.is_none();
        let policies = retry.is_none() && speculation.is_none() && host.is_none() && preferred.is_none();
        let times = timestamp.is_none() && now_in_seconds.is_none();
        levels && limits && policies && times && !tracing && payload.is_none()
    }

    pub(crate) fn insert_payload(&mut self, key: String, value: Bytes) {
        let payload = self.payload.get_or_insert_default();
        Arc::make_mut(payload).insert(key, value);
    }
}

/// How long a request may take, from the moment it is sent to its result, retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// Fail with [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) after this long. Deadlines are swept by a coarse tick,
    /// so that the failure arrives up to some ten milliseconds late and never early.
    After(Duration),
    /// Wait for as long as the connection lives.
    Never,
}

impl Timeout {
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Timeout::After(duration) => Some(duration),
            Timeout::Never => None,
        }
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Timeout::After(duration)
    }
}

/// `None` is [`Timeout::Never`].
impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Timeout::Never, Timeout::After)
    }
}

/// How many rows the server may put into one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageSize {
    /// At most this many. A server may send fewer (ScyllaDB ends a page at about one megabyte), so the length of a page
    /// says nothing about whether it is the last.
    Rows(u32),
    /// The whole result at once, however large it is.
    Unpaged,
}

impl PageSize {
    /// As the protocol has it: absent for unpaged.
    pub(crate) fn wire(self) -> Option<i32> {
        match self {
            PageSize::Rows(0) | PageSize::Unpaged => None,
            PageSize::Rows(rows) => Some(i32::try_from(rows).unwrap_or(i32::MAX)),
        }
    }
}

/// Zero is [`PageSize::Unpaged`].
impl From<u32> for PageSize {
    fn from(rows: u32) -> Self {
        if rows == 0 { PageSize::Unpaged } else { PageSize::Rows(rows) }
    }
}

/// The key of the custom payload that names the user to execute as.
pub(crate) const PROXY_EXECUTE: &str = "ProxyExecute";

/// The setters every kind of statement has, for a type with a field `options`. `$changed` is a method called after each.
macro_rules! statement_setters {
    ($changed:ident) => {
        $crate::statement::request_setters!($changed);

        /// The write timestamp in microseconds since 1970, instead of one from the session's generator. `USING TIMESTAMP`
        /// in the text wins over it. Defaults to a generated one, and to none for statements that begin with `SELECT`, whose
        /// timestamps servers ignore.
        #[must_use]
        pub fn timestamp(mut self, microseconds: i64) -> Self {
            self.options.timestamp = Some(microseconds);
            self.$changed()
        }

        /// Says that running the statement twice does no harm, so that it may be sent again after a connection broke
        /// with the request on it. Counter updates, list appends and conditional statements are not idempotent. Defaults
        /// to false.
        #[must_use]
        pub fn idempotent(mut self, idempotent: bool) -> Self {
            self.options.idempotent = idempotent;
            self.$changed()
        }
    };
}

/// Those of them that whatever is sent has. When a write took place, and whether it may be repeated, a mapper's operations say in
/// their own way.
macro_rules! request_setters {
    ($changed:ident) => {
        /// Uses this profile for whatever the statement itself does not set. Defaults to the session's profile.
        #[must_use = "setters return what they change"]
        pub fn profile(mut self, profile: &$crate::ExecutionProfile) -> Self {
            self.options.profile = Some(std::sync::Arc::new(profile.clone()));
            self.$changed()
        }

        /// How many replicas must answer. Defaults to the profile's level, which defaults to `LOCAL_ONE`.
        #[must_use = "setters return what they change"]
        pub fn consistency(mut self, consistency: $crate::Consistency) -> Self {
            self.options.consistency = Some(consistency);
            self.$changed()
        }

        /// The level of the Paxos phase of a conditional statement. Defaults to the profile's, which defaults to the
        /// server's choice (`SERIAL`).
        #[must_use = "setters return what they change"]
        pub fn serial_consistency(mut self, consistency: $crate::SerialConsistency) -> Self {
            self.options.serial_consistency = Some(consistency);
            self.$changed()
        }

        /// The time this request may take, retries included; `None` means for ever. Each page has the whole time for
        /// itself. Defaults to the profile's timeout, which defaults to 10 seconds.
        #[must_use = "setters return what they change"]
        pub fn timeout(mut self, timeout: impl Into<$crate::Timeout>) -> Self {
            self.options.timeout = Some(timeout.into());
            self.$changed()
        }

        /// What the server takes for the present when it decides what has expired, in seconds since 1970: for tests of time
        /// to live, and for repeating a read as of then. Needs protocol v5; on a lower version the request fails with
        /// [`ErrorKind::Unsupported`]($crate::ErrorKind::Unsupported). Defaults to the server's clock.
        #[must_use = "setters return what they change"]
        pub fn now_in_seconds(mut self, seconds: i32) -> Self {
            self.options.now_in_seconds = Some(seconds);
            self.$changed()
        }

        /// Asks the server to trace the request; the result then has a
        /// [`tracing_id`](crate::QueryResult::tracing_id). Costs the server a good deal. Defaults to false.
        #[must_use = "setters return what they change"]
        pub fn tracing(mut self, tracing: bool) -> Self {
            self.options.tracing = tracing;
            self.$changed()
        }

        /// Decides what happens when a request fails, for this statement. Defaults to the profile's policy.
        #[must_use = "setters return what they change"]
        pub fn retry_policy(mut self, policy: std::sync::Arc<dyn $crate::policy::RetryPolicy>) -> Self {
            self.options.retry = Some(policy);
            self.$changed()
        }

        /// Sends the request to a second host when the first is late, for this statement; see
        /// [`SpeculativePolicy`]($crate::policy::SpeculativePolicy). Takes effect for [idempotent](Self::idempotent) statements
        /// only. `None` switches it off. Defaults to what the profile says.
        #[must_use = "setters return what they change"]
        pub fn speculation(
            mut self,
            policy: impl Into<Option<std::sync::Arc<dyn $crate::policy::SpeculativePolicy>>>,
        ) -> Self {
            self.options.speculation = Some($crate::config::Speculation(policy.into()));
            self.$changed()
        }

        /// Sends the request to this host and no other, whatever the policies say: for asking hosts about themselves, such as
        /// by virtual tables. It fails with [`ErrorKind::NoHostAvailable`]($crate::ErrorKind::NoHostAvailable) when the host
        /// has no connection, and is sent again only to the same host. Hosts are those of [`Session::state`]($crate::Session::state);
        /// a statement of another session of the same cluster needs that session's. Defaults to
        /// none.
        #[must_use = "setters return what they change"]
        pub fn on_host(mut self, host: impl Into<$crate::HostIndex>) -> Self {
            self.options.host = Some(host.into());
            self.$changed()
        }

        /// Tries this host first, and goes on as the policies say when it is down or its answer is an error worth trying
        /// another for. Hosts are those of [`Session::state`]($crate::Session::state). Defaults to none.
        #[must_use = "setters return what they change"]
        pub fn prefer_host(mut self, host: impl Into<$crate::HostIndex>) -> Self {
            self.options.preferred = Some(host.into());
            self.$changed()
        }

        /// Executes as another user, on behalf of whom this program acts. For DataStax Enterprise, whose administrators allow it
        /// (`GRANT PROXY.EXECUTE`); other servers ignore it. Needs protocol v4. Defaults to the user who logged in.
        #[must_use = "setters return what they change"]
        pub fn execute_as(self, user: impl Into<String>) -> Self {
            self.custom_payload($crate::statement::PROXY_EXECUTE, user.into())
        }

        /// Sends a key and its bytes along in the custom payload, for a query handler on the server. A key set twice
        /// keeps the last value; there may be 65535. Needs protocol v4. Defaults to none.
        #[must_use = "setters return what they change"]
        pub fn custom_payload(mut self, key: impl Into<String>, value: impl Into<bytes::Bytes>) -> Self {
            self.options.insert_payload(key.into(), value.into());
            self.$changed()
        }
    };
}

/// The setter of statements that can return pages.
macro_rules! page_size_setter {
    ($changed:ident) => {
        /// The number of rows of a page; zero fetches everything at once. Defaults to the profile's size, which defaults
        /// to 5000.
        #[must_use = "setters return what they change"]
        pub fn page_size(mut self, rows: impl Into<$crate::PageSize>) -> Self {
            self.options.page_size = Some(rows.into());
            self.$changed()
        }
    };
}

pub(crate) use {page_size_setter, request_setters, statement_setters};
