//! From a TCP connection to a secured one.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use tokio::net::TcpStream;
use tracing::trace;

use super::judge::judge;
use super::stream::{TlsStream, Turn};
use super::{TlsPeer, TlsSettings, server_name};
use crate::TlsProblem;
use crate::connection::handshake::{Banner, ConnectError, Phase};

/// What the first byte of a peer that speaks TLS can be: an alert, or a part of the handshake.
const RECORDS: [u8; 2] = [21, 22];

/// Secures a connection. Dropping the future closes it.
pub(crate) async fn shake_hands(
    tcp: TcpStream,
    settings: &Arc<dyn TlsSettings>,
    peer: TlsPeer<'_>,
) -> Result<TlsStream, ConnectError> {
    refresh(settings).await;
    let config = settings.client_config();
    let name = match peer.sni {
        Some(name) => server_name(name)?,
        None => settings.server_name(peer)?,
    };
    let identifies = config.client_auth_cert_resolver.has_certs();
    let refused = |error: &rustls::Error| ConnectError::Tls(judge(error, identifies));
    let session = UnbufferedClientConnection::new(config, name).map_err(|error| refused(&error))?;
    let mut stream = TlsStream::new(tcp, session, identifies);
    let mut heard = false;
    loop {
        let turn = stream.advance().map_err(|error| refused(&error));
        // Also when it failed: the peer is told why.
        let sent = stream.send().await;
        match turn? {
            Turn::Idle => {
                sent.map_err(|error| broken(&error))?;
                trace!(address = %peer.address, version = ?stream.version(), "secured");
                return Ok(stream);
            }
            Turn::Closed => return Err(ConnectError::Closed { during: Phase::Tls }),
            Turn::Blocked => {}
        }
        // A peer that gave up may have said why before it closed: what it said is read first.
        let arrived = stream.receive().await.map_err(|error| broken(&error))?;
        if arrived == 0 {
            return Err(ConnectError::Closed { during: Phase::Tls });
        }
        if !heard {
            heard = true;
            recognise(&mut stream).await?;
        }
    }
}

/// Lets the settings look whether certificates changed. They read files, which may hang: never on a reactor.
async fn refresh(settings: &Arc<dyn TlsSettings>) {
    if !settings.may_change() {
        return;
    }
    let (done, looked) = tokio::sync::oneshot::channel();
    let looking = Arc::clone(settings);
    let thread = std::thread::Builder::new().name("chorus-tls".to_owned()).spawn(move || {
        looking.refresh();
        // Nobody waits any more when it took too long.
        let _ = done.send(());
    });
    if thread.is_ok() {
        // A panic in there leaves the certificates as they were.
        let _ = looked.await;
    }
}

/// Fails when the peer's first bytes are no TLS.
async fn recognise(stream: &mut TlsStream) -> Result<(), ConnectError> {
    if stream.received().first().is_some_and(|first| RECORDS.contains(first)) {
        return Ok(());
    }
    stream.receive_banner().await;
    Err(match Banner::recognise(stream.received()) {
        Some(banner) => ConnectError::NotCql(banner),
        // The peer took our greeting for a request and answers it in CQL.
        None => ConnectError::Tls(TlsProblem::PlaintextServer),
    })
}

fn broken(error: &std::io::Error) -> ConnectError {
    if let Some(problem) = TlsProblem::behind(error) {
        return ConnectError::Tls(problem.clone());
    }
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            ConnectError::Closed { during: Phase::Tls }
        }
        kind => ConnectError::io(Phase::Tls, kind.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::ChecksOff;
    use super::super::test_peer::{Authority, Client, Identity, Server, accept, echo};
    use super::*;

    async fn dial(
        address: std::net::SocketAddr,
        settings: &Arc<dyn TlsSettings>,
        name: Option<&str>,
    ) -> Result<TlsStream, ConnectError> {
        let tcp = TcpStream::connect(address).await.unwrap();
        shake_hands(tcp, settings, TlsPeer::new(address, name)).await
    }

    /// How a dial to a server with this certificate ends.
    async fn refusal(identity: &Identity, settings: &Arc<dyn TlsSettings>, name: Option<&str>) -> TlsProblem {
        let (address, server) = Server::showing(identity).serve(echo);
        match dial(address, settings, name).await {
            Err(ConnectError::Tls(problem)) => {
                assert!(!server.join().unwrap(), "the server hears an alert, no goodbye");
                problem
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn bytes_of_every_size_come_back_whole() {
        let authority = Authority::new();
        let settings = Client::trusting(&authority);
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            let server = Server::new(&authority.issue("127.0.0.1"), None, versions);
            let (address, server) = server.serve(echo);
            let mut stream = dial(address, &settings, None).await.unwrap();
            for size in [1, 100, 16_383, 16_384, 16_385, 65_536, 65_537, 300_000] {
                let sent: Vec<u8> = (0..size).map(|i| (i * 7 + size) as u8).collect();
                let (mut reader, mut writer) = tokio::io::split(&mut stream);
                let mut received = vec![0; size];
                let read = reader.read_exact(&mut received);
                let (written, read) = tokio::join!(writer.write_all(&sent), read);
                written.unwrap();
                read.unwrap();
                assert!(received == sent, "{size} bytes");
            }
            drop(stream);
            assert!(server.join().unwrap(), "the end of a connection is told");
        }
    }

    #[tokio::test]
    async fn f87_a_certificate_that_must_not_be_trusted_is_refused_by_its_reason() {
        let authority = Authority::new();
        let trusting = Client::trusting(&authority);
        let for_host = authority.issue("db.example");

        let problem = refusal(&for_host, &trusting, Some("other.example")).await;
        let TlsProblem::WrongName { wanted, presented } = &problem else { panic!("{problem:?}") };
        assert_eq!((&**wanted, &*presented[0]), ("other.example", "db.example"));
        assert!(problem.to_string().contains("not for other.example but for db.example"), "{problem}");

        let problem = refusal(&authority.issue("127.0.0.9"), &trusting, None).await;
        let TlsProblem::WrongName { wanted, presented } = &problem else { panic!("{problem:?}") };
        assert_eq!((&**wanted, &*presented[0]), ("127.0.0.1", "127.0.0.9"));

        let problem = refusal(&authority.issue_between("127.0.0.1", (2001, 2002)), &trusting, None).await;
        assert!(matches!(problem, TlsProblem::Expired { ago } if ago.as_secs() > 86_400), "{problem:?}");
        assert!(problem.to_string().contains("days ago"), "{problem}");

        let problem = refusal(&authority.issue_between("127.0.0.1", (2080, 2090)), &trusting, None).await;
        assert!(matches!(problem, TlsProblem::NotYetValid { .. }), "{problem:?}");

        // An authority nobody knows, and one that only has the name of a known one.
        for stranger in [Authority::named("another"), Authority::new()] {
            let problem = refusal(&stranger.issue("127.0.0.1"), &trusting, None).await;
            assert_eq!(problem, TlsProblem::UnknownIssuer);
        }
        for is_authority in [false, true] {
            let own = Identity::self_signed("127.0.0.1", is_authority);
            assert_eq!(refusal(&own, &trusting, None).await, TlsProblem::SelfSigned);
        }
        let problem = refusal(&authority.itself(), &trusting, None).await;
        assert!(problem.to_string().contains("the certificate of an authority"), "{problem}");
    }

    #[tokio::test]
    async fn checks_that_were_turned_off_are_left_out_and_no_others() {
        let authority = Authority::new();
        let any_name = Client::checking(&authority, ChecksOff::Name, None);
        let anything = Client::checking(&authority, ChecksOff::Everything, None);
        let mut good = Vec::new();
        let (address, server) = Server::showing(&authority.issue("elsewhere")).serve(echo);
        good.push((dial(address, &any_name, None).await, server));
        let (address, server) = Server::showing(&Identity::self_signed("elsewhere", true)).serve(echo);
        good.push((dial(address, &anything, None).await, server));
        for (stream, server) in good {
            drop(stream.unwrap());
            assert!(server.join().unwrap());
        }
        let problem = refusal(&Authority::new().issue("127.0.0.1"), &any_name, None).await;
        assert_eq!(problem, TlsProblem::UnknownIssuer);
    }

    #[tokio::test]
    async fn f87_a_server_of_an_old_version_is_refused_as_that() {
        let settings = Client::trusting(&Authority::new());
        // ServerHello of TLS 1.0: version, random, no session, AES128-SHA, no compression.
        let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
        hello.extend_from_slice(&[7; 32]);
        hello.extend_from_slice(&[0, 0, 0x2f, 0]);
        // And the alert by which others say the same.
        for answer in [hello, vec![21, 3, 1, 0, 2, 2, 70]] {
            let (address, server) = accept(move |mut tcp| {
                tcp.write_all(&answer).unwrap();
                let _ = tcp.read_to_end(&mut Vec::new());
            });
            let failure = dial(address, &settings, None).await.unwrap_err();
            assert!(matches!(failure, ConnectError::Tls(TlsProblem::Version)), "{failure:?}");
            server.join().unwrap();
        }
    }

    #[tokio::test]
    async fn f88_a_server_without_tls_is_recognised_by_what_it_says() {
        let settings = Client::trusting(&Authority::new());
        // ERROR of protocol 4: what a CQL server makes of the greeting.
        let cql = [0x84, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 10, 0, 0];
        for (answer, said) in [
            (&cql[..], "speaks CQL without TLS"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "speaks SSH"),
        ] {
            let answer = answer.to_vec();
            let (address, server) = accept(move |mut tcp| {
                tcp.write_all(&answer).unwrap();
                let _ = tcp.read_to_end(&mut Vec::new());
            });
            let failure = dial(address, &settings, None).await.unwrap_err();
            assert!(failure.to_string().contains(said), "{failure}");
            assert!(failure.is_mismatch());
            server.join().unwrap();
        }
        let (address, server) = accept(drop);
        let failure = dial(address, &settings, None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Closed { during: Phase::Tls }), "{failure:?}");
        server.join().unwrap();
    }

    #[tokio::test]
    async fn a_client_certificate_is_asked_for_shown_and_judged() {
        let (servers, clients) = (Authority::new(), Authority::new());
        let identity = servers.issue("127.0.0.1");
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
            let with = |shown: Option<&Identity>| Client::checking(&servers, ChecksOff::Nothing, shown);
            let dial_with = async |settings: Arc<dyn TlsSettings>| {
                let (address, server) = Server::new(&identity, Some(&clients), versions).serve(echo);
                let outcome = async {
                    let mut stream = dial(address, &settings, None).await?;
                    // In TLS 1.3 the server judges after the client's handshake is over.
                    let asked = stream.write_all(b"hello").await;
                    let answered = stream.read(&mut [0; 8]).await;
                    match asked.and(answered) {
                        Ok(count) => Ok(count),
                        Err(error) => Err(broken(&error)),
                    }
                };
                let outcome = outcome.await;
                server.join().unwrap();
                outcome
            };
            assert_eq!(dial_with(with(Some(&clients.issue("me")))).await.unwrap(), 5);
            let missing = dial_with(with(None)).await.unwrap_err();
            assert!(
                matches!(missing, ConnectError::Tls(TlsProblem::ClientCertificateMissing { .. })),
                "{missing:?}"
            );
            // Of an authority the server does not know, one that has a known name, and none at all.
            for stranger in [
                Authority::named("another").issue("me"),
                Authority::new().issue("me"),
                Identity::self_signed("me", false),
            ] {
                let refused = dial_with(with(Some(&stranger))).await.unwrap_err();
                assert!(
                    matches!(refused, ConnectError::Tls(TlsProblem::ClientCertificateRefused { .. })),
                    "{refused:?}"
                );
            }
        }
    }
}
