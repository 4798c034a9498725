//! What the endpoint answers over HTTP/1: the numbers in three formats, the page that draws them, and whether anybody is there.
//!
//! hyper reads requests and writes answers; here is what they say, and what a peer may cost. A peer that sends nothing for too long,
//! or takes too long over everything, is let go; one more than there is room for waits to be accepted; while the house is
//! full, everybody is asked to leave after an answer. Nothing a peer does ends the server.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::prometheus::Exposition;
use super::{page, protobuf, text};

/// Requests whose head is longer than this are none of ours.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long a peer may take to ask, and to leave when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);
/// After this long a peer has to connect again: one that never reads its answers keeps a place no longer than that.
const LONGEST_VISIT: Duration = Duration::from_secs(60);
/// Peers served at the same time; more wait to be accepted.
const MOST_PEERS: usize = 32;
/// When the numbers of an answer were gathered, in seconds since 1970: what a page that computes rates goes by, because the
/// numbers may be a second old.
const GATHERED_AT: HeaderName = HeaderName::from_static("x-gathered-at");

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
        // Answers are written whole, so there is nothing to gather more of.
        let _ = socket.set_nodelay(true);
        tokio::spawn(visit(socket, Arc::clone(&exposition), Arc::clone(&peers), place));
    }
}

/// One peer, from its first request to its last. Whoever goes away meanwhile need not be told, so errors end here.
async fn visit(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    exposition: Arc<Exposition>,
    peers: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
) {
    let service = service_fn(|request| {
        let mut response = answer(&request, &exposition);
        if peers.available_permits() == 0 {
            // Somebody may be waiting for this place.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_header_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    if tokio::time::timeout(LONGEST_VISIT, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(PATIENCE, connection).await;
    }
}

/// The answer to a request, of which method, path and what is accepted matter. hyper leaves the body out for `HEAD`.
fn answer<B>(request: &Request<B>, exposition: &Exposition) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/" => picture_page(),
        "/metrics" => numbers(request.headers(), exposition),
        "/metrics.json" => ok("application/json", exposition.json()),
        "/health" => ok("text/plain; charset=utf-8", "OK"),
        _ => refusal(StatusCode::NOT_FOUND),
    }
}

fn numbers(headers: &HeaderMap, exposition: &Exposition) -> Response<Full<Bytes>> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protobuf = Some(accept).filter(|accept| protobuf::is_preferred(accept));
    let mut response = match protobuf.and_then(|_| exposition.protobuf()) {
        Some(body) => ok(protobuf::CONTENT_TYPE, body),
        None => ok(text::CONTENT_TYPE, exposition.text()),
    };
    let gathered = exposition.gathered_at().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let gathered = gathered.and_then(|at| HeaderValue::from_str(&format!("{:.3}", at.as_secs_f64())).ok());
    if let Some(gathered) = gathered {
        response.headers_mut().insert(GATHERED_AT, gathered);
    }
    response
}

/// The page, and what a browser must not do with it.
fn picture_page() -> Response<Full<Bytes>> {
    let page::Document { html, policy } = page::document();
    let mut response = ok("text/html; charset=utf-8", html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = ok("text/plain; charset=utf-8", format!("{status}\n"));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
