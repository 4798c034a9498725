//! What is wrong with a configuration.

use thiserror::Error;

/// A setting, or two settings together, that cannot work. Found before any socket is opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nobody to ask about the cluster.
    #[error("no contact point was given")]
    NoContactPoints,
    /// A contact point that is neither an address nor a host name.
    #[error("{text:?} is neither an address nor a host name with an optional port from 1 to 65535")]
    BadContactPoint {
        /// The text as it was given.
        text: String,
    },
    /// A version of the protocol in beta, without leave to speak it.
    #[error("protocol {version} is in beta: it needs allow_beta_protocol")]
    BetaNotAllowed {
        /// The version.
        version: chorus_protocol::ProtocolVersion,
    },
    /// A setting that must be greater than zero.
    #[error("{setting} must be greater than zero")]
    Zero {
        /// Name of the setting.
        setting: &'static str,
    },
    /// A number outside of what makes sense.
    #[error("{setting} is {value}, it must be from {least} to {most}")]
    OutOfRange {
        /// Name of the setting.
        setting: &'static str,
        /// The value that was given.
        value: u64,
        /// The least value accepted.
        least: u64,
        /// The greatest value accepted.
        most: u64,
    },
    /// The default keyspace is an empty name.
    #[error("the keyspace name is empty")]
    EmptyKeyspace,
    /// A secured session and a socket of this machine, over which there is no TLS.
    #[error(
        "{endpoint} is a socket of this machine, over which there is no TLS: leave TLS or the socket out"
    )]
    TlsOverUnixSocket {
        /// The way to the host.
        endpoint: String,
    },
    /// A proxy that goes by names, and no TLS to tell it any.
    #[error("{endpoint} is behind a proxy that goes by the server name of TLS, and TLS is not configured")]
    SniWithoutTls {
        /// The way to the host.
        endpoint: String,
    },
    /// Sockets in the file system are not offered on this operating system.
    #[error("{endpoint}: this operating system has no sockets in the file system")]
    NoUnixSockets {
        /// The way to the host.
        endpoint: String,
    },
    /// Routes of clients, and somebody else who decides how hosts are reached.
    #[error(
        "client routes decide how hosts are reached, and so does the endpoint factory: leave one of them out"
    )]
    RoutesAndFactory,
    /// Client routes by no connection at all.
    #[error("client routes need the id of at least one connection")]
    NoRouteConnection,
    /// A connection of client routes without an id, or with an address that is none.
    #[error(
        "the connection {connection_id:?} of client routes needs an id, and a host name or an address without a port: {reason}"
    )]
    BadRouteConnection {
        /// The connection.
        connection_id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A spin without a dedicated placement: a reactor that shares the caller's threads must not hold them.
    #[error(
        "spin needs a dedicated placement: elsewhere a lone request crosses no thread, and there is nothing to gain"
    )]
    SpinWithoutThread,
    /// Protocol v5 compresses segments, and segments know LZ4 only.
    #[error("snappy compression does not exist in protocol v5; use LZ4 or a lower version")]
    SnappyWithSegments,
}
