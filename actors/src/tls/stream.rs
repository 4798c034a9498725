//! A secured socket: bytes in the clear on this side, records of TLS on the other.
//!
//! rustls does the cryptography and keeps the protocol's state; the buffers are ours, so that one read takes in many records,
//! they are decrypted where they arrived, and everything that was written in one go leaves in one system call.
//!
//! What [`poll_write`](AsyncWrite::poll_write) took is encrypted at once and belongs to the socket from then on. When TCP
//! does not take it, every later read, write or flush tries again first: whoever polls for reading, as a connection always
//! does, needs no flush.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::client::UnbufferedClientConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{Error, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::Buffer;
use super::judge::judge;

/// The largest piece of data in a record.
const RECORD: usize = 16 * 1024;
/// What a record may add to its data, with room to spare.
const OVERHEAD: usize = 64;
/// How much one read may bring: four large records.
const READ_BUFFER: usize = 4 * (RECORD + OVERHEAD);
/// The least room a read is given.
const LEAST_READ: usize = RECORD;
/// What may wait for its end. rustls refuses messages above 64 KiB; they may come in many small records.
const MOST_UNREAD: usize = 512 * 1024;
/// How much is encrypted for one system call, in the clear.
const WRITE_BATCH: usize = 4 * RECORD;
/// TLS 1.2 cannot change its keys, and one of AES-GCM must not protect more than 2^23 records. From here on the connection
/// asks to be replaced.
const WORN: u64 = 6_000_000;
/// How long a peer that speaks something else may take to say enough to be recognised, and how much is enough.
const BANNER_PATIENCE: Duration = Duration::from_millis(200);
const BANNER: usize = 5;

/// How far a session came with what had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The handshake is over, and nothing is left to do.
    Idle,
    /// The handshake needs more from the peer.
    Blocked,
    /// The peer sends nothing more.
    Closed,
}

/// See the module documentation.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    session: UnbufferedClientConnection,
    /// Records as they came.
    incoming: Buffer,
    /// Decrypted, and more than the reader had room for.
    plain: Buffer,
    /// Records that TCP has not taken yet.
    outgoing: Buffer,
    /// The peer said goodbye, or closed.
    closed: bool,
    /// We said goodbye.
    left: bool,
    /// TCP takes nothing more. Told only when the peer has nothing more to say: its last words may be the reason.
    broken: Option<io::ErrorKind>,
    /// Records sent.
    records: u64,
    /// There is a client certificate to show; tells what the peer's alerts are about.
    may_identify: bool,
}

impl TlsStream {
    pub(super) fn new(tcp: TcpStream, session: UnbufferedClientConnection, may_identify: bool) -> Self {
        Self {
            tcp,
            session,
            incoming: Buffer::with_capacity(READ_BUFFER),
            plain: Buffer::default(),
            outgoing: Buffer::default(),
            closed: false,
            left: false,
            broken: None,
            records: 0,
            may_identify,
        }
    }

    /// The version of TLS agreed upon, once it is.
    pub(super) fn version(&self) -> Option<ProtocolVersion> {
        self.session.protocol_version()
    }

    /// Whether the keys come to the end of their life and cannot be changed.
    pub(crate) fn is_worn(&self) -> bool {
        self.records >= WORN && self.version() == Some(ProtocolVersion::TLSv1_2)
    }

    /// What has arrived and was not worked through, as it came off the wire.
    pub(super) fn received(&self) -> &[u8] {
        self.incoming.filled()
    }

    /// Waits for bytes of the peer. None means that it closed.
    pub(super) async fn receive(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|task| self.poll_receive(task)).await
    }

    /// Gives a peer that speaks something else a moment to say what.
    pub(super) async fn receive_banner(&mut self) {
        let more = async {
            while self.received().len() < BANNER && self.receive().await.is_ok_and(|count| count > 0) {}
        };
        let _ = tokio::time::timeout(BANNER_PATIENCE, more).await;
    }

    /// Sends what the protocol wants sent.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        std::future::poll_fn(|task| self.poll_send(task)).await
    }

    /// Works through what has arrived during the handshake. Data, should there be any already, is kept.
    pub(super) fn advance(&mut self) -> Result<Turn, Error> {
        self.turn(&mut ReadBuf::new(&mut []), &[])
    }

    /// Works through what has arrived, into `target` while it has room, and then encrypts all of `data`.
    ///
    /// Comes back early, with nothing encrypted, when `target` is full. An error is final; what the peer is to be told about
    /// it is left to be sent.
    fn turn(&mut self, target: &mut ReadBuf<'_>, data: &[u8]) -> Result<Turn, Error> {
        loop {
            let UnbufferedStatus { discard, state, .. } =
                self.session.process_tls_records(self.incoming.filled_mut());
            let mut turn = None;
            let mut failed = None;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?.payload;
                        let fits =
                            if self.plain.is_empty() { record.len().min(target.remaining()) } else { 0 };
                        target.put_slice(&record[..fits]);
                        if fits < record.len() {
                            self.plain.extend(&record[fits..]);
                        }
                    }
                    if target.capacity() > 0 && target.remaining() == 0 {
                        turn = Some(Turn::Idle);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    encode(&mut self.outgoing, |space| message.encode(space).map_err(needed_to_encode));
                }
                // It is in the queue, and everything leaves that in order.
                Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
                Ok(ConnectionState::BlockedHandshake) => turn = Some(Turn::Blocked),
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let taken = data.is_empty()
                        || encode(&mut self.outgoing, |space| {
                            traffic.encrypt(data, space).map_err(needed_to_encrypt)
                        });
                    self.records += data.len().div_ceil(RECORD) as u64;
                    if !taken {
                        failed = Some(Error::EncryptError);
                    }
                    turn = Some(if self.closed { Turn::Closed } else { Turn::Idle });
                }
                Ok(ConnectionState::PeerClosed) => self.closed = true,
                Ok(ConnectionState::Closed) => {
                    self.closed = true;
                    turn = Some(Turn::Closed);
                }
                // Early data is for servers, and what rustls may invent must be asked for.
                Ok(_) => turn = Some(Turn::Idle),
                Err(error) => failed = Some(error),
            }
            self.incoming.consume(discard);
            if let Some(error) = failed {
                self.encode_alert();
                return Err(error);
            }
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
    }

    /// After an error: what rustls wants the peer to know.
    fn encode_alert(&mut self) {
        loop {
            match self.session.process_tls_records(self.incoming.filled_mut()).state {
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    if !encode(&mut self.outgoing, |space| message.encode(space).map_err(needed_to_encode)) {
                        return;
                    }
                }
                Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
                _ => return,
            }
        }
    }

    /// Says that nothing more comes from here.
    fn say_goodbye(&mut self) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) =
            self.session.process_tls_records(self.incoming.filled_mut()).state
        {
            encode(&mut self.outgoing, |space| traffic.queue_close_notify(space).map_err(needed_to_encrypt));
        }
    }

    /// Reads once from TCP.
    fn poll_receive(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.filled().len() > MOST_UNREAD {
            let endless = Error::General("a message of the handshake does not end".into());
            return Poll::Ready(Err(self.refused(&endless)));
        }
        let mut buffer = ReadBuf::new(self.incoming.space(LEAST_READ));
        ready!(Pin::new(&mut self.tcp).poll_read(task, &mut buffer))?;
        let count = buffer.filled().len();
        self.incoming.fill(count);
        Poll::Ready(Ok(count))
    }

    /// Hands TCP what was encrypted.
    fn poll_send(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.tcp).poll_write(task, self.outgoing.filled())) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.outgoing.consume(count),
                Err(error) => {
                    self.broken = Some(error.kind());
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// An error of TLS as one of the socket.
    fn refused(&self, error: &Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, judge(error, self.may_identify))
    }

    /// A write failed. A peer that gave up may have said why before it closed; that is the better error.
    fn last_words(&mut self, task: &mut Context<'_>, error: io::Error) -> io::Error {
        while let Poll::Ready(Ok(1..)) = self.poll_receive(task) {
            if let Err(reason) = self.advance() {
                return self.refused(&reason);
            }
        }
        error
    }
}

/// Lets `write` put a message behind what is in `outgoing`, with as much room as it asks for. False if it cannot.
fn encode(outgoing: &mut Buffer, mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>) -> bool {
    let mut least = OVERHEAD;
    loop {
        match write(outgoing.space(least)) {
            Ok(written) => {
                outgoing.fill(written);
                return true;
            }
            // Every answer asks for more than there was.
            Err(Some(needed)) => least = needed.max(least + 1),
            Err(None) => return false,
        }
    }
}

fn needed_to_encode(error: EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(needed) => Some(needed.required_size),
        EncodeError::AlreadyEncoded => None,
    }
}

fn needed_to_encrypt(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(needed) => Some(needed.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Should it fail, what there is to read comes first.
        let _ = this.poll_send(task);
        loop {
            if !this.plain.is_empty() {
                let count = this.plain.filled().len().min(target.remaining());
                target.put_slice(&this.plain.filled()[..count]);
                this.plain.consume(count);
                return Poll::Ready(Ok(()));
            }
            let before = target.filled().len();
            let turn = this.turn(target, &[]);
            // Answers of the protocol's own, and alerts.
            let _ = this.poll_send(task);
            turn.map_err(|error| this.refused(&error))?;
            if target.filled().len() > before || target.remaining() == 0 || this.closed {
                return Poll::Ready(Ok(()));
            }
            match this.poll_receive(task)? {
                Poll::Ready(0) => {
                    // Without a goodbye of TLS. Answers know their length: one that was cut off is noticed.
                    this.closed = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(_) => {}
                Poll::Pending => {
                    return this.broken.map_or(Poll::Pending, |kind| Poll::Ready(Err(kind.into())));
                }
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Nothing is taken before what was taken earlier is gone.
        if let Err(error) = ready!(this.poll_send(task)) {
            return Poll::Ready(Err(this.last_words(task, error)));
        }
        let data = &data[..data.len().min(WRITE_BATCH)];
        let turn = this.turn(&mut ReadBuf::new(&mut []), data);
        let sent = this.poll_send(task);
        turn.map_err(|error| this.refused(&error))?;
        match sent {
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.last_words(task, error))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(data.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match ready!(this.poll_send(task)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(this.last_words(task, error))),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.say_goodbye();
        ready!(this.poll_send(task))?;
        Pin::new(&mut this.tcp).poll_shutdown(task)
    }
}

impl Drop for TlsStream {
    /// Says goodbye, so that the peer need not wonder whether something was cut off; as far as TCP takes it without waiting.
    fn drop(&mut self) {
        if self.broken.is_none() && !self.session.is_handshaking() {
            self.say_goodbye();
            let _ = self.tcp.try_write(self.outgoing.filled());
        }
    }
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream")
            .field("tcp", &self.tcp)
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
