//! Connections that come into service and go out of it, and what pools are asked for: called by pools and by the messages of the
//! cluster actor.

use std::{
    rc::{Rc, Weak},
    sync::Arc,
};

use chorus_topology::{HostIndex, Route};

use super::port::{Cause, CoordinatorPort};
use crate::{
    connection::{ConnectionHandle, Port, Work},
    request::Preparation,
};

/// A statement that a host is to prepare in the keyspace it was prepared in first, which is not that of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Lesson {
    pub(crate) statement: Arc<Preparation>,
    /// The connection whose requests wait for it.
    pub(super) connection: u64,
}

/// Takes a lesson to a pool.
pub(crate) type Teacher = Box<dyn Fn(Lesson)>;

impl CoordinatorPort {
    /// Takes a connection into service.
    pub(crate) fn add_connection(&self, connection: ConnectionHandle) {
        self.pools.borrow_mut().add(connection);
        self.room.set(true);
        self.news.set(true);
        self.wake();
    }

    /// Notes how many connections there should be to a host.
    pub(crate) fn set_target(&self, host: HostIndex, target: u32) {
        self.pools.borrow_mut().set_target(host, target);
    }

    /// Counts a dial by what came of it.
    pub(crate) fn dialled(&self, result: &'static str) {
        self.stats.borrow_mut().dialled(result);
    }

    /// Takes a connection out of service. What it holds is its own business.
    pub(crate) fn remove_connection(&self, connection: &ConnectionHandle) {
        self.pools.borrow_mut().remove(connection.host, connection.id);
    }

    /// Takes back what a connection that is leaving has not begun to send: its replacement sends it.
    pub(crate) fn reclaim(&self, connection: &ConnectionHandle) {
        for work in connection.take_queue() {
            match work {
                Work::One(request) => self.failed(request, Cause::Returned, connection),
                Work::Rows { chunk, next } => {
                    self.rows_unsent(chunk, next, Cause::Returned, connection);
                }
            }
        }
    }

    /// Replaces what the coordinator knows of the cluster.
    pub(crate) fn set_route(&self, route: Arc<Route>) {
        self.pools.borrow_mut().set_route(&route);
        *self.route.borrow_mut() = Some(route);
        self.room.set(true);
        self.news.set(true);
        self.wake();
    }

    /// The control connection that requests may go to when there is no other. Called on its reactor.
    pub(crate) fn set_control(&self, control: Option<ConnectionHandle>) {
        *self.control.borrow_mut() = control;
        self.news.set(true);
        self.wake();
    }

    /// A pool came, or went.
    pub(crate) fn set_teacher(&self, host: HostIndex, teacher: Option<Teacher>) {
        let mut teachers = self.teachers.borrow_mut();
        teachers.retain(|(known, _)| *known != host);
        teachers.extend(teacher.map(|teacher| (host, teacher)));
    }

    /// Whether there is a pool for a host on this reactor.
    pub(super) fn has_pool(&self, host: HostIndex) -> bool {
        self.teachers.borrow().iter().any(|(known, _)| *known == host)
    }

    /// Asks the pool of a host to give a lesson. False when there is none.
    pub(super) fn teach(&self, host: HostIndex, lesson: Lesson) -> bool {
        let teachers = self.teachers.borrow();
        let teacher = teachers.iter().find(|(known, _)| *known == host);
        teacher.map(|(_, teach)| teach(lesson)).is_some()
    }

    /// From a pool: a lesson is over.
    pub(crate) fn taught(&self, lesson: Lesson, learned: bool) {
        self.taught.borrow_mut().push((lesson, learned));
        self.wake();
    }

    /// Counts a connection among those whose deadlines are swept. Called when it starts.
    pub(crate) fn register(&self, port: &Rc<Port>) {
        self.connections.borrow_mut().push(Rc::downgrade(port));
    }

    /// The opposite, when it ends.
    pub(crate) fn unregister(&self, port: &Rc<Port>) {
        self.connections
            .borrow_mut()
            .retain(|known| known.strong_count() > 0 && known.as_ptr() != Rc::as_ptr(port));
        self.pools.borrow_mut().remove(port.host, port.id);
        let hosts = match &*self.route.borrow() {
            Some(route) if route.host(port.host).is_some() => route.hosts().len(),
            _ => 0,
        };
        self.stats.borrow_mut().retire(port, hosts);
        self.wake();
    }

    /// Every connection that is open, the control connection included.
    pub(super) fn open_connections(&self) -> impl Iterator<Item = ConnectionHandle> {
        let open: Vec<_> = self.connections.borrow().iter().filter_map(Weak::upgrade).collect();
        open.into_iter()
    }

    /// Shows `look` one open connection after the other until it says yes. Unlike
    /// [`open_connections`](Self::open_connections) it allocates nothing, and `look` must not open or close any.
    pub(super) fn any_open(&self, mut look: impl FnMut(&Port) -> bool) -> bool {
        self.connections.borrow().iter().filter_map(Weak::upgrade).any(|connection| look(&connection))
    }
}
