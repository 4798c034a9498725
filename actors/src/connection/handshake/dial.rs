//! Opening the socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};
use tracing::debug;

use super::error::{ConnectError, Phase};
use super::options::ConnectOptions;

/// Source ports to dial from, in order of preference, so that a shard-aware port leads to the shard wanted.
pub(crate) type LocalPorts<'a> = &'a mut (dyn Iterator<Item = u16> + Send);

/// Opens a TCP connection, from one of `local_ports` if they are given.
pub(super) async fn dial(
    address: SocketAddr,
    options: &ConnectOptions,
    local_ports: Option<LocalPorts<'_>>,
) -> Result<TcpStream, ConnectError> {
    let stream = match local_ports {
        None => TcpStream::connect(address).await,
        Some(ports) => dial_from(address, ports).await,
    }
    .map_err(|error| ConnectError::io(Phase::Tcp, error))?;
    // An option the system refuses is not worth losing a connection for.
    if let Err(error) = stream.set_nodelay(options.nodelay) {
        debug!(%address, %error, "cannot set TCP_NODELAY");
    }
    if let Some(idle) = options.keepalive {
        let keepalive = socket2::TcpKeepalive::new().with_time(idle);
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            debug!(%address, %error, "cannot set TCP keep-alive");
        }
    }
    Ok(stream)
}

/// Dials from the first of `ports` that is free. "On bind failure go on to the next candidate."
async fn dial_from(address: SocketAddr, ports: LocalPorts<'_>) -> std::io::Result<TcpStream> {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable};
    let mut last = std::io::Error::from(AddrNotAvailable);
    for port in ports {
        let (socket, any): (_, IpAddr) = match address {
            SocketAddr::V4(_) => (TcpSocket::new_v4()?, Ipv4Addr::UNSPECIFIED.into()),
            SocketAddr::V6(_) => (TcpSocket::new_v6()?, Ipv6Addr::UNSPECIFIED.into()),
        };
        let dialled = match socket.bind(SocketAddr::new(any, port)) {
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

#[cfg(test)]
mod tests {
    use super::super::test_peer::listen;
    use super::*;
    use crate::config::EngineConfig;

    #[tokio::test]
    async fn a_source_port_in_use_is_passed_over_for_the_next() {
        let (listener, address) = listen().await;
        let port_of = |socket: &std::net::TcpListener| socket.local_addr().unwrap().port();
        let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let free = port_of(&std::net::TcpListener::bind("0.0.0.0:0").unwrap());
        let options = ConnectOptions::from_config(&EngineConfig::new([address]));
        let mut ports = [port_of(&taken), free].into_iter();
        let stream = dial(address, &options, Some(&mut ports)).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().port(), free);
        assert!(stream.nodelay().unwrap());
        drop(listener);
    }

    #[tokio::test]
    async fn no_port_left_is_an_error() {
        let (_listener, address) = listen().await;
        let options = ConnectOptions::from_config(&EngineConfig::new([address]));
        let failure = dial(address, &options, Some(&mut std::iter::empty())).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Io { during: Phase::Tcp, .. }), "{failure:?}");
    }
}
