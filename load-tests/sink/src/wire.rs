//! Where answers go.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;

/// The client's end of a connection.
pub(crate) trait Wire {
    /// Waits for bytes of the client; zero when it is gone.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Sends `answers`, which is empty afterwards, and then `rows`.
    fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()>;
}

/// At once, in as few writes as the socket allows.
pub(crate) struct Direct<S>(pub(crate) S);

impl<S: Read + Write> Wire for Direct<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }

    fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()> {
        if rows.is_empty() {
            self.0.write_all(answers)?;
        } else {
            let mut written = self.0.write_vectored(&[IoSlice::new(answers), IoSlice::new(rows)])?;
            if written < answers.len() {
                self.0.write_all(&answers[written..])?;
                written = answers.len();
            }
            self.0.write_all(&rows[written - answers.len()..])?;
        }
        answers.clear();
        Ok(())
    }
}

/// As a reactor of ScyllaDB reads: it looks again and again for a while before it lets the system put it to sleep.
///
/// A client that writes to somebody who is awake has nobody to wake.
pub(crate) struct Polling {
    direct: Direct<TcpStream>,
    patience: Duration,
}

impl Polling {
    pub(crate) fn new(socket: TcpStream, patience: Duration) -> Polling {
        Polling { direct: Direct(socket), patience }
    }
}

impl Wire for Polling {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let since = Instant::now();
        loop {
            match rustix::net::recv(&self.direct.0, &mut *into, RecvFlags::DONTWAIT) {
                Ok((read, _)) => return Ok(read),
                Err(rustix::io::Errno::AGAIN) if since.elapsed() < self.patience => std::hint::spin_loop(),
                Err(rustix::io::Errno::AGAIN) => return self.direct.read(into),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()> {
        self.direct.send(answers, rows)
    }
}

/// Some time after they were made. A thread waits and writes, so that requests are still read meanwhile.
pub(crate) struct Delayed {
    socket: TcpStream,
    delay: Duration,
    late: Sender<(Instant, Vec<u8>)>,
    /// Buffers the writer is done with.
    empty: Receiver<Vec<u8>>,
}

impl Delayed {
    pub(crate) fn new(socket: TcpStream, delay: Duration) -> io::Result<Delayed> {
        let writer = socket.try_clone()?;
        let (late, due) = mpsc::channel();
        let (written, empty) = mpsc::channel();
        std::thread::spawn(move || write_when_due(writer, &due, &written));
        Ok(Delayed { socket, delay, late, empty })
    }
}

impl Wire for Delayed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into)
    }

    fn send(&mut self, answers: &mut Vec<u8>, rows: &[u8]) -> io::Result<()> {
        let mut whole = std::mem::replace(answers, self.empty.try_recv().unwrap_or_default());
        whole.extend_from_slice(rows);
        // Nobody is there to write to once the writer is gone; the next read finds out.
        let _ = self.late.send((Instant::now() + self.delay, whole));
        Ok(())
    }
}

fn write_when_due(mut socket: TcpStream, due: &Receiver<(Instant, Vec<u8>)>, written: &Sender<Vec<u8>>) {
    for (when, mut answers) in due {
        std::thread::sleep(when.saturating_duration_since(Instant::now()));
        if socket.write_all(&answers).is_err() {
            return;
        }
        answers.clear();
        // Without a reader nobody needs the buffer.
        let _ = written.send(answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes seven bytes at a time.
    struct Slow(Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(7);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_that_polls_reads_what_comes_while_it_looks_and_what_comes_long_after() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let mut client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let (socket, _) = listener.accept().expect("somebody connected");
        let patience = Duration::from_millis(20);
        let mut wire = Polling::new(socket, patience);
        for pause in [Duration::ZERO, patience / 4, patience * 3] {
            let late = std::thread::spawn({
                let mut client = client.try_clone().expect("a handle");
                move || {
                    std::thread::sleep(pause);
                    client.write_all(b"seven..")
                }
            });
            let mut read = [0; 7];
            assert_eq!(wire.read(&mut read).expect("the client is there"), 7);
            late.join().expect("no panic").expect("the socket takes seven bytes");
            wire.send(&mut read.to_vec(), &[]).expect("the client is there");
            client.read_exact(&mut read).expect("they came back");
        }
        drop(client);
        assert_eq!(wire.read(&mut [0; 7]).expect("the end is no error"), 0);
    }

    #[test]
    fn rows_follow_the_answers_however_little_the_socket_takes() {
        for length in [3, 7, 20] {
            let mut wire = Direct(Slow(Vec::new()));
            let mut answers = vec![1; length];
            wire.send(&mut answers, &[2; 30]).expect("a vector takes everything");
            assert!(answers.is_empty());
            assert_eq!(wire.0.0, [vec![1; length], vec![2; 30]].concat());
        }
    }
}
