//! Execution profiles: settings that many statements share.

use std::sync::Arc;
use std::time::Duration;

use chorus_protocol::{Consistency, SerialConsistency};
use chorus_topology::{LoadBalancingPolicy, RetryPolicy, SpeculativePolicy};

use crate::statement::{PageSize, Timeout};

/// How requests are carried out unless their statement says otherwise.
///
/// A session has one default profile; a statement may name another with its `profile` setter. What neither sets has the
/// default given at each setter. The order of precedence is statement, statement's profile, session's profile.
///
/// Cloning is cheap and policies are shared, which is how a profile is derived from another. Profiles may have names
/// ([`SessionBuilder::add_profile`](crate::SessionBuilder::add_profile),
/// [`Session::profile`](crate::Session::profile)):
///
/// ```no_run
/// # async fn example() -> Result<(), chorus::Error> {
/// use std::time::Duration;
///
/// use chorus::{Consistency, ExecutionProfile, Session, Statement};
///
/// let reports = ExecutionProfile::new().consistency(Consistency::One).timeout(Duration::from_secs(60));
/// let session = Session::builder().contact_point("db").add_profile("reports", reports).connect().await?;
///
/// let patient = session.profile("reports")?.timeout(Duration::from_secs(600));
/// session.query(Statement::new("SELECT count(*) FROM shop.orders").profile(&patient), ()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ExecutionProfile {
    pub(crate) consistency: Option<Consistency>,
    pub(crate) serial_consistency: Option<SerialConsistency>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) page_size: Option<PageSize>,
    pub(crate) load_balancing: Option<Arc<dyn LoadBalancingPolicy>>,
    pub(crate) retry: Option<Arc<dyn RetryPolicy>>,
    pub(crate) speculation: Option<Speculation>,
}

/// What a profile or a statement says about speculation: a policy, or that there is none.
#[derive(Clone, Debug)]
pub(crate) struct Speculation(pub(crate) Option<Arc<dyn SpeculativePolicy>>);

impl ExecutionProfile {
    /// The default consistency level of requests.
    pub const DEFAULT_CONSISTENCY: Consistency = Consistency::LocalOne;
    /// The default time a request may take.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// The default number of rows of a page.
    pub const DEFAULT_PAGE_SIZE: u32 = 5_000;

    /// The name of a session's own profile.
    pub const DEFAULT_NAME: &'static str = "default";

    /// A profile that sets nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many replicas must answer. Defaults to `LOCAL_ONE`, and to `LOCAL_QUORUM` with DataStax Astra.
    #[must_use]
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = Some(consistency);
        self
    }

    /// The level of the Paxos phase of conditional statements. Defaults to none, which leaves the choice to the server
    /// (`SERIAL`).
    #[must_use]
    pub fn serial_consistency(mut self, consistency: SerialConsistency) -> Self {
        self.serial_consistency = Some(consistency);
        self
    }

    /// The time a request may take, retries included; `None` means for ever. Defaults to 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// The number of rows of a page; zero fetches everything at once. Defaults to 5000.
    #[must_use]
    pub fn page_size(mut self, rows: impl Into<PageSize>) -> Self {
        self.page_size = Some(rows.into());
        self
    }

    /// Chooses the hosts of each request. Defaults to token-aware over round robin within the local datacenter.
    ///
    /// Every policy has its own idea of which hosts are near. Hosts that only this one wants are connected to when the first
    /// request obeys it, which until then is served by the session's hosts, or before, by
    /// [`Session::connect_profile`](crate::Session::connect_profile). Share one policy among profiles and statements, rather
    /// than making one for each: up to 64 are told apart.
    #[must_use]
    pub fn load_balancing(mut self, policy: Arc<dyn LoadBalancingPolicy>) -> Self {
        self.load_balancing = Some(policy);
        self
    }

    /// Decides what happens when a request fails. Defaults to [`DefaultRetry`](crate::policy::DefaultRetry).
    #[must_use]
    pub fn retry_policy(mut self, policy: Arc<dyn RetryPolicy>) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sends idempotent requests to a second host when the first is late; `None` switches it off where the session's profile
    /// has it. Defaults to off.
    #[must_use]
    pub fn speculation(mut self, policy: impl Into<Option<Arc<dyn SpeculativePolicy>>>) -> Self {
        self.speculation = Some(Speculation(policy.into()));
        self
    }
}
