//! One client: its socket, what it sent and what it is sent.
//!
//! A connection is one task on one thread. It reads what there is, carries out every request in it, and answers all of them
//! with one write. A client that does not read its answers is not read from either; one that goes on like that is
//! disconnected.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus_protocol::Event;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, watch};

use super::inbound::{Inbound, Received};
use super::limits::Limits;
use super::node::{Admission, Node};
use super::outbound::Outbound;
use super::session::{Flow, Session};
use super::socket::{Accepted, Socket};

/// How often a busy connection lets the others of its thread go first, in reads.
const TURN: u32 = 16;
/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(2);

struct Connection {
    socket: Socket,
    inbound: Inbound,
    outbound: Outbound,
    session: Session,
    limits: Limits,
    stopped: watch::Receiver<bool>,
    frozen: watch::Receiver<bool>,
    /// Changes whenever a fault rule goes.
    removals: watch::Receiver<()>,
    events: Option<broadcast::Receiver<Arc<Event>>>,
    /// When the client must have finished its handshake; `None` afterwards.
    handshake_until: Option<Instant>,
    /// When the client must have read something; `None` while there is nothing to read.
    write_until: Option<Instant>,
    admission: Admission,
}

/// Why a connection ends.
enum End {
    /// The client left, or must not wait for more: nothing is sent any more.
    Now,
    /// What has been answered is sent first.
    AfterAnswers,
    /// The client's end is reset.
    Reset,
}

/// Serves a client until it leaves, is disconnected, or the node stops.
pub(crate) async fn serve(socket: Accepted, peer: SocketAddr, mut admission: Admission) {
    let node = Arc::clone(admission.node());
    let place = admission.take_place();
    let socket = match open(socket, &node) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%error, %peer, "cannot serve a connection");
            return;
        }
    };
    let limits = node.shared.limits.clone();
    let mut connection = Connection {
        socket,
        inbound: Inbound::new(limits.max_request, node.shared.versions),
        outbound: Outbound::default(),
        stopped: node.stopped.subscribe(),
        frozen: node.frozen.subscribe(),
        removals: node.shared.faults.removals(),
        events: None,
        handshake_until: Some(Instant::now() + limits.handshake_timeout),
        write_until: None,
        session: Session::new(node, peer, admission.number(), place),
        limits,
        admission,
    };
    match connection.run().await {
        End::Now => {}
        End::AfterAnswers => connection.linger().await,
        End::Reset => {
            // Not reset is closed at least.
            let _ = connection.socket.set_zero_linger();
        }
    }
    tracing::trace!(%peer, "connection ended");
}

/// The socket on this thread, secured if the node's are. What stays on this machine is not.
fn open(socket: Accepted, node: &Node) -> io::Result<Socket> {
    let tcp = match socket {
        Accepted::Tcp(socket) => TcpStream::from_std(socket)?,
        #[cfg(unix)]
        Accepted::Unix(socket) => {
            return tokio::net::UnixStream::from_std(socket).map(Socket::Local);
        }
    };
    #[cfg(feature = "tls")]
    if let Some(tls) = node.tls() {
        return Socket::secured(tcp, &tls);
    }
    let _ = node;
    Ok(Socket::Plain(tcp))
}

impl Connection {
    async fn run(&mut self) -> End {
        let mut turns = 0u32;
        loop {
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
            if *self.frozen.borrow() {
                self.admission.node().thawed().await;
            }
            if *self.stopped.borrow() {
                return End::Now;
            }
            self.outbound.release(Instant::now());
            if self.outbound.keeps() {
                let rules = &self.admission.node().shared.faults;
                self.outbound.let_go(|rule| rules.fired(rule).is_some());
            }
            if let Err(end) = self.take_events() {
                return end;
            }
            let flow = self.answer();
            self.outbound.seal();
            if self.write().is_err() || self.outbound.held() > self.limits.disconnect_at {
                return End::Now;
            }
            match flow {
                Flow::Continue => {}
                Flow::Close => return End::AfterAnswers,
                Flow::Abort => return End::Now,
                Flow::Reset => return End::Reset,
            }
            let reading = self.outbound.backlog() < self.limits.pause_reading_at;
            if reading && self.inbound.is_stalled() {
                // Requests are left over from before the client read its answers.
                continue;
            }
            match self.wait(reading).await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// Waits until there is something to do, and reads if it is that.
    async fn wait(&mut self, reading: bool) -> Result<(), End> {
        let writing = !self.outbound.unwritten(Instant::now()).is_empty() || self.socket.owes();
        let interest = match (reading, writing) {
            (true, false) => Some(Interest::READABLE),
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let timer = self.next_deadline();
        tokio::select! {
            biased;
            ready = ready(&mut self.socket, interest) => {
                let ready = ready.map_err(|_| End::Now)?;
                if reading && (ready.is_readable() || ready.is_read_closed() || ready.is_error()) {
                    return self.read();
                }
                Ok(())
            }
            _ = self.stopped.changed() => Ok(()),
            _ = self.frozen.changed() => Ok(()),
            _ = self.removals.changed(), if self.outbound.keeps() => Ok(()),
            event = next_event(&mut self.events) => self.send_event(event),
            () = sleep_until(timer) => self.check_deadlines(),
        }
    }

    fn read(&mut self) -> Result<(), End> {
        match self.socket.try_read(self.inbound.buffer()) {
            Ok(0) => Err(End::AfterAnswers),
            Ok(count) => {
                self.inbound.arrived(count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // TLS that cannot be understood: the client should get to read the alert that says so.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::debug!(%error, "a client that does not speak TLS as it should");
                Err(End::AfterAnswers)
            }
            Err(_) => Err(End::Now),
        }
    }

    /// Carries out the requests that have arrived, as long as their answers are welcome.
    fn answer(&mut self) -> Flow {
        let mut flow = Flow::Continue;
        while flow == Flow::Continue && self.outbound.backlog() < self.limits.pause_reading_at {
            let Some(received) = self.inbound.next() else { break };
            flow = match received {
                Received::Request(header, body) => self.session.handle(&header, body, &mut self.outbound),
                Received::TooLarge(header) => self.session.refuse_size(&header, &mut self.outbound),
                Received::Broken(refusal) => self.session.refuse_frame(&refusal, &mut self.outbound),
            };
            if let Some(framing) = self.session.take_framing() {
                framing.apply(&mut self.inbound, &mut self.outbound);
            }
        }
        if self.session.is_ready() && self.handshake_until.take().is_some() {
            self.admission.ready();
        }
        if self.session.is_registered() && self.events.is_none() {
            self.events = Some(self.session.subscribe());
        }
        flow
    }

    /// Hands the socket what it takes without waiting.
    fn write(&mut self) -> io::Result<()> {
        let mut progress = false;
        loop {
            let now = Instant::now();
            let unwritten = self.outbound.unwritten(now);
            if unwritten.is_empty() {
                break;
            }
            match self.socket.try_write(unwritten) {
                Ok(count) => {
                    self.outbound.advance(count, now);
                    progress = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.socket.settle()?;
        if self.outbound.backlog() == 0 && !self.socket.owes() {
            self.write_until = None;
        } else if progress || self.write_until.is_none() {
            self.write_until = Some(Instant::now() + self.limits.write_timeout);
        }
        Ok(())
    }

    /// Events that came while the connection was busy.
    fn take_events(&mut self) -> Result<(), End> {
        let Some(events) = &mut self.events else { return Ok(()) };
        loop {
            match events.try_recv() {
                Ok(event) => self.session.write_event(&event, &mut self.outbound),
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => {
                    return Ok(());
                }
                // The client did not read for a long time, and some of what it registered for is lost.
                Err(broadcast::error::TryRecvError::Lagged(_)) => return Err(End::Now),
            }
        }
    }

    fn send_event(&mut self, event: Result<Arc<Event>, broadcast::error::RecvError>) -> Result<(), End> {
        match event {
            Ok(event) => {
                self.session.write_event(&event, &mut self.outbound);
                Ok(())
            }
            Err(broadcast::error::RecvError::Lagged(_)) => Err(End::Now),
            Err(broadcast::error::RecvError::Closed) => {
                self.events = None;
                Ok(())
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.handshake_until, self.write_until, self.outbound.next_due()].into_iter().flatten().min()
    }

    fn check_deadlines(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.handshake_until) || passed(self.write_until) { Err(End::Now) } else { Ok(()) }
    }

    /// Sends what is left, then waits for the client to close: closing at once could destroy the answers it has not read.
    async fn linger(&mut self) {
        let farewell = async {
            while self.outbound.backlog() > 0 {
                if self.outbound.unwritten(Instant::now()).is_empty() {
                    sleep_until(self.outbound.next_byte()).await;
                } else {
                    self.socket.ready(Interest::WRITABLE).await?;
                }
                self.write()?;
            }
            self.socket.shutdown().await?;
            let mut rest = [0; 4096];
            loop {
                self.socket.ready(Interest::READABLE).await?;
                match self.socket.try_skip(&mut rest) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        };
        let _: Result<io::Result<()>, _> = tokio::time::timeout(LINGER, farewell).await;
    }
}

async fn ready(socket: &mut Socket, interest: Option<Interest>) -> io::Result<tokio::io::Ready> {
    match interest {
        Some(interest) => socket.ready(interest).await,
        None => pending().await,
    }
}

async fn next_event(
    events: &mut Option<broadcast::Receiver<Arc<Event>>>,
) -> Result<Arc<Event>, broadcast::error::RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
