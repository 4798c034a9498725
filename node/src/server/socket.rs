//! A client's socket: plain, or secured by TLS.
//!
//! Nothing here waits but [`Socket::ready`]. What TLS has to say for itself (its handshake, alerts, records the client did
//! not take yet) is sent along the way, and [`Socket::owes`] tells that some of it is left.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, Interest, Ready};
use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use super::secured::Secured;

pub(crate) enum Socket {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Secured(Box<Secured>),
}

impl Socket {
    /// Secures a connection that has just been accepted.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(tcp: TcpStream, tls: &super::NodeTls) -> io::Result<Self> {
        Ok(Self::Secured(Box::new(Secured::new(tcp, tls)?)))
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.tcp(),
        }
    }

    /// Waits until the socket can do what is wanted. Data that was decrypted already counts as arrived.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.tcp().ready(interest).await
    }

    /// Whether there is something to send besides answers.
    pub(crate) fn owes(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.owes(),
        }
    }

    /// Sends what is owed, as far as the client takes it.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.send(),
        }
    }

    /// Reads what has arrived. Zero means that the client has left.
    pub(crate) fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read_buf(buffer),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.try_read(buffer),
        }
    }

    /// Reads bytes that nobody looks at any more.
    pub(crate) fn try_skip(&mut self, rest: &mut [u8]) -> io::Result<usize> {
        self.tcp().try_read(rest)
    }

    /// Takes a beginning of `bytes`; its length.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(bytes),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.try_write(bytes),
        }
    }

    /// Makes the client see a reset when the socket is dropped.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        self.tcp().set_zero_linger()
    }

    /// Tells the client that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown().await,
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.shutdown().await,
        }
    }
}
