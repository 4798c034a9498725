//! A connection without a socket, for benches of what comes before it.

use std::{net::SocketAddr, rc::Rc, task::Poll};

use chorus_protocol::{FrameShape, Opcode, ProtocolVersion};
use chorus_topology::HostIndex;

use super::{ConnectionHandle, ConnectionSettings, Place, Work, open_port};
use crate::{coordinator::CoordinatorPort, reactor::Stage, request::Outcome};

/// Puts a connection on stage that answers each request with an empty RESULT as soon as it is polled. Rows of chunks are not
/// for it.
pub(crate) fn start(
    stage: &Stage,
    host: HostIndex,
    address: SocketAddr,
    window: u32,
    coordinator: &Rc<CoordinatorPort>,
) -> ConnectionHandle {
    let place = Place { host, address, shard: None };
    let settings = ConnectionSettings { window, ..ConnectionSettings::default() };
    let port = open_port(place, FrameShape::new(ProtocolVersion::V4), None, &settings, coordinator);
    let (handle, coordinator) = (Rc::clone(&port), Rc::clone(coordinator));
    stage.spawn(std::future::poll_fn(move |task| {
        port.woken.set(false);
        port.waker.remember(task.waker());
        let mut queue = port.queue.take();
        port.queued.set(0);
        for work in queue.drain(..) {
            let Work::One(mut request) = work else { unreachable!("a bench of single requests") };
            request.outcome = Outcome::Answered { opcode: Opcode::Result as u8, flags: 0, host };
            coordinator.answered(request);
        }
        port.queue.replace(queue);
        coordinator.flush_wakes();
        Poll::Pending
    }));
    handle
}
