//! A server that plays one host of a cluster as the test describes it: shards, odd rows, old versions.
//!
//! Speaks protocol v4 and knows nothing but what the control plane asks.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use chorus_protocol::response::{DbError, ErrorBody, RowsMetadata};
use chorus_protocol::{
    ColumnSpec, CqlType, FrameHeader, FrameShape, HEADER_LEN, IntoRow, Opcode, ProtocolVersion, Response,
    ResultBody, RowsBody, Supported, begin_frame, encode_row, finish_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

/// One host as `system.local` or `system.peers` tell it. `None` is null.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Option<Uuid>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) datacenter: Option<&'static str>,
    pub(crate) rack: Option<&'static str>,
    pub(crate) tokens: Vec<&'static str>,
    pub(crate) release: &'static str,
    pub(crate) schema: u128,
}

impl Member {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            id: Some(Uuid::from_u128(number.into())),
            address: Some(IpAddr::from([127, 0, 0, number])),
            datacenter: Some("dc1"),
            rack: Some("rack1"),
            tokens: vec!["0"],
            release: "3.0.8",
            schema: 1,
        }
    }
}

/// What the host does with shards.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    pub(crate) count: u16,
    /// Entries of SUPPORTED that replace the true ones.
    pub(crate) lies: Vec<(&'static str, String)>,
    /// What is added to the source port before the shard is taken from it, as address translation would.
    pub(crate) translation: u16,
    /// The shard-aware port is advertised, and nobody listens there.
    pub(crate) port_is_dead: bool,
}

impl Shards {
    pub(crate) fn new(count: u16) -> Self {
        Self { count, lies: Vec::new(), translation: 0, port_is_dead: false }
    }
}

/// The description of a host.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) version: ProtocolVersion,
    pub(crate) local: Option<Member>,
    pub(crate) peers: Vec<Member>,
    pub(crate) shards: Option<Shards>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self { version: ProtocolVersion::V4, local: Some(Member::new(1)), peers: Vec::new(), shards: None }
    }
}

#[derive(Default)]
struct Seen {
    /// Connections now open, by number, with their shard.
    open: BTreeMap<u64, u16>,
    accepted: u64,
    through_shard_port: u64,
    keyspaces: Vec<String>,
    startup_versions: Vec<u8>,
    /// The ways to the connections that registered for events.
    registered: Vec<UnboundedSender<Vec<u8>>>,
}

/// A running scripted host. Dropping it closes everything.
pub(crate) struct ScriptedHost {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl ScriptedHost {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn start_at(address: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let shard_listener = TcpListener::bind((address.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shard_port = shard_listener.local_addr().unwrap().port();
        let dead = script.shards.as_ref().is_some_and(|shards| shards.port_is_dead);
        let script = Arc::new(Mutex::new(script));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, script.clone(), seen.clone(), shard_port, false));
        if !dead {
            tasks.spawn(accept(shard_listener, script.clone(), seen.clone(), shard_port, true));
        }
        Self { address, script, seen, _tasks: tasks }
    }

    /// Changes the script for what is asked from now on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// The shards of the connections that are open.
    pub(crate) fn shards(&self) -> Vec<u16> {
        let mut shards: Vec<u16> = self.seen.lock().unwrap().open.values().copied().collect();
        shards.sort_unstable();
        shards
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.seen.lock().unwrap().accepted
    }

    pub(crate) fn through_shard_port(&self) -> u64 {
        self.seen.lock().unwrap().through_shard_port
    }

    /// Sends bytes, unasked, on every connection that registered for events.
    pub(crate) fn send_unasked(&self, bytes: &[u8]) {
        for connection in &self.seen.lock().unwrap().registered {
            let _ = connection.send(bytes.to_vec());
        }
    }

    /// The protocol versions in which connections were started.
    pub(crate) fn versions(&self) -> Vec<u8> {
        self.seen.lock().unwrap().startup_versions.clone()
    }
}

async fn accept(
    listener: TcpListener,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Seen>>,
    shard_port: u16,
    by_source_port: bool,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let shards = script.lock().unwrap().shards.clone();
        let (number, shard) = {
            let mut seen = seen.lock().unwrap();
            let number = seen.accepted;
            seen.accepted += 1;
            seen.through_shard_port += u64::from(by_source_port);
            let shard = shards.as_ref().map_or(0, |shards| match by_source_port {
                true => peer.port().wrapping_add(shards.translation) % shards.count,
                false => (number % u64::from(shards.count)) as u16,
            });
            seen.open.insert(number, shard);
            (number, shard)
        };
        let (script, seen) = (script.clone(), seen.clone());
        connections.spawn(async move {
            let _ = serve(stream, &script, &seen, shard, shard_port).await;
            seen.lock().unwrap().open.remove(&number);
        });
    }
}

async fn serve(
    stream: TcpStream,
    script: &Mutex<Script>,
    seen: &Mutex<Seen>,
    shard: u16,
    shard_port: u16,
) -> std::io::Result<()> {
    let (mut stream, mut sink) = stream.into_split();
    let (out, mut outgoing) = unbounded_channel::<Vec<u8>>();
    // Ends with the connection: the set is dropped with this future.
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        while let Some(bytes) = outgoing.recv().await {
            if sink.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    loop {
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header).await?;
        let header = FrameHeader::decode(&header, 1 << 20).map_err(std::io::Error::other)?;
        let mut body = vec![0; header.length as usize];
        stream.read_exact(&mut body).await?;
        let script = script.lock().unwrap().clone();
        let (version, response) = if header.version > script.version.as_u8() {
            let message = format!("Invalid or unsupported protocol version ({})", header.version);
            (script.version, error(DbError::ProtocolError, &message))
        } else {
            let version = ProtocolVersion::try_from(header.version).map_err(std::io::Error::other)?;
            if header.opcode == Opcode::Startup.as_u8() {
                seen.lock().unwrap().startup_versions.push(header.version);
            }
            (version, answer(&script, &header, &body, seen, shard, shard_port))
        };
        if header.opcode == Opcode::Register.as_u8() {
            seen.lock().unwrap().registered.push(out.clone());
        }
        let shape = FrameShape::new(version);
        let mut frame = Vec::new();
        let mut encoded = Vec::new();
        let opcode = response.encode(&shape, &mut encoded).map_err(std::io::Error::other)?;
        let start = begin_frame(&mut frame, version, opcode, 0);
        frame[start + 2..start + 4].copy_from_slice(&header.stream.to_be_bytes());
        frame.extend_from_slice(&encoded);
        finish_frame(&mut frame, start).map_err(std::io::Error::other)?;
        let _ = out.send(frame);
    }
}

fn answer(
    script: &Script,
    header: &FrameHeader,
    body: &[u8],
    seen: &Mutex<Seen>,
    shard: u16,
    shard_port: u16,
) -> Response {
    match Opcode::try_from(header.opcode) {
        Ok(Opcode::Options) => Response::Supported(supported(script, shard, shard_port)),
        Ok(Opcode::Startup | Opcode::Register) => Response::Ready,
        Ok(Opcode::Query) => {
            let length = u32::from_be_bytes(body[..4].try_into().unwrap()) as usize;
            query(script, std::str::from_utf8(&body[4..4 + length]).unwrap(), seen)
        }
        _ => error(DbError::ProtocolError, "not in the script"),
    }
}

fn supported(script: &Script, shard: u16, shard_port: u16) -> Supported {
    let mut options = vec![("CQL_VERSION".to_owned(), vec!["3.4.6".to_owned()])];
    if let Some(shards) = &script.shards {
        for (key, value) in [
            ("SCYLLA_SHARD", shard.to_string()),
            ("SCYLLA_NR_SHARDS", shards.count.to_string()),
            ("SCYLLA_PARTITIONER", "org.apache.cassandra.dht.Murmur3Partitioner".to_owned()),
            ("SCYLLA_SHARDING_ALGORITHM", "biased-token-round-robin".to_owned()),
            ("SCYLLA_SHARDING_IGNORE_MSB", "12".to_owned()),
            ("SCYLLA_SHARD_AWARE_PORT", shard_port.to_string()),
        ] {
            let lie = shards.lies.iter().find(|(lied, _)| *lied == key).map(|(_, lie)| lie.clone());
            options.push((key.to_owned(), vec![lie.unwrap_or(value)]));
        }
    }
    Supported { options }
}

fn query(script: &Script, text: &str, seen: &Mutex<Seen>) -> Response {
    if let Some(keyspace) = text.strip_prefix("USE ") {
        let keyspace = keyspace.trim_matches('"').to_owned();
        seen.lock().unwrap().keyspaces.push(keyspace.clone());
        return Response::Result(ResultBody::SetKeyspace(keyspace));
    }
    if text.contains("system.local") {
        return members(script.local.as_slice(), "rpc_address");
    }
    if text.contains("system.peers_v2") {
        return error(DbError::Invalid, "unconfigured table peers_v2");
    }
    if text.contains("system.peers") {
        return members(&script.peers, "peer");
    }
    rows(&[], std::iter::empty::<()>())
}

fn members(members: &[Member], address: &'static str) -> Response {
    let columns = [
        column("cluster_name", CqlType::Text),
        column("partitioner", CqlType::Text),
        column("host_id", CqlType::Uuid),
        column(address, CqlType::Inet),
        column("data_center", CqlType::Text),
        column("rack", CqlType::Text),
        column("tokens", CqlType::set(CqlType::Text)),
        column("release_version", CqlType::Text),
        column("schema_version", CqlType::Uuid),
    ];
    let values = members.iter().map(|member| {
        (
            "scripted",
            "org.apache.cassandra.dht.Murmur3Partitioner",
            member.id,
            member.address,
            member.datacenter,
            member.rack,
            member.tokens.clone(),
            member.release,
            Uuid::from_u128(member.schema),
        )
    });
    rows(&columns, values)
}

fn column(name: &str, typ: CqlType) -> ColumnSpec {
    ColumnSpec::new("system", "members", name, typ)
}

fn rows<R: IntoRow>(columns: &[ColumnSpec], values: impl Iterator<Item = R>) -> Response {
    let (mut content, mut row_count) = (Vec::new(), 0);
    for row in values {
        encode_row(&row, columns, &mut content).unwrap();
        row_count += 1;
    }
    let metadata = RowsMetadata::new(columns);
    Response::Result(ResultBody::Rows(RowsBody { metadata, row_count, content: content.into() }))
}

fn error(error: DbError, message: &str) -> Response {
    let code = error.code().unwrap_or_default();
    Response::Error(ErrorBody { code, message: message.to_owned(), error })
}
