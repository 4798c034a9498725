//! What the library promises, against embedded clusters.

mod answers;
#[cfg(feature = "arrow")]
mod arrow;
mod batches;
mod beta;
mod blocking;
mod blocking_surface;
mod bulk;
mod concurrent;
mod contention;
mod dashboards;
mod delays;
#[cfg(feature = "encryption")]
mod encryption;
#[cfg(feature = "prometheus")]
mod endpoint;
mod errors;
mod events;
mod fallback;
mod leaving;
mod legacy;
mod metrics;
#[cfg(all(feature = "prometheus", feature = "bulk"))]
mod page;
mod paging;
mod policies;
mod pool_state;
mod prepare;
mod processes;
mod profiles;
mod recorder;
mod routing;
mod runtimes;
mod scan;
mod schema;
mod session;
mod shapes;
mod slow;
mod spans;
mod stage;
mod statements;
#[cfg(feature = "unstable-tablets-v2")]
mod tablet_versions;
mod traces;
#[cfg(feature = "bulk")]
mod unloading;
