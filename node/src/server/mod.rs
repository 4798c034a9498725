//! The native protocol over TCP.
//!
//! A [`listener`] accepts and spreads connections over the cluster's worker threads; each [`connection`] is one task that
//! reads bytes ([`inbound`]), lets its [`session`] answer the requests in them, and writes the answers ([`outbound`]).
//! What requests mean is the database's affair; [`requests`] translates both ways.

mod aim;
mod auth;
mod availability;
mod connection;
mod extensions;
mod fault;
mod faulty;
mod inbound;
mod limits;
mod listener;
mod node;
mod outbound;
mod prepared;
mod rate;
mod reply;
mod requests;
#[cfg(feature = "tls")]
mod secured;
mod session;
#[cfg(feature = "tls")]
mod sni_proxy;
mod socket;
mod startup;
mod statement;
#[cfg(feature = "tls")]
mod tls;
mod traced;
#[cfg(unix)]
mod unix;

pub use fault::{Fault, FaultRules, Requests, RuleId, Watch};
pub use limits::Limits;
#[cfg(feature = "tls")]
pub use tls::{NodeTls, NodeTlsError};

pub(crate) use auth::Credentials;
pub(crate) use listener::{Entrance, listen};
pub(crate) use node::{Node, Settings, Shared, TaskGuard};
#[cfg(feature = "tls")]
pub(crate) use sni_proxy::{Asked, Passage, pass};
pub(crate) use startup::Versions;
#[cfg(unix)]
pub(crate) use unix::UnixSocket;
