//! A client's socket: plain, secured by TLS, or one of this machine.
//!
//! Nothing here waits but [`Socket::ready`]. What TLS has to say for itself (its handshake, alerts, records the client did
//! not take yet) is sent along the way, and [`Socket::owes`] tells that some of it is left.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, Interest, Ready};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

#[cfg(feature = "tls")]
use super::secured::Secured;

/// A connection that has just been accepted, registered with no runtime.
pub(crate) enum Accepted {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

pub(crate) enum Socket {
    Plain(TcpStream),
    #[cfg(unix)]
    Local(UnixStream),
    #[cfg(feature = "tls")]
    Secured(Box<Secured>),
}

impl Socket {
    /// Secures a connection that has just been accepted.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(tcp: TcpStream, tls: &super::NodeTls) -> io::Result<Self> {
        Ok(Self::Secured(Box::new(Secured::new(tcp, tls)?)))
    }

    /// Waits until the socket can do what is wanted. Data that was decrypted already counts as arrived.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Plain(tcp) => tcp.ready(interest).await,
            #[cfg(unix)]
            Self::Local(stream) => stream.ready(interest).await,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.tcp().ready(interest).await,
        }
    }

    /// Whether there is something to send besides answers.
    pub(crate) fn owes(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(unix)]
            Self::Local(_) => false,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.owes(),
        }
    }

    /// Sends what is owed, as far as the client takes it.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(unix)]
            Self::Local(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.send(),
        }
    }

    /// Reads what has arrived. Zero means that the client has left.
    pub(crate) fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read_buf(buffer),
            #[cfg(unix)]
            Self::Local(stream) => stream.try_read_buf(buffer),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.try_read(buffer),
        }
    }

    /// Reads bytes that nobody looks at any more.
    pub(crate) fn try_skip(&mut self, rest: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read(rest),
            #[cfg(unix)]
            Self::Local(stream) => stream.try_read(rest),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.tcp().try_read(rest),
        }
    }

    /// Takes a beginning of `bytes`; its length.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(bytes),
            #[cfg(unix)]
            Self::Local(stream) => stream.try_write(bytes),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.try_write(bytes),
        }
    }

    /// Makes the client see a reset when the socket is dropped; where there are no resets, it sees the end.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.set_zero_linger(),
            #[cfg(unix)]
            Self::Local(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.tcp().set_zero_linger(),
        }
    }

    /// Tells the client that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown().await,
            #[cfg(unix)]
            Self::Local(stream) => stream.shutdown().await,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.shutdown().await,
        }
    }
}
