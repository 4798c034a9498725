//! Ways to hosts other than their addresses: sockets of this machine, proxies that go by names, routes, and whatever a
//! factory says; the options of the sockets that lead there, and what is asked there first: who we are.

#[cfg(feature = "tls")]
#[allow(dead_code, reason = "written for the tests of TLS, which need more of it")]
#[path = "../tls/authority.rs"]
mod authority;
#[cfg(feature = "cloud")]
mod cloud;
mod factory;
mod forwarder;
mod options;
mod passwords;
mod routes;
#[cfg(feature = "tls")]
mod sni;
#[cfg(unix)]
mod unix;
