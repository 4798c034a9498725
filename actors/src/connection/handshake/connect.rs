//! Drives a handshake, within one deadline.

use std::net::SocketAddr;

use chorus_protocol::{Compression, FrameShape, ProtocolVersion, Supported};
use chorus_topology::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::dial::{Carrier, Line, LocalPorts, dial};
use super::error::{ConnectError, Phase};
use super::options::{ConnectOptions, Versions};
use super::states::{Consultation, Negotiated, Peer, Step, Waiting, begin};
use super::wire::Wire;
use crate::connection::Socket;

/// A connection that is ready for requests and belongs to nobody yet.
#[derive(Debug)]
pub(crate) struct Established {
    /// The socket.
    pub(crate) stream: Socket,
    /// Bytes that were read and belong to what comes next, as they came off the wire.
    pub(crate) leftover: Vec<u8>,
    /// How envelopes look on this connection.
    pub(crate) shape: FrameShape,
    /// What was agreed on: bodies below v5, segments (LZ4 only) from v5 on.
    pub(crate) compression: Option<Compression>,
    /// What the server said it can do.
    pub(crate) supported: Supported,
    /// The other end.
    pub(crate) address: SocketAddr,
}

/// Opens a connection to `endpoint` and makes it ready for requests.
///
/// `local_ports` are tried in turn until one is free; without them the system chooses. When the server refuses a
/// version and the options allow lower ones, it is dialled again with the next; all of it together takes no longer
/// than the options' timeout. Dropping the future closes the socket.
pub(crate) async fn connect(
    endpoint: impl Into<Endpoint>,
    options: &ConnectOptions,
    mut local_ports: Option<LocalPorts<'_>>,
) -> Result<Established, ConnectError> {
    let endpoint = endpoint.into();
    let deadline = Instant::now() + options.timeout;
    let mut version = options.versions.first();
    loop {
        // Where the future is when the deadline comes, for the error.
        let mut phase = Phase::Tcp;
        let ports = local_ports.as_mut().map(|ports| &mut **ports as LocalPorts<'_>);
        let attempt = async {
            let (stream, address) = open(&endpoint, options, ports, &mut phase).await?;
            phase = Phase::Options;
            let encrypted = stream.is_encrypted();
            let mut wire = Wire::new(stream, options.max_frame);
            let peer = Peer { address, encrypted };
            let result = shake_hands(&mut wire, options, version, peer, &mut phase).await;
            Ok::<_, ConnectError>((wire, address, result))
        };
        let (wire, address, result) = match timeout_at(deadline, attempt).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(ConnectError::Timeout { during: phase, limit: options.timeout }),
        };
        match result {
            Ok(negotiated) => {
                let (stream, leftover) = wire.into_parts()?;
                let Negotiated { shape, compression, supported } = negotiated;
                return Ok(Established { stream, leftover, shape, compression, supported, address });
            }
            Err(error) => {
                let lower = step_down(&error, version, options.versions, wire.heard());
                let Some(lower) = lower else { return Err(error) };
                debug!(%endpoint, refused = %version, next = %lower, "the server refused a protocol version");
                version = lower;
            }
        }
    }
}

/// Opens what the handshake goes over, and tells the address it leads to.
async fn open(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    local_ports: Option<LocalPorts<'_>>,
    phase: &mut Phase,
) -> Result<(Socket, SocketAddr), ConnectError> {
    #[cfg(feature = "bench")]
    if let Some(address) = endpoint.address()
        && let Some(stream) = crate::bench::dial(address)
    {
        return Ok((Socket::Memory(stream), address));
    }
    let Line { carrier, address, server_name } = dial(endpoint, options, local_ports).await?;
    let stream = match carrier {
        Carrier::Tcp(stream) => stream,
        #[cfg(unix)]
        Carrier::Unix(stream) => return Ok((Socket::Unix(stream), address)),
    };
    #[cfg(feature = "tls")]
    if let Some(settings) = &options.tls {
        *phase = Phase::Tls;
        let name = options.directory.names.of(address.ip());
        let mut peer = crate::tls::TlsPeer::new(address, name.as_deref());
        peer.sni = server_name.as_deref();
        let stream = crate::tls::shake_hands(stream, settings, peer).await?;
        return Ok((Socket::Tls(Box::new(stream)), address));
    }
    let _ = (phase, server_name);
    Ok((Socket::Tcp(stream), address))
}

/// The version to try after `error`, if it is about versions and lower ones are allowed.
fn step_down(
    error: &ConnectError,
    offered: ProtocolVersion,
    versions: Versions,
    heard: bool,
) -> Option<ProtocolVersion> {
    if matches!(versions, Versions::Only(_)) {
        return None;
    }
    let next = offered.next_lower()?;
    match error {
        // The header of the refusal is in a version the server does speak: no need to try those in between.
        ConnectError::UnsupportedVersion { answered_in, .. } => {
            Some(ProtocolVersion::try_from(*answered_in).map_or(next, |hint| hint.min(next)))
        }
        // Old servers close without a word.
        ConnectError::Closed { during: Phase::Options } if !heard => Some(next),
        _ => None,
    }
}

async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    options: &ConnectOptions,
    version: ProtocolVersion,
    peer: Peer,
    phase: &mut Phase,
) -> Result<Negotiated, ConnectError> {
    let mut step = begin(options, version, peer)?;
    loop {
        let (message, waiting) = match step {
            Step::Done(negotiated) => return Ok(negotiated),
            Step::Send(message, waiting) => (message, waiting),
            Step::Consult(consultation) => {
                step = consult(consultation).await?;
                continue;
            }
        };
        *phase = waiting.phase();
        wire.send(message, version, *phase).await?;
        let (response, answered_in) = wire.receive(&waiting.shape(), waiting.compression(), *phase).await?;
        // "Applies to everything after the server's READY or AUTHENTICATE."
        let switch = version.uses_segments() && matches!(waiting, Waiting::Ready(_));
        let compression = waiting.compression();
        step = waiting.on_response(response).map_err(|error| with_hint(error, answered_in))?;
        if switch {
            wire.switch_to_segments(compression)?;
        }
    }
}

/// Asks the authenticator; one that may block on a thread where that harms nobody.
async fn consult(consultation: Box<Consultation>) -> Result<Step, ConnectError> {
    if !consultation.may_block() {
        return consultation.run();
    }
    let (done, asked) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("chorus-auth".to_owned()).spawn(move || {
        // Nobody waits any more when it took too long.
        let _ = done.send(consultation.run());
    });
    thread.map_err(|error| ConnectError::io(Phase::Authentication, error))?;
    let failed =
        || ConnectError::BadCredentials { message: "the authenticator of this program failed".into() };
    asked.await.map_err(|_| failed())?
}

fn with_hint(error: ConnectError, answered_in: u8) -> ConnectError {
    match error {
        ConnectError::UnsupportedVersion { offered, message, .. } => {
            ConnectError::UnsupportedVersion { offered, message, answered_in }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use chorus_protocol::response::{DbError, ErrorBody, Response, ResultBody};
    use chorus_protocol::{Opcode, flags};
    use tokio::io::AsyncWriteExt;

    use super::super::banner::Banner;
    use super::super::options::CompressionChoice;
    use super::super::test_peer::{Peer, cassandra, listen};
    use super::*;
    use crate::auth::{AuthProvider, Credentials, MAX_CHALLENGES};
    use crate::config::EngineConfig;

    const PASSWORD_AUTHENTICATOR: &str = "org.apache.cassandra.auth.PasswordAuthenticator";

    fn options() -> ConnectOptions {
        let mut config = EngineConfig::new(["127.0.0.1:9042".parse::<SocketAddr>().unwrap()]);
        config.connect_timeout = Duration::from_secs(5);
        ConnectOptions::from_config(&config)
    }

    fn as_user(user: &str, password: &str) -> Option<std::sync::Arc<dyn AuthProvider>> {
        Some(std::sync::Arc::new(Credentials::new(user, password.to_owned())))
    }

    fn only(version: ProtocolVersion) -> ConnectOptions {
        ConnectOptions { versions: Versions::Only(version), ..options() }
    }

    fn error(error: DbError, message: &str) -> Response {
        Response::Error(ErrorBody {
            code: error.code().unwrap_or_default(),
            message: message.to_owned(),
            error,
        })
    }

    fn unsupported() -> Response {
        error(
            DbError::ProtocolError,
            "Invalid or unsupported protocol version (5); the lowest supported version is 3 and the greatest is 4",
        )
    }

    #[tokio::test]
    async fn a_plain_server_is_connected_with_the_highest_version() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            let startup = peer.welcome(ProtocolVersion::V5, cassandra()).await;
            (peer, startup)
        });
        let established = connect(address, &options(), None).await.unwrap();
        let (_peer, startup) = server.await.unwrap();
        assert_eq!(established.shape.version, ProtocolVersion::V5);
        assert_eq!(established.compression, None);
        assert_eq!(established.address, address);
        assert!(established.leftover.is_empty());
        assert!(matches!(&established.stream, Socket::Tcp(stream) if stream.nodelay().unwrap()));
        assert_eq!(startup[0], ("CQL_VERSION".to_owned(), "3.4.7".to_owned()));
        assert!(startup.iter().any(|(key, _)| key == "DRIVER_NAME"));
        assert!(!startup.iter().any(|(key, _)| key == "COMPRESSION"));
    }

    #[tokio::test]
    async fn the_keyspace_is_used_inside_segments_with_its_name_quoted() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.welcome(ProtocolVersion::V5, cassandra()).await;
            let query = peer.expect(Opcode::Query).await;
            let text = b"USE \"odd\"\"Name\"";
            assert_eq!(&query[4..4 + text.len()], text);
            peer.say(ProtocolVersion::V5, Response::Result(ResultBody::SetKeyspace("odd\"Name".into())))
                .await;
            peer
        });
        let options = ConnectOptions {
            keyspace: Some("odd\"Name".into()),
            compression: CompressionChoice::Best,
            ..options()
        };
        let established = connect(address, &options, None).await.unwrap();
        assert_eq!(established.compression, Some(Compression::Lz4));
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_keyspace_that_does_not_exist_is_named() {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.welcome(ProtocolVersion::V4, cassandra()).await;
            peer.expect(Opcode::Query).await;
            peer.say(ProtocolVersion::V4, error(DbError::Invalid, "Keyspace 'nope' does not exist")).await;
        });
        let options = ConnectOptions { keyspace: Some("nope".into()), ..only(ProtocolVersion::V4) };
        let failure = connect(address, &options, None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Keyspace { .. }), "{failure:?}");
        assert_eq!(failure.to_string(), "cannot use keyspace \"nope\": Keyspace 'nope' does not exist");
    }

    #[tokio::test]
    async fn f30_a_refused_version_is_followed_by_the_one_the_server_answers_in() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut first = Peer::accept(&listener).await;
            assert_eq!(first.hear().await.unwrap().0.version, 5);
            first.say(ProtocolVersion::V4, unsupported()).await;
            let mut second = Peer::accept(&listener).await;
            second.welcome(ProtocolVersion::V4, cassandra()).await;
            second
        });
        let established = connect(address, &options(), None).await.unwrap();
        assert_eq!(established.shape.version, ProtocolVersion::V4);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn f30_a_server_that_closes_without_a_word_is_offered_each_lower_version_once() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut offered = Vec::new();
            for _ in 0..3 {
                let mut peer = Peer::accept(&listener).await;
                offered.push(peer.hear().await.unwrap().0.version);
            }
            (offered, listener)
        });
        let failure = connect(address, &options(), None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Closed { during: Phase::Options }), "{failure:?}");
        assert_eq!(server.await.unwrap().0, [5, 4, 3]);
    }

    #[tokio::test]
    async fn a_version_that_was_fixed_is_not_lowered() {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V4, unsupported()).await;
        });
        let failure = connect(address, &only(ProtocolVersion::V5), None).await.unwrap_err();
        assert!(
            matches!(
                failure,
                ConnectError::UnsupportedVersion { offered: ProtocolVersion::V5, answered_in: 4, .. }
            ),
            "{failure:?}"
        );
        assert!(failure.is_mismatch());
    }

    #[tokio::test]
    async fn credentials_are_sent_once_to_an_authenticator_on_the_list() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V5, Response::Supported(cassandra())).await;
            peer.expect(Opcode::Startup).await;
            peer.say(ProtocolVersion::V5, Response::Authenticate(PASSWORD_AUTHENTICATOR.into())).await;
            // "The first AUTH_RESPONSE is already inside a segment."
            peer.switch_to_segments(None);
            let token = peer.expect(Opcode::AuthResponse).await;
            peer.say(ProtocolVersion::V5, Response::AuthSuccess(None)).await;
            (peer, token)
        });
        let options = ConnectOptions { auth: as_user("cassandra", "s3cret"), ..options() };
        connect(address, &options, None).await.unwrap();
        let (_peer, token) = server.await.unwrap();
        assert_eq!(token, Bytes::from_static(b"\0\0\0\x11\0cassandra\0s3cret"));
    }

    #[tokio::test]
    async fn f84_an_unknown_authenticator_hears_not_a_byte_of_the_secret() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V4, Response::Supported(cassandra())).await;
            peer.expect(Opcode::Startup).await;
            peer.say(ProtocolVersion::V4, Response::Authenticate("org.example.Thief".into())).await;
            peer.hear().await
        });
        let options = ConnectOptions { auth: as_user("u", "p"), ..only(ProtocolVersion::V4) };
        let failure = connect(address, &options, None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::AuthenticatorNotAllowed { .. }), "{failure:?}");
        assert!(server.await.unwrap().is_none());
    }

    #[tokio::test]
    async fn f85_endless_challenges_end_and_hear_the_password_once() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V4, Response::Supported(cassandra())).await;
            peer.expect(Opcode::Startup).await;
            peer.say(ProtocolVersion::V4, Response::Authenticate(PASSWORD_AUTHENTICATOR.into())).await;
            let mut answers = Vec::new();
            while let Some((_, body)) = peer.hear().await {
                answers.push(body);
                peer.say(ProtocolVersion::V4, Response::AuthChallenge(Some(Bytes::from_static(b"more"))))
                    .await;
            }
            answers
        });
        let options = ConnectOptions { auth: as_user("u", "s3cret"), ..only(ProtocolVersion::V4) };
        let failure = connect(address, &options, None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::TooManyChallenges { rounds: MAX_CHALLENGES }), "{failure:?}");
        let answers = server.await.unwrap();
        assert_eq!(answers.len(), usize::from(MAX_CHALLENGES) + 1);
        let told = answers.iter().filter(|body| body.windows(6).any(|part| part == b"s3cret")).count();
        assert_eq!(told, 1);
    }

    #[tokio::test]
    async fn a_server_that_asks_for_credentials_and_gets_none_is_named() {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            peer.say(ProtocolVersion::V4, Response::Supported(cassandra())).await;
            peer.expect(Opcode::Startup).await;
            peer.say(ProtocolVersion::V4, Response::Authenticate(PASSWORD_AUTHENTICATOR.into())).await;
            peer.hear().await;
        });
        let failure = connect(address, &only(ProtocolVersion::V4), None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::CredentialsMissing { .. }), "{failure:?}");
        assert!(failure.is_authentication());
    }

    #[tokio::test]
    async fn f31_another_protocol_is_named_and_not_tried_with_lower_versions() {
        for (greeting, banner) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], Banner::Ssh),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Banner::Http),
            (b"\x15\x03\x01\x00\x02\x02\x46", Banner::Tls),
            (b"S", Banner::Unknown([b'S', 0, 0, 0])),
        ] {
            let (listener, address) = listen().await;
            let server = tokio::spawn(async move {
                let mut peer = Peer::accept(&listener).await;
                peer.say_bytes(greeting).await;
                peer.hear().await;
                listener
            });
            let failure = connect(address, &options(), None).await.unwrap_err();
            assert!(matches!(failure, ConnectError::NotCql(seen) if seen == banner), "{failure:?}");
            let listener = server.await.unwrap();
            let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
            assert!(again.is_err(), "a mismatch is not a reason to try again");
        }
    }

    #[tokio::test]
    async fn f9_a_server_that_never_answers_costs_the_timeout_and_says_what_was_waited_for() {
        let (listener, address) = listen().await;
        let options = ConnectOptions { timeout: Duration::from_millis(50), ..options() };
        let failure = connect(address, &options, None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Timeout { during: Phase::Options, .. }), "{failure:?}");
        drop(listener);
    }

    #[tokio::test]
    async fn f10_a_refused_connection_is_told_as_such() {
        let (listener, address) = listen().await;
        drop(listener);
        let failure = connect(address, &options(), None).await.unwrap_err();
        assert!(matches!(failure, ConnectError::Io { during: Phase::Tcp, .. }), "{failure:?}");
    }

    #[tokio::test]
    async fn f16_an_answer_in_single_bytes_is_understood() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut body = Vec::new();
            let shape = FrameShape::new(ProtocolVersion::V4);
            Response::Supported(cassandra()).encode(&shape, &mut body).unwrap();
            let mut answers = vec![0x84, 0, 0, 0, 6, 0, 0, 0, body.len() as u8];
            answers.extend_from_slice(&body);
            answers.extend_from_slice(&[0x84, 0, 0, 0, 2, 0, 0, 0, 0]);
            for byte in answers {
                stream.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            stream
        });
        connect(address, &only(ProtocolVersion::V4), None).await.unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn f12_f13_f25_impossible_headers_break_the_connection_at_once() {
        for (header, name) in [
            ([0x84, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff], "a negative length"),
            ([0x84, 0, 0, 0, 6, 0x7f, 0xff, 0xff, 0xff], "a length above the limit"),
            ([0x84, flags::COMPRESSED, 0, 0, 6, 0, 0, 0, 0], "compression nobody agreed on"),
            ([0x84, 0, 0, 7, 6, 0, 0, 0, 0], "a stream nobody asked on"),
            ([0x84, 0, 0, 0, 0x77, 0, 0, 0, 0], "an unknown opcode"),
            ([0x84, 0, 0, 0, 5, 0, 0, 0, 0], "a request opcode"),
            ([0xc2, 0, 0, 0, 6, 0, 0, 0, 0], "a version from elsewhere"),
        ] {
            let (listener, address) = listen().await;
            let server = tokio::spawn(async move {
                let mut peer = Peer::accept(&listener).await;
                peer.say_bytes(&header).await;
                peer.hear().await;
                peer.hear().await
            });
            let failure = connect(address, &only(ProtocolVersion::V4), None).await.unwrap_err();
            assert!(matches!(failure, ConnectError::Protocol { .. }), "{name}: {failure:?}");
            assert!(server.await.unwrap().is_none(), "{name}: the socket is closed");
        }
    }

    #[tokio::test]
    async fn a_compression_asked_for_by_name_must_be_offered() {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            peer.expect(Opcode::Options).await;
            let supported = Supported { options: vec![("COMPRESSION".into(), vec!["zstd".into()])] };
            peer.say(ProtocolVersion::V4, Response::Supported(supported)).await;
            peer.hear().await;
        });
        let options = ConnectOptions {
            compression: CompressionChoice::Only(Compression::Snappy),
            ..only(ProtocolVersion::V4)
        };
        let failure = connect(address, &options, None).await.unwrap_err();
        assert_eq!(failure.to_string(), "the server does not offer Snappy compression, it offers: zstd");
    }

    #[tokio::test]
    async fn extensions_are_echoed_and_then_active() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let mut peer = Peer::accept(&listener).await;
            let mut supported = cassandra();
            for (key, value) in [
                ("SCYLLA_LWT_ADD_METADATA_MARK", "LWT_OPTIMIZATION_META_BIT_MASK=2147483648"),
                ("SCYLLA_RATE_LIMIT_ERROR", "ERROR_CODE=61440"),
                ("TABLETS_ROUTING_V1", ""),
            ] {
                supported.options.push((key.into(), vec![value.into()]));
            }
            let startup = peer.welcome(ProtocolVersion::V4, supported).await;
            (peer, startup)
        });
        let established = connect(address, &only(ProtocolVersion::V4), None).await.unwrap();
        assert_eq!(established.shape.lwt_mask, Some(1 << 31));
        assert_eq!(established.shape.rate_limit_code, Some(61440));
        assert!(established.shape.tablets_v1);
        let (_peer, startup) = server.await.unwrap();
        assert!(startup.contains(&("SCYLLA_LWT_ADD_METADATA_MARK".into(), "2147483648".into())));
        assert!(startup.contains(&("TABLETS_ROUTING_V1".into(), String::new())));
    }
}
