//! As much of HTTP as a scrape and a browser need: one GET a connection, answered and closed.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::prometheus::Exposition;
use super::{protobuf, text};

/// Requests longer than this are none of ours.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long a peer may take, to ask and to read the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Peers served at the same time; more wait to be accepted.
const MOST_PEERS: usize = 32;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, exposition: Arc<Exposition>) {
    let peers = Arc::new(Semaphore::new(MOST_PEERS));
    loop {
        let Ok(place) = Arc::clone(&peers).acquire_owned().await else { return };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection to the metrics endpoint was not accepted");
                // Out of file descriptors, as a rule: trying again at once would not help.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let exposition = Arc::clone(&exposition);
        tokio::spawn(async move {
            // Whoever goes away meanwhile need not be told.
            let _ = tokio::time::timeout(PATIENCE, answer(socket, &exposition)).await;
            drop(place);
        });
    }
}

async fn answer(mut socket: TcpStream, exposition: &Exposition) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD {
            return write(&mut socket, Answer::error("431 Request Header Fields Too Large")).await;
        }
        if socket.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let answer = Answer::to(&String::from_utf8_lossy(&head), exposition);
    write(&mut socket, answer).await
}

async fn write(socket: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    let Answer { status, content_type, body, with_body } = answer;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    if with_body {
        socket.write_all(&body).await?;
    }
    socket.shutdown().await
}

/// The value of the header that says what the peer understands.
fn accept(head: &str) -> &str {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut accepts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    accepts.next().map_or("", |(_, value)| value.trim())
}

struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    with_body: bool,
}

impl Answer {
    fn error(status: &'static str) -> Self {
        let body = format!("{status}\n").into_bytes();
        Self { status, content_type: "text/plain; charset=utf-8", body, with_body: true }
    }

    fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", content_type, body: body.into(), with_body: true }
    }

    /// The answer to a request, of which the first line and what is accepted matter.
    fn to(head: &str, exposition: &Exposition) -> Self {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !matches!(method, "GET" | "HEAD") {
            return Self::error("405 Method Not Allowed");
        }
        let answer = match path.split('?').next().unwrap_or_default() {
            "/metrics" => match Some(())
                .filter(|()| protobuf::is_preferred(accept(head)))
                .and_then(|()| exposition.protobuf())
            {
                Some(body) => Self::ok(protobuf::CONTENT_TYPE, body),
                None => Self::ok(text::CONTENT_TYPE, exposition.text()),
            },
            "/metrics.json" => Self::ok("application/json", exposition.json()),
            "/health" => Self::ok("text/plain; charset=utf-8", "OK"),
            _ => Self::error("404 Not Found"),
        };
        Self { with_body: method == "GET", ..answer }
    }
}
