//! No handing over: one thread writes, waits as an asynchronous runtime does, and reads.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::cost::{Cost, Meter};
use crate::wire;

pub(crate) fn run(
    mut socket: TcpStream,
    frames: &[Vec<u8>],
    warm_up: Duration,
    measured: Duration,
) -> io::Result<Cost> {
    socket.set_nonblocking(true)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &socket, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
    let mut meter = Meter::start(frames.len(), warm_up, measured);
    let (mut input, mut filled) = (vec![0; 64 * 1024], 0);
    let mut output = frames.concat();
    let mut events = Vec::with_capacity(8);
    let mut over = false;
    while !over {
        // A few kilobytes always fit into the socket's buffer.
        socket.write_all(&output)?;
        output.clear();
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        match socket.read(&mut input[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        wire::answers(&mut input, &mut filled, |stream| {
            if meter.answered(stream) {
                output.extend_from_slice(&frames[usize::from(stream)]);
            } else {
                over = true;
            }
        });
    }
    Ok(meter.finish())
}
