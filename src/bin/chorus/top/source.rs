//! Where the numbers come from: `/metrics.json` of a program, over HTTP without TLS.
//!
//! What answers may be anything. An answer is bounded in size and time, and numbers that could not have been counted are refused,
//! so that sums of them cannot overflow.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chorus::metrics::SessionReport;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::text::harmless;

/// How long an answer may take, from the connection to its last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// A session of a thousand hosts has a report of about a megabyte.
const LARGEST: usize = 32 << 20;
/// The largest whole number that every reader of JSON can have; nothing counts that far.
const MOST: u64 = 1 << 53;
const DEFAULT_PORT: u16 = 9184;
const PATH: &str = "/metrics.json";

/// A program's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("no answer: {0}")]
    Http(hyper::Error),
    #[error("no whole answer within {} s", PATIENCE.as_secs())]
    Slow,
    #[error("it answers {0}; is it the metrics endpoint of a Chorus program?")]
    Status(StatusCode),
    #[error("its answer cannot be read: {0}")]
    Body(String),
    #[error("its answer is no report of a Chorus program: {0}")]
    NoReport(String),
    #[error("the program has not gathered anything yet")]
    NothingYet,
}

impl Endpoint {
    /// Asks for a report. Cancel safe: nothing is left behind.
    pub(crate) async fn report(&self) -> Result<SessionReport, SourceError> {
        let body = tokio::time::timeout(PATIENCE, self.body()).await.map_err(|_| SourceError::Slow)??;
        read(&body)
    }

    async fn body(&self) -> Result<Bytes, SourceError> {
        let socket = TcpStream::connect((&*self.host, self.port)).await.map_err(SourceError::Connect)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(SourceError::Http)?;
        let request = Request::get(&self.path)
            .header(HOST, self.authority())
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| SourceError::Body(error.to_string()))?;
        let exchange = async move {
            let answer = sender.send_request(request).await.map_err(SourceError::Http)?;
            if answer.status() != StatusCode::OK {
                return Err(SourceError::Status(answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| SourceError::Body(error.to_string()))
        };
        tokio::pin!(exchange, connection);
        // The connection does the reading and writing. It may end before the answer was taken out of it.
        tokio::select! {
            body = &mut exchange => body,
            _ = &mut connection => exchange.await,
        }
    }

    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn read(body: &[u8]) -> Result<SessionReport, SourceError> {
    let no_report = |error: serde_json::Error| SourceError::NoReport(harmless(&error.to_string(), 120));
    let value: Value = serde_json::from_slice(body).map_err(no_report)?;
    match &value {
        Value::Null => return Err(SourceError::NothingYet),
        Value::Object(fields) if fields.contains_key("requests") => {}
        _ => return Err(SourceError::NoReport("it does not tell of requests".to_owned())),
    }
    if !is_countable(&value) {
        return Err(SourceError::NoReport("a number is larger than anything that can be counted".to_owned()));
    }
    serde_json::from_value(value).map_err(no_report)
}

fn is_countable(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_none_or(|number| number <= MOST),
        Value::Array(values) => values.iter().all(is_countable),
        Value::Object(fields) => fields.values().all(is_countable),
        _ => true,
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is none of http://HOST:PORT, HOST:PORT and HOST");
        let whole = match text.split_once("://") {
            None => format!("http://{text}"),
            Some(("http", _)) => text.to_owned(),
            Some((scheme, _)) => return Err(format!("metrics are served over http, not {scheme}")),
        };
        let uri: Uri = whole.parse().map_err(|_| refuse())?;
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refuse)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        // `host:` and `host:99999` have a colon and no port.
        let bare = authority.as_str().len() == authority.host().len();
        let port = authority.port_u16().or(bare.then_some(DEFAULT_PORT)).ok_or_else(refuse)?;
        if host.is_empty() {
            return Err(refuse());
        }
        let folder = uri.path().trim_end_matches('/').trim_end_matches(PATH).trim_end_matches("/metrics");
        Ok(Self { host: host.to_owned(), port, path: format!("{folder}{PATH}") })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path.trim_end_matches(PATH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_said_in_many_ways() {
        for (text, shown, path) in [
            ("http://127.0.0.1:9404", "http://127.0.0.1:9404", "/metrics.json"),
            ("http://127.0.0.1:9404/metrics", "http://127.0.0.1:9404", "/metrics.json"),
            ("http://127.0.0.1:9404/metrics.json", "http://127.0.0.1:9404", "/metrics.json"),
            ("http://proxy:80/loader/", "http://proxy:80/loader", "/loader/metrics.json"),
            ("127.0.0.1:9404", "http://127.0.0.1:9404", "/metrics.json"),
            ("db-client", "http://db-client:9184", "/metrics.json"),
            ("[::1]:9404", "http://[::1]:9404", "/metrics.json"),
            ("[::1]", "http://[::1]:9184", "/metrics.json"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((endpoint.to_string(), &*endpoint.path), (shown.to_owned(), path), "{text}");
        }
        for bad in
            ["", "https://a:1", "ftp://a", "a:99999", "a:", ":9404", "a b", "u:p@a:1", "http://", "a:b"]
        {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            "12",
            "\"x\"",
            r#"{"requests": 3}"#,
            r#"{"requests":{},"in_flight":9007199254740993}"#,
            r#"{"requests":{},"hosts":[{"address":"nowhere"}]}"#,
        ] {
            assert!(matches!(read(bad.as_bytes()), Err(SourceError::NoReport(_))), "{bad}");
        }
        assert!(matches!(read(b"null"), Err(SourceError::NothingYet)));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(read(deep.as_bytes()), Err(SourceError::NoReport(_))));
        assert!(read(br#"{"requests":{}}"#).is_ok());
    }
}
