//! A caller and a reactor that owns the socket, as in a dedicated placement.
//!
//! Either sleeps when it has nothing to do, and whoever has something for it wakes it only then: the reactor sleeps in epoll
//! and is woken through an eventfd, the caller is parked. With a spin both look again for a while before they sleep.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use crate::cost::{Cost, Meter};
use crate::wire;

/// Who writes requests to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The caller appends to a queue; all that is there is one write.
    Reactor,
    /// The caller itself, each request for itself as callers do who know nothing of each other.
    Caller,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) writer: Writer,
    /// How long to look again before sleeping.
    pub(crate) spin: Option<Duration>,
}

struct Shared {
    requests: ArrayQueue<u16>,
    answers: ArrayQueue<u16>,
    bell: OwnedFd,
    reactor_sleeps: AtomicBool,
    caller_sleeps: AtomicBool,
    caller: Thread,
    over: AtomicBool,
}

impl Shared {
    fn wake_reactor(&self) -> io::Result<()> {
        if self.reactor_sleeps.load(Ordering::SeqCst) && self.reactor_sleeps.swap(false, Ordering::SeqCst) {
            rustix::io::write(&self.bell, &1_u64.to_ne_bytes())?;
        }
        Ok(())
    }

    fn wake_caller(&self) {
        if self.caller_sleeps.load(Ordering::SeqCst) && self.caller_sleeps.swap(false, Ordering::SeqCst) {
            self.caller.unpark();
        }
    }
}

/// Looks again until there is something or the spin is over; whether there is.
fn spin(longest: Option<Duration>, mut look: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    let Some(longest) = longest else { return look() };
    let began = Instant::now();
    loop {
        if look()? {
            return Ok(true);
        }
        if began.elapsed() >= longest {
            return Ok(false);
        }
        thread::yield_now();
    }
}

pub(crate) fn run(
    socket: TcpStream,
    frames: Vec<Vec<u8>>,
    shape: Shape,
    warm_up: Duration,
    measured: Duration,
) -> io::Result<Cost> {
    socket.set_nonblocking(true)?;
    let shared = Arc::new(Shared {
        requests: ArrayQueue::new(frames.len()),
        answers: ArrayQueue::new(frames.len()),
        bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        reactor_sleeps: AtomicBool::new(false),
        caller_sleeps: AtomicBool::new(false),
        caller: thread::current(),
        over: AtomicBool::new(false),
    });
    let frames = Arc::new(frames);
    let reactor = thread::spawn({
        let (socket, shared, frames) = (socket.try_clone()?, Arc::clone(&shared), Arc::clone(&frames));
        move || {
            let ended = react(&socket, &shared, &frames, shape.spin);
            // A caller that waits for a reactor that failed must hear of it.
            shared.over.store(true, Ordering::SeqCst);
            shared.caller.unpark();
            ended
        }
    });
    let cost = call(&socket, &shared, &frames, shape, warm_up, measured);
    shared.over.store(true, Ordering::SeqCst);
    rustix::io::write(&shared.bell, &1_u64.to_ne_bytes())?;
    reactor.join().map_err(|_| io::Error::other("the reactor panicked"))??;
    cost
}

/// The caller: sends each request again when it is answered.
fn call(
    mut socket: &TcpStream,
    shared: &Shared,
    frames: &[Vec<u8>],
    shape: Shape,
    warm_up: Duration,
    measured: Duration,
) -> io::Result<Cost> {
    let mut send = |stream: u16| match shape.writer {
        Writer::Caller => socket.write_all(&frames[usize::from(stream)]),
        Writer::Reactor => {
            // There is a place for every request in flight.
            let _ = shared.requests.push(stream);
            shared.wake_reactor()
        }
    };
    let mut meter = Meter::start(frames.len(), warm_up, measured);
    (0..frames.len() as u16).try_for_each(&mut send)?;
    loop {
        while let Some(stream) = shared.answers.pop() {
            if !meter.answered(stream) {
                return Ok(meter.finish());
            }
            send(stream)?;
        }
        if spin(shape.spin, || Ok(!shared.answers.is_empty()))? {
            continue;
        }
        shared.caller_sleeps.store(true, Ordering::SeqCst);
        while shared.answers.is_empty() && shared.caller_sleeps.load(Ordering::SeqCst) {
            if shared.over.load(Ordering::SeqCst) {
                return Err(io::Error::other("the reactor ended early"));
            }
            thread::park();
        }
        shared.caller_sleeps.store(false, Ordering::SeqCst);
    }
}

/// The reactor: writes what is in the queue, reads answers, hands them over.
fn react(
    mut socket: &TcpStream,
    shared: &Shared,
    frames: &[Vec<u8>],
    longest: Option<Duration>,
) -> io::Result<()> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, socket, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
    epoll::add(&poll, &shared.bell, EventData::new_u64(1), EventFlags::IN | EventFlags::ET)?;
    let (mut input, mut filled) = (vec![0; 64 * 1024], 0);
    let mut output = Vec::with_capacity(64 * 1024);
    let mut events = Vec::with_capacity(8);
    let mut wait = |limit: Option<&Timespec>| -> io::Result<bool> {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), limit)?;
        Ok(events.iter().any(|event: &epoll::Event| event.data.u64() == 0))
    };
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    while !shared.over.load(Ordering::SeqCst) {
        while let Some(stream) = shared.requests.pop() {
            output.extend_from_slice(&frames[usize::from(stream)]);
        }
        if !output.is_empty() {
            // A few kilobytes always fit into the socket's buffer.
            socket.write_all(&output)?;
            output.clear();
        }
        let mut readable = false;
        if let Some(longest) = longest {
            spin(Some(longest), || {
                readable = wait(Some(&at_once))?;
                Ok(readable || !shared.requests.is_empty())
            })?;
        }
        if !readable && shared.requests.is_empty() {
            shared.reactor_sleeps.store(true, Ordering::SeqCst);
            // The bell may have rung while we looked in passing, and does not ring twice.
            if shared.requests.is_empty() && !shared.over.load(Ordering::SeqCst) {
                readable = wait(None)?;
            }
            shared.reactor_sleeps.store(false, Ordering::SeqCst);
        }
        if !readable {
            continue;
        }
        match socket.read(&mut input[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        wire::answers(&mut input, &mut filled, |stream| {
            let _ = shared.answers.push(stream);
        });
        shared.wake_caller();
    }
    Ok(())
}
