//! Where a connection is served: beside its client.
//!
//! Client and sink that share two cores otherwise hand half of their bytes from one core's cache to the other's, at random.
//! Servers of one thread a core do not: a connection belongs to a core, and cards deliver its packets there.

use std::io;
use std::net::TcpStream;

use rustix::net::sockopt::socket_incoming_cpu;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::wire::{Direct, Wire};

/// Reads between two looks at where the bytes come from: clients may move.
const LOOKS: u32 = 256;

/// At once, by a thread that moves to the core on which the client's packets arrive, which on loopback is the client's own.
pub(crate) struct Following {
    direct: Direct<TcpStream>,
    core: Option<u32>,
    reads: u32,
}

impl Following {
    pub(crate) fn new(socket: TcpStream) -> Following {
        Following { direct: Direct(socket), core: None, reads: 0 }
    }

    /// Where that is not known or not allowed, the thread stays where the system puts it.
    fn follow(&mut self) {
        let Ok(core) = socket_incoming_cpu(&self.direct.0) else { return };
        if self.core == Some(core) || core as usize >= CpuSet::MAX_CPU {
            return;
        }
        self.core = Some(core);
        let mut cores = CpuSet::new();
        cores.set(core as usize);
        let _ = sched_setaffinity(None, &cores);
    }
}

impl Wire for Following {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.direct.read(into)?;
        if self.reads.is_multiple_of(LOOKS) {
            self.follow();
        }
        self.reads = self.reads.wrapping_add(1);
        Ok(read)
    }

    fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()> {
        self.direct.send(answers, rows)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use rustix::thread::{sched_getaffinity, sched_getcpu};

    use super::*;

    #[test]
    fn a_connection_is_served_on_the_core_of_its_client() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let allowed = sched_getaffinity(None).expect("it is known");
        for core in (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(2) {
            let client = std::thread::spawn(move || {
                let mut own = CpuSet::new();
                own.set(core);
                sched_setaffinity(None, &own).expect("the core is ours");
                let mut client = TcpStream::connect(address).expect("it listens");
                client.write_all(b"bytes").expect("there is room");
                client
            });
            let (socket, _) = listener.accept().expect("somebody connected");
            let _client = client.join().expect("no panic");
            let served = std::thread::spawn(move || {
                let mut wire = Following::new(socket);
                assert_eq!(wire.read(&mut [0; 5]).expect("bytes came"), 5);
                sched_getcpu()
            });
            assert_eq!(served.join().expect("no panic"), core);
        }
    }
}
