//! What one chooses before connecting, and its defaults.

mod builder;
mod contact_point;
mod engine;
mod observe;
mod profile;
mod profiles;
#[cfg(feature = "tls")]
mod tls;
mod ways;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::EngineConfig;

pub use builder::SessionBuilder;
pub use contact_point::IntoContactPoint;
pub use profile::ExecutionProfile;
pub(crate) use profile::Speculation;
pub(crate) use profiles::Profiles;
#[cfg(feature = "tls")]
pub use tls::{PemSource, TlsConfig, TlsConfigBuilder, TlsConfigProblem};

use crate::encryption::Encryption;
use crate::observe::Observation;
use crate::statement::{Described, StatementCache};
use crate::timestamp::TimestampGenerator;

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfig {
    pub(crate) engine: EngineConfig,
    pub(crate) profile: ExecutionProfile,
    /// Those with names; shared by all sessions with these settings.
    pub(crate) profiles: Arc<Profiles>,
    /// What servers told about statements; shared like the profiles.
    pub(crate) described: Arc<StatementCache<Described>>,
    /// `None` leaves timestamps to the server.
    pub(crate) timestamps: Option<Arc<dyn TimestampGenerator>>,
    pub(crate) observation: Observation,
    pub(crate) encryption: Encryption,
    /// `None` waits for traces for ever.
    pub(crate) trace_limit: Option<Duration>,
}
