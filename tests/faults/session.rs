//! Sessions to hostile servers: one connection for requests, quick to come back.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use chorus::policy::ConstantReconnection;
use chorus::{Error, ErrorKind, PoolSize, ProtocolVersion, Session, SessionBuilder, Statement};

use crate::server::Hostile;

/// Long enough for anything that ends by itself.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) fn builder(server: &Hostile, version: ProtocolVersion) -> SessionBuilder {
    Session::builder()
        .contact_points([server.address])
        .protocol_version(version)
        .pool_size(PoolSize::PerHost(NonZeroU16::MIN))
        .reconnection(Arc::new(ConstantReconnection::new(Duration::from_millis(10))))
        .request_timeout(LONG)
        .fetch_schema(false)
}

pub(crate) async fn connect(server: &Hostile, version: ProtocolVersion) -> Session {
    builder(server, version).connect().await.expect("the handshake is honest")
}

/// A text that may be sent again.
pub(crate) fn repeatable(text: &str) -> Statement {
    Statement::new(text).idempotent(true)
}

/// Asks for `GOOD number`.
pub(crate) async fn ask(session: &Session, number: i32) -> Result<i32, Error> {
    let result = session.query(format!("GOOD {number}"), ()).await?;
    result.single_row::<(i32,)>().map(|row| row.0)
}

/// Asks until the connection is there again; the answer must be right at the first that comes.
pub(crate) async fn ask_again(session: &Session, number: i32) {
    let until = std::time::Instant::now() + LONG;
    loop {
        match ask(session, number).await {
            Ok(answer) => return assert_eq!(answer, number),
            Err(error) => {
                let kinds = [ErrorKind::NoHostAvailable, ErrorKind::ConnectionLost];
                assert!(kinds.contains(&error.kind()), "{error}");
                assert!(std::time::Instant::now() < until, "the connection never came back: {error}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
}
