//! Opening the socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use chorus_topology::{Endpoint, RouteEndpoint, SniEndpoint};
use tokio::net::{TcpSocket, TcpStream};
use tracing::debug;

use super::error::{ConnectError, Phase};
use super::options::ConnectOptions;
use crate::config::{EngineConfig, TcpOptions, look_up};

/// Source ports to dial from, in order of preference, so that a shard-aware port leads to the shard wanted.
pub(crate) type LocalPorts<'a> = &'a mut (dyn Iterator<Item = u16> + Send);

/// The other end of a socket of this machine, where an address is asked for: nobody in between can listen.
#[cfg(unix)]
const ON_THIS_MACHINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A way that was opened, before anything was said.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) carrier: Carrier,
    /// Where it leads.
    pub(super) address: SocketAddr,
    /// The name by which a proxy at that address knows the peer.
    pub(super) server_name: Option<Arc<str>>,
}

/// What carries bytes.
#[derive(Debug)]
pub(super) enum Carrier {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// Opens the way to `endpoint`, from one of `local_ports` if they are given.
pub(super) async fn dial(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    mut local_ports: Option<LocalPorts<'_>>,
) -> Result<Line, ConnectError> {
    EngineConfig::check_endpoint(endpoint, options.is_secured())?;
    let (addresses, server_name) = match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await;
            let carrier = Carrier::Unix(stream.map_err(|error| ConnectError::io(Phase::Tcp, error))?);
            return Ok(Line { carrier, address: ON_THIS_MACHINE, server_name: None });
        }
        Endpoint::Address(address) => (vec![*address], None),
        Endpoint::Sni(endpoint) => {
            (behind(endpoint, options).await?, Some(Arc::clone(endpoint.server_name())))
        }
        Endpoint::Route(route) => (vec![routed(route, options).await?], None),
        other => {
            let reason = format!("there is no way to {other} yet");
            return Err(ConnectError::io(Phase::Tcp, std::io::Error::other(reason)));
        }
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let ports = local_ports.as_mut().map(|ports| &mut **ports as LocalPorts<'_>);
        match dial_address(address, &options.tcp, ports).await {
            Ok(stream) => return Ok(Line { carrier: Carrier::Tcp(stream), address, server_name }),
            Err(error) => {
                debug!(%address, %error, "an address does not answer");
                last = error;
            }
        }
    }
    Err(ConnectError::io(Phase::Tcp, last))
}

/// The addresses of a proxy, in the order in which they are tried.
async fn behind(endpoint: &SniEndpoint, options: &ConnectOptions) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = addresses_of(endpoint.proxy(), endpoint.port(), options).await?;
    Ok(endpoint.order(found))
}

/// Where the route to a host leads now: the first address of its name. Without a route it is the address the host tells.
async fn routed(endpoint: &RouteEndpoint, options: &ConnectOptions) -> Result<SocketAddr, ConnectError> {
    let port = endpoint.port;
    let table = options.directory.routes();
    let Some(route) = table.route(endpoint.host) else {
        let told = endpoint.told;
        return Ok(SocketAddr::new(told.ip(), port.unwrap_or(told.port())));
    };
    let found = addresses_of(&route.address, port.unwrap_or(route.port), options).await?;
    Ok(found[0])
}

/// All addresses of a host name, or of an address written as text; at least one.
async fn addresses_of(
    name: &str,
    port: u16,
    options: &ConnectOptions,
) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let unresolved = |reason: &str| ConnectError::Resolve { name: name.into(), reason: reason.into() };
    match look_up(&options.resolver, name.to_owned(), port, options.timeout).await {
        Ok(found) if found.is_empty() => Err(unresolved("it has no address")),
        Ok(found) => Ok(found),
        Err(error) => Err(unresolved(&error.to_string())),
    }
}

async fn dial_address(
    address: SocketAddr,
    options: &TcpOptions,
    local_ports: Option<LocalPorts<'_>>,
) -> std::io::Result<TcpStream> {
    match local_ports {
        None => {
            let socket = socket(address, options)?;
            if let Some(local) = options.local_address {
                socket.bind(SocketAddr::new(local, 0))?;
            }
            socket.connect(address).await
        }
        Some(ports) => dial_from(address, options, ports).await,
    }
}

/// Dials from the first of `ports` that is free. "On bind failure go on to the next candidate."
async fn dial_from(
    address: SocketAddr,
    options: &TcpOptions,
    ports: LocalPorts<'_>,
) -> std::io::Result<TcpStream> {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable};
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = options.local_address.unwrap_or(any);
    let mut last = std::io::Error::from(AddrNotAvailable);
    for port in ports {
        let socket = socket(address, options)?;
        let dialled = match socket.bind(SocketAddr::new(local, port)) {
            Ok(()) => socket.connect(address).await,
            Err(error) => Err(error),
        };
        match dialled {
            Err(error) if matches!(error.kind(), AddrInUse | AddrNotAvailable) => last = error,
            outcome => return outcome,
        }
    }
    Err(last)
}

/// A socket that is not connected yet. The sizes of its buffers are said before, because the window is agreed upon then.
fn socket(address: SocketAddr, options: &TcpOptions) -> std::io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // An option the system refuses is not worth losing a connection for.
    let note = |outcome: std::io::Result<()>, option: &str| {
        if let Err(error) = outcome {
            debug!(%address, %error, option, "cannot set a socket option");
        }
    };
    note(socket.set_nodelay(options.nodelay), "TCP_NODELAY");
    if let Some(idle) = options.keepalive {
        let keepalive = socket2::TcpKeepalive::new().with_time(idle);
        note(socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive), "SO_KEEPALIVE");
    }
    if let Some(bytes) = options.send_buffer {
        note(socket.set_send_buffer_size(bytes), "SO_SNDBUF");
    }
    if let Some(bytes) = options.receive_buffer {
        note(socket.set_recv_buffer_size(bytes), "SO_RCVBUF");
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::test_peer::listen;
    use super::*;

    fn options(address: SocketAddr) -> ConnectOptions {
        ConnectOptions::from_config(&EngineConfig::new([address]))
    }

    async fn dial_tcp(
        address: SocketAddr,
        options: &ConnectOptions,
        ports: Option<LocalPorts<'_>>,
    ) -> Result<TcpStream, ConnectError> {
        match dial(&address.into(), options, ports).await?.carrier {
            Carrier::Tcp(stream) => Ok(stream),
            #[cfg(unix)]
            Carrier::Unix(_) => panic!("an address is dialled by TCP"),
        }
    }

    #[tokio::test]
    async fn a_source_port_in_use_is_passed_over_for_the_next() {
        let (listener, address) = listen().await;
        let port_of = |socket: &std::net::TcpListener| socket.local_addr().unwrap().port();
        let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        // Several, because somebody else may have one of them by then.
        let free: Vec<u16> =
            (0..8).map(|_| port_of(&std::net::TcpListener::bind("0.0.0.0:0").unwrap())).collect();
        let mut ports = [port_of(&taken)].into_iter().chain(free.iter().copied());
        let stream = dial_tcp(address, &options(address), Some(&mut ports)).await.unwrap();
        assert!(free.contains(&stream.local_addr().unwrap().port()));
        assert!(stream.nodelay().unwrap());
        drop(listener);
    }

    #[tokio::test]
    async fn no_port_left_is_an_error() {
        let (_listener, address) = listen().await;
        let failure = dial_tcp(address, &options(address), Some(&mut std::iter::empty())).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Io { during: Phase::Tcp, .. }), "{failure:?}");
    }

    #[tokio::test]
    async fn the_options_of_sockets_are_set_on_every_socket() {
        let (_listener, address) = listen().await;
        let mut options = options(address);
        options.tcp = TcpOptions {
            nodelay: false,
            keepalive: Some(Duration::from_secs(77)),
            send_buffer: Some(64 << 10),
            receive_buffer: Some(48 << 10),
            local_address: Some(IpAddr::from([127, 0, 0, 1])),
        };
        let stream = dial_tcp(address, &options, None).await.unwrap();
        let socket = socket2::SockRef::from(&stream);
        assert!(!stream.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        // The system may round up and count its own book-keeping.
        assert!((64 << 10..1 << 20).contains(&socket.send_buffer_size().unwrap()));
        assert!((48 << 10..1 << 20).contains(&socket.recv_buffer_size().unwrap()));
        assert_eq!(stream.local_addr().unwrap().ip(), IpAddr::from([127, 0, 0, 1]));
        // From an address of another family there is no way to the host, and one that is not ours cannot be had.
        for elsewhere in [IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), IpAddr::from([192, 0, 2, 1])] {
            options.tcp.local_address = Some(elsewhere);
            let failure = dial_tcp(address, &options, None).await.unwrap_err();
            assert!(matches!(failure, ConnectError::Io { during: Phase::Tcp, .. }), "{failure:?}");
        }
    }
}
