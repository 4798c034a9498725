//! How hosts are reached, the sockets that lead there, and who we are to them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chorus_actors::{AuthProvider, Credentials};
use chorus_topology::{ClientRoutes, EndpointFactory};
use secrecy::SecretString;

use super::SessionBuilder;

/// How hosts are reached, where that is not by the addresses they tell. `docs/endpoints.md` tells more.
impl SessionBuilder {
    /// Decides how each host is reached: through a socket, a proxy, another address. Contact points are taken as they are
    /// given. Cannot be combined with [`client_routes`](Self::client_routes). Defaults to none: by the address that the cluster
    /// tells.
    pub fn endpoint_factory(mut self, factory: impl EndpointFactory + 'static) -> Self {
        self.refuse_besides_bundle("endpoint_factory");
        self.engine.endpoints = Some(Arc::new(factory));
        self
    }

    /// Reaches hosts by the routes that the cluster has for these connections (private links) in `system.client_routes`. They
    /// are read before anything else and whenever they change; a host without one is reached by the address it tells. Without
    /// contact points, the addresses given for the connections are asked first. Over TLS,
    /// [`TlsConfigBuilder::server_name`](crate::TlsConfigBuilder::server_name) or
    /// [`server_names`](crate::TlsConfigBuilder::server_names) must say which name to insist on, because certificates are not
    /// for the addresses of routes, or [`verify_hostname`](crate::TlsConfigBuilder::verify_hostname) must be off. Defaults to
    /// none.
    pub fn client_routes(mut self, routes: ClientRoutes) -> Self {
        self.refuse_besides_bundle("client_routes");
        self.engine.client_routes = Some(Arc::new(routes));
        self
    }
}

/// Options of sockets.
impl SessionBuilder {
    /// Sends small packets at once (`TCP_NODELAY`). Defaults to true.
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.engine.tcp.nodelay = nodelay;
        self
    }

    /// Probes idle connections in the kernel after this time. Defaults to none, since heartbeats do the same.
    pub fn tcp_keepalive(mut self, idle: Option<Duration>) -> Self {
        self.engine.tcp.keepalive = idle;
        self
    }

    /// The size of the buffer that the system has for what is sent, in bytes, from 1 to 1 GiB. Defaults to none: the system's
    /// own, which grows as needed.
    pub fn tcp_send_buffer(mut self, bytes: Option<u32>) -> Self {
        self.engine.tcp.send_buffer = bytes;
        self
    }

    /// The size of the buffer that the system has for what arrives, in bytes, from 1 to 1 GiB. Defaults to none: the system's
    /// own, which grows as needed.
    pub fn tcp_receive_buffer(mut self, bytes: Option<u32>) -> Self {
        self.engine.tcp.receive_buffer = bytes;
        self
    }

    /// The address of this machine from which hosts are dialled; hosts with addresses of the other family cannot be reached
    /// then. Defaults to none: the system's choice.
    pub fn local_address(mut self, address: Option<IpAddr>) -> Self {
        self.engine.tcp.local_address = address;
        self
    }
}

/// Who we are to servers that ask.
impl SessionBuilder {
    /// User name and password for servers that ask for them. The password is wiped from memory when the session is gone and
    /// never shows in logs. Defaults to none.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<SecretString>) -> Self {
        self.engine.auth = Some(Arc::new(Credentials::new(user, password)));
        self
    }

    /// Who we are to servers that ask, in any way: [`auth::Credentials`](crate::auth::Credentials) that go to further
    /// authenticators, a mechanism of SASL, a program's own conversation. Replaces [`credentials`](Self::credentials). Defaults
    /// to nobody: a server that asks is refused with [`ErrorKind::Authentication`](crate::ErrorKind::Authentication).
    pub fn auth(mut self, provider: impl AuthProvider + 'static) -> Self {
        self.engine.auth = Some(Arc::new(provider));
        self
    }
}
