//! Where nodes listen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpSocket;

use super::StartError;

/// How long an address is waited for that somebody else has.
const PATIENCE: Duration = Duration::from_secs(1);

/// Binds a listener for each of `nodes` nodes, the first one at `first`.
pub(super) fn bind(first: SocketAddr, nodes: usize) -> Result<Vec<(TcpListener, SocketAddr)>, StartError> {
    // Somebody may have the port of the first node on another address: then another port is tried, if any will do.
    let attempts = if first.port() == 0 { 50 } else { 1 };
    let mut result = Err(StartError::NoNodes);
    for _ in 0..attempts {
        result = bind_from(first, nodes);
        match &result {
            Err(StartError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {}
            _ => return result,
        }
    }
    result
}

fn bind_from(first: SocketAddr, nodes: usize) -> Result<Vec<(TcpListener, SocketAddr)>, StartError> {
    let mut bound = vec![listen(first)?];
    let port = bound[0].1.port();
    for number in 1..nodes {
        let own_port = match first.port() {
            0 => 0,
            _ => port.saturating_add(u16::try_from(number).unwrap_or(u16::MAX)),
        };
        bound.push(beside(SocketAddr::new(first.ip(), port), number, own_port)?);
    }
    Ok(bound)
}

/// Binds a listener where a node has listened before. Somebody may have the address for a moment: another cluster that looks
/// for a port which is free on the addresses of all its nodes tries it.
pub(super) fn again(address: SocketAddr) -> Result<TcpListener, StartError> {
    let began = Instant::now();
    loop {
        match queue_at(address) {
            Ok(listener) => return Ok(listener),
            Err(source) if source.kind() == io::ErrorKind::AddrInUse && began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(source) => return Err(StartError::Listen { address, source }),
        }
    }
}

/// Binds a listener `number` places behind `first`, on its port; where addresses do not follow each other, on its address
/// and `own_port`.
pub(super) fn beside(
    first: SocketAddr,
    number: usize,
    own_port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let fallback = SocketAddr::new(first.ip(), own_port);
    match neighbour(first.ip(), number) {
        None => listen(fallback),
        Some(address) => match listen(SocketAddr::new(address, first.port())) {
            // Only Linux answers on the whole of 127.0.0.0/8 without being told to.
            Err(StartError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrNotAvailable => {
                listen(fallback)
            }
            other => other,
        },
    }
}

/// Binds the shard-aware port beside a node's ordinary one: `wanted`, or a free one.
pub(super) fn shard_aware(
    beside: SocketAddr,
    wanted: Option<u16>,
) -> Result<(TcpListener, SocketAddr), StartError> {
    listen(SocketAddr::new(beside.ip(), wanted.unwrap_or(0)))
}

/// Takes a free port beside a node's ordinary one, at which connections are refused.
pub(super) fn refusing(beside: SocketAddr) -> Result<(TcpSocket, u16), StartError> {
    let address = SocketAddr::new(beside.ip(), 0);
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(address)?;
        let port = socket.local_addr()?.port();
        Ok((socket, port))
    };
    bound().map_err(|source| StartError::Listen { address, source })
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = |source| StartError::Listen { address, source };
    let listener = queue_at(address).map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    Ok((listener, address))
}

/// Listens, with a queue that a storm of connects fits into. One of 128, which the standard library asks for, overflows, and whoever
/// is turned away tries again after a second at the earliest.
fn queue_at(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(QUEUE)?;
    Ok(listener)
}

/// How many connects may wait to be accepted; what Linux allows unless it is told otherwise.
const QUEUE: i32 = 4096;

/// The loopback address `number` places behind `first`.
fn neighbour(first: IpAddr, number: usize) -> Option<IpAddr> {
    let IpAddr::V4(first) = first else { return None };
    let next = first.to_bits().checked_add(u32::try_from(number).ok()?)?;
    let next = Ipv4Addr::from_bits(next);
    (first.is_loopback() && next.is_loopback()).then_some(IpAddr::V4(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_share_a_port_on_neighbouring_loopback_addresses() {
        let bound = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let addresses: Vec<SocketAddr> = bound.iter().map(|(_, address)| *address).collect();
        if addresses[1].ip() != addresses[0].ip() {
            assert_eq!(addresses[1].ip(), IpAddr::from([127, 0, 0, 2]));
            assert_eq!(addresses[2].ip(), IpAddr::from([127, 0, 0, 3]));
            assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
        }
        assert!(addresses.iter().all(|address| address.port() != 0));
    }

    #[test]
    fn there_is_no_neighbour_outside_of_loopback() {
        assert_eq!(neighbour("127.0.0.254".parse().unwrap(), 3), Some(IpAddr::from([127, 0, 1, 1])));
        assert_eq!(neighbour("127.255.255.255".parse().unwrap(), 1), None);
        assert_eq!(neighbour("10.0.0.1".parse().unwrap(), 1), None);
        assert_eq!(neighbour("::1".parse().unwrap(), 1), None);
    }

    #[test]
    fn an_address_that_somebody_has_for_a_moment_is_waited_for_and_one_that_stays_taken_is_told() {
        let (holder, address) = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let Err(StartError::Listen { address: reported, .. }) = again(address) else { panic!("it is taken") };
        assert_eq!(reported, address);
        let moment = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(holder);
        });
        assert_eq!(again(address).unwrap().local_addr().unwrap(), address);
        moment.join().unwrap();
    }

    #[test]
    fn a_taken_port_is_reported_with_its_address() {
        let (_holder, address) = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        match bind(address, 1) {
            Err(StartError::Listen { address: reported, .. }) => assert_eq!(reported, address),
            other => panic!("{other:?}"),
        }
    }
}
