//! TLS on a client's socket.

use std::io::{self, ErrorKind, Read, Write};

use bytes::BytesMut;
use rustls::ServerConnection;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::NodeTls;

/// Answers that may be encrypted and wait for the client. The outbound queue has limits of its own.
const TAKEN: usize = 256 << 10;
/// Reads of one turn: rustls takes in a few kilobytes at a time.
const READS: usize = 16;

/// A session over TCP. Nothing but [`shutdown`](Self::shutdown) waits.
pub(crate) struct Secured {
    tcp: TcpStream,
    session: ServerConnection,
}

impl Secured {
    pub(super) fn new(tcp: TcpStream, tls: &NodeTls) -> io::Result<Self> {
        let mut session = ServerConnection::new(tls.config()).map_err(io::Error::other)?;
        session.set_buffer_limit(Some(TAKEN));
        Ok(Self { tcp, session })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether there are records that the client did not take yet.
    pub(super) fn owes(&self) -> bool {
        self.session.wants_write()
    }

    /// Reads and decrypts what has arrived. Zero means that the client has left.
    pub(super) fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let mut total = 0;
        for _ in 0..READS {
            match self.session.read_tls(&mut Tcp(&self.tcp)) {
                Ok(0) if total > 0 => break,
                Ok(0) => return Ok(0),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            let state = match self.session.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // The client is told why, if it listens.
                    let _ = self.send();
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
            };
            let arrived = state.plaintext_bytes_to_read();
            if arrived > 0 {
                let before = buffer.len();
                buffer.resize(before + arrived, 0);
                self.session.reader().read_exact(&mut buffer[before..])?;
                total += arrived;
            }
            if state.peer_has_closed() {
                return Ok(total);
            }
        }
        self.send()?;
        if total == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(total) }
    }

    /// Encrypts a beginning of `bytes`; its length.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nothing is taken before what was taken earlier is gone: what waits is bounded by one write.
        self.send()?;
        if self.session.is_handshaking() || self.session.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.session.writer().write(bytes)?;
        self.send()?;
        Ok(taken)
    }

    /// Sends what TCP takes.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Tcp(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says goodbye, then closes this side.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        while self.owes() {
            self.tcp.writable().await?;
            self.send()?;
        }
        self.tcp.shutdown().await
    }
}

/// What rustls reads from and writes to.
struct Tcp<'a>(&'a TcpStream);

impl Read for Tcp<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Tcp<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
