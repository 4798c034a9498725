//! What the metrics endpoint says over HTTP, and what it puts up with.

use std::net::SocketAddr;
use std::time::Duration;

use chorus::metrics::PrometheusEndpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::Stage;

async fn serving() -> (Stage, PrometheusEndpoint) {
    let stage = Stage::new().await;
    let free = "127.0.0.1:0".parse().expect("an address");
    let endpoint = PrometheusEndpoint::start(free, &stage.session).expect("it listens");
    // Its first numbers.
    while !ask(endpoint.address(), "GET /metrics HTTP/1.0\r\n\r\n").await.contains("chorus_") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (stage, endpoint)
}

/// Everything that comes until the connection is closed.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // One that is refused may be cut off while it still speaks.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Everything that is answered to one request, on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str, header: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: here\r\n{header}Connection: close\r\n\r\n")).await
}

#[tokio::test]
async fn each_path_has_its_type_and_is_never_kept() {
    let (_stage, endpoint) = serving().await;
    let address = endpoint.address();
    for (path, content_type, begins) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/?later=yes", "text/html; charset=utf-8", "<!doctype html>"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP chorus_"),
        ("/metrics.json", "application/json", "{"),
        ("/health", "text/plain; charset=utf-8", "OK"),
    ] {
        let answer = get(address, path, "").await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
        for header in [
            format!("content-type: {content_type}"),
            "cache-control: no-store".into(),
            "x-content-type-options: nosniff".into(),
        ] {
            assert!(head.lines().any(|line| line == header), "{path} lacks {header}: {head}");
        }
        assert!(body.starts_with(begins), "{path}: {}", body.chars().take(80).collect::<String>());
        assert_eq!(
            head.contains("content-security-policy: default-src 'none'"),
            path.starts_with("/?") || path == "/"
        );
        assert_eq!(head.contains("x-gathered-at: 1"), path == "/metrics", "{head}");
    }
    let protobuf = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6\r\n";
    let answer = get(address, "/metrics", protobuf).await;
    assert!(
        answer.contains("application/vnd.google.protobuf"),
        "{}",
        answer.lines().nth(1).unwrap_or_default()
    );
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_number() {
    let (_stage, endpoint) = serving().await;
    let address = endpoint.address();
    for (request, status) in [
        ("GET /favicon.ico HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".to_owned(), "404"),
        ("GET /metrics/ HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".to_owned(), "404"),
        (
            "POST /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            "405",
        ),
        (format!("GET / HTTP/1.1\r\nHost: here\r\nLong: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        ("no request at all\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = ask(address, &request).await;
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{status}: {}", answer.lines().next().unwrap_or_default());
        if status == "405" {
            assert!(answer.to_ascii_lowercase().contains("allow: get, head"), "{answer}");
        }
    }
    let head = ask(address, "HEAD / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
    assert!(length.expect("it says how long the page is").parse::<usize>().expect("a number") > 10_000);
}

#[tokio::test]
async fn a_connection_serves_many_requests_one_after_the_other() {
    let (_stage, endpoint) = serving().await;
    let mut socket = TcpStream::connect(endpoint.address()).await.expect("it listens");
    for _ in 0..5 {
        socket.write_all(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n").await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nOK") {
            assert!(socket.read_buf(&mut answer).await.expect("still open") > 0, "closed after an answer");
        }
    }
}

#[tokio::test]
async fn one_peer_too_many_is_served_as_soon_as_another_was_answered() {
    let (_stage, endpoint) = serving().await;
    let address = endpoint.address();
    let mut house = Vec::new();
    for _ in 0..32 {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        socket.write_all(b"GET /hea").await.expect("sent");
        house.push(socket);
    }
    let waiting = tokio::spawn(async move { get(address, "/health", "").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "there is room for 32");
    // Who keeps a connection for the next request loses it when the house is full.
    house[7].write_all(b"lth HTTP/1.1\r\nHost: here\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    house[7].read_to_string(&mut answer).await.expect("answered and closed");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    let answer =
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("in time").expect("answered");
    assert!(answer.ends_with("OK"), "{answer}");
}
