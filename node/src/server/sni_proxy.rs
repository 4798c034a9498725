//! A proxy in front of the nodes that goes by the server name of TLS. It passes bytes on as they come and decrypts nothing.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::cluster::Roster;

/// How long a client may take to say to whom it wants to go.
const PATIENCE: Duration = Duration::from_secs(10);
/// A greeting does not take more bytes.
const GREETING: usize = 64 << 10;

/// How often each node was asked for, by its name.
pub(crate) type Asked = Arc<Mutex<BTreeMap<String, u64>>>;

/// What a proxy works with.
#[derive(Clone)]
pub(crate) struct Passage {
    pub(crate) roster: Arc<Roster>,
    pub(crate) asked: Asked,
}

/// Passes clients on until `stopped`.
pub(crate) async fn pass(listener: StdListener, passage: Passage, mut stopped: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the proxy cannot listen");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Also when nobody holds the proxy any more.
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((client, peer)) => {
                let (passage, mut stopped) = (passage.clone(), stopped.clone());
                tokio::task::spawn_local(async move {
                    let outcome = tokio::select! {
                        outcome = passage.serve(client) => outcome,
                        _ = stopped.wait_for(|stopped| *stopped) => Ok(()),
                    };
                    if let Err(error) = outcome {
                        tracing::debug!(%peer, %error, "the proxy closes a connection");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the proxy cannot accept");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

impl Passage {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let greeted = tokio::time::timeout(PATIENCE, greeting(&mut client)).await;
        let (name, said) = greeted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let Some(address) = self.node(&name) else {
            return Err(io::Error::other(format!("no node goes by {name:?}")));
        };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        let mut node = TcpStream::connect(address).await?;
        node.set_nodelay(true)?;
        node.write_all(&said).await?;
        copy_bidirectional(&mut client, &mut node).await.map(drop)
    }

    /// The node whose host id is the name, or its first label.
    fn node(&self, name: &str) -> Option<SocketAddr> {
        let id: uuid::Uuid = name.split('.').next()?.parse().ok()?;
        let members = &self.roster.now().members;
        members.iter().find(|member| member.host_id == id).map(|member| member.address)
    }
}

/// To whom a client wants to go, and everything that it said.
async fn greeting(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut acceptor = Acceptor::default();
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    while said.len() < GREETING {
        let count = client.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        said.extend_from_slice(&chunk[..count]);
        let mut rest = &chunk[..count];
        while !rest.is_empty() {
            acceptor.read_tls(&mut rest)?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let name = hello.server_name().ok_or_else(|| io::Error::other("no server name"))?;
                    return Ok((name.to_owned(), said));
                }
                Err((error, _)) => return Err(io::Error::other(error)),
            }
        }
    }
    Err(io::Error::other("the greeting does not end"))
}
