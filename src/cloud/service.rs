//! Asking the service: one GET over HTTPS, with the bundle's certificate, within a limit.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use super::problem::BundleProblem;
use crate::TlsConfig;

/// Real answers have about 1 KB.
const MOST_BYTES: usize = 1 << 20;
const MOST_HEADERS: usize = 64;
/// Headers that do not end by then are no headers.
const MOST_IN_HEADERS: usize = 64 << 10;

/// The body of `https://host:port/metadata`. Blocks, for no longer than `limit`.
pub(super) fn fetch(
    host: &str,
    port: u16,
    tls: &TlsConfig,
    limit: Duration,
) -> Result<Vec<u8>, BundleProblem> {
    let until = Instant::now() + limit;
    let problem = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => BundleProblem::Timeout { limit },
        _ => BundleProblem::Service { reason: error.to_string().into() },
    };
    let settings = tls.settings();
    let name = chorus_actors::tls::server_name(host)
        .map_err(|error| BundleProblem::Service { reason: error.to_string().into() })?;
    let session = ClientConnection::new(settings.client_config(), name)
        .map_err(|error| BundleProblem::Service { reason: error.to_string().into() })?;
    let socket = connect(host, port, until).map_err(problem)?;
    let mut stream = StreamOwned::new(session, Limited { socket, until });
    let request = format!(
        "GET /metadata HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(problem)?;
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            // Without a goodbye of TLS; an answer tells its length, so that one that was cut off is noticed.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Ok(count) => said.extend_from_slice(&chunk[..count]),
            Err(error) => return Err(problem(error)),
        }
        if said.len() > MOST_BYTES {
            let part = "the service's answer".into();
            return Err(BundleProblem::TooLarge { part, limit: MOST_BYTES as u64 });
        }
        if let Some(body) = body(&said, false)? {
            return Ok(body);
        }
    }
    body(&said, true)?.ok_or_else(|| damaged("it ends too early"))
}

/// The first address of the name that answers.
fn connect(host: &str, port: u16, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in resolve(host, port, until)? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The addresses of the name. The system's resolver knows no limit: it is asked on a thread that is left behind when it takes
/// too long, and ends when the resolver gives up.
fn resolve(host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
    let (told, answer) = mpsc::sync_channel(1);
    let name = (host.to_owned(), port);
    std::thread::Builder::new().name("chorus-resolver".to_owned()).spawn(move || {
        // Nobody waits any more when it took too long.
        let _ = told.send(name.to_socket_addrs().map(Vec::from_iter));
    })?;
    answer.recv_timeout(left(until)?).map_err(|_| io::ErrorKind::TimedOut)?
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket that gives up when it is time, however slowly the peer goes on.
struct Limited {
    socket: TcpStream,
    until: Instant,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.until)?))?;
        self.socket.read(buffer)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.until)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The body of an answer, once all of it is there. `ended` tells that nothing more comes.
fn body(said: &[u8], ended: bool) -> Result<Option<Vec<u8>>, BundleProblem> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let start = match answer.parse(said) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if said.len() > MOST_IN_HEADERS => {
            return Err(damaged("its headers do not end"));
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(damaged(&format!("it is no HTTP: {error}"))),
    };
    match answer.code {
        Some(200) => {}
        Some(code) => return Err(BundleProblem::Status { code }),
        None => return Err(damaged("it has no status")),
    }
    let header = |name: &str| {
        let header = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    let rest = &said[start..];
    if header("transfer-encoding").is_some_and(|encoding| encoding.ends_with("chunked")) {
        return chunked(rest);
    }
    match header("content-length") {
        Some(length) => {
            let length = length.parse::<usize>().ok().filter(|length| *length <= MOST_BYTES);
            let length = length.ok_or_else(|| damaged("its length makes no sense"))?;
            Ok(rest.get(..length).map(<[u8]>::to_vec))
        }
        None => Ok(ended.then(|| rest.to_vec())),
    }
}

/// A body in chunks, once the last one is there.
fn chunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, BundleProblem> {
    let mut body = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(damaged("a chunk of it has no length")),
        };
        if length == 0 {
            return Ok(Some(body));
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= MOST_BYTES);
        let length = length.ok_or_else(|| damaged("a chunk of it is too large"))?;
        let Some(chunk) = rest.get(start..start + length + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..length]);
        rest = &rest[start + length + 2..];
    }
}

fn damaged(reason: &str) -> BundleProblem {
    BundleProblem::Damaged { part: super::metadata::ANSWER, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(answer: &str) -> Result<Option<String>, BundleProblem> {
        body(answer.as_bytes(), true).map(|body| body.map(|body| String::from_utf8(body).unwrap()))
    }

    #[test]
    fn a_body_has_a_length_or_chunks_or_ends_with_the_connection() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nhello",
        ] {
            assert_eq!(whole(answer).unwrap().as_deref(), Some("hello"), "{answer:?}");
        }
    }

    #[test]
    fn an_answer_is_waited_for_byte_by_byte() {
        for (answer, ends) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n\r\nhello", false),
        ] {
            for length in 0..answer.len() - 5 {
                assert_eq!(body(&answer.as_bytes()[..length], false), Ok(None), "{length} of {answer:?}");
            }
            assert_eq!(body(answer.as_bytes(), false).unwrap().is_some(), ends);
        }
    }

    #[test]
    fn other_statuses_and_nonsense_are_told_apart() {
        assert_eq!(whole("HTTP/1.1 503 Asleep\r\n\r\n"), Err(BundleProblem::Status { code: 503 }));
        assert_eq!(
            whole("HTTP/1.1 301 Moved\r\nLocation: x\r\n\r\n"),
            Err(BundleProblem::Status { code: 301 })
        );
        for nonsense in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        ] {
            assert!(matches!(whole(nonsense), Err(BundleProblem::Damaged { .. })), "{nonsense:?}");
        }
    }
}
