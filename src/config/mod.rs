//! What one chooses before connecting, and its defaults.

mod builder;
mod contact_point;
mod profile;
#[cfg(feature = "tls")]
mod tls;

use std::sync::Arc;

use chorus_actors::EngineConfig;

pub use builder::SessionBuilder;
pub use contact_point::IntoContactPoint;
pub use profile::ExecutionProfile;
pub(crate) use profile::Speculation;
#[cfg(feature = "tls")]
pub use tls::{PemSource, TlsConfig, TlsConfigBuilder, TlsConfigProblem};

use crate::timestamp::TimestampGenerator;

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfig {
    pub(crate) engine: EngineConfig,
    pub(crate) profile: ExecutionProfile,
    /// `None` leaves timestamps to the server.
    pub(crate) timestamps: Option<Arc<dyn TimestampGenerator>>,
}
