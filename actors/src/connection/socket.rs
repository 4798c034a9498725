//! What carries the bytes of a connection: TCP, TLS over it, or a socket of this machine.
//!
//! The kind is decided once, when the connection is opened, and every later call is one predictable branch: the plain
//! path costs what a bare socket does.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// A stream of bytes in both directions.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    /// A socket of this machine.
    #[cfg(unix)]
    Unix(UnixStream),
    /// Boxed, because a session is large and most sockets have none.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
    /// The other end is in this process; see [`crate::bench`].
    #[cfg(feature = "bench")]
    Memory(tokio::io::DuplexStream),
}

impl Socket {
    /// Whether what is sent can be read by nobody but the peer.
    pub(crate) fn is_encrypted(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
            _ => false,
        }
    }

    /// Whether it should be replaced soon, because what protects it wears out with use.
    pub(crate) fn is_worn(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.is_worn(),
            _ => false,
        }
    }
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(task, buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(task, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(task, buffer),
            #[cfg(feature = "bench")]
            Self::Memory(stream) => Pin::new(stream).poll_read(task, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(task, bytes),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(task, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(task, bytes),
            #[cfg(feature = "bench")]
            Self::Memory(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(task),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_flush(task),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(task),
            #[cfg(feature = "bench")]
            Self::Memory(stream) => Pin::new(stream).poll_flush(task),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(task),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(task),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(task),
            #[cfg(feature = "bench")]
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }
}
