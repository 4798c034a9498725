//! The binary, a folder to run it in, and an embedded node to load into.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use chorus::Session;
use chorus_node::EmbeddedCluster;
use tempfile::TempDir;

/// Nothing here takes this long; what does has hung.
const HANG: Duration = Duration::from_secs(120);

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Fails unless the run ended with `code` and said `part` on standard error, without a
    /// panic.
    #[track_caller]
    pub(crate) fn ended(&self, code: i32, part: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        assert!(self.stderr.contains(part), "no {part:?} in {self:#?}");
    }

    /// A number of the `--json` report.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        let report: serde_json::Value = serde_json::from_str(&self.stdout).expect("one JSON object");
        report[name].as_u64().unwrap_or_else(|| panic!("no whole number {name} in {}", self.stdout))
    }
}

/// A folder that the binary runs in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `chorus` to its end.
    pub(crate) fn chorus(&self, args: &[&str]) -> Run {
        self.start(args).wait()
    }

    /// Runs `chorus load FILE --to TABLE --host NODE` and more.
    pub(crate) fn load(&self, node: &Node, file: &str, table: &str, more: &[&str]) -> Run {
        let host = node.address.to_string();
        self.chorus(&[&["load", file, "--to", table, "--host", &host], more].concat())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Started {
        self.start_with(args, &[])
    }

    pub(crate) fn start_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Started {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_chorus")).args(args).envs(variables.iter().copied()))
    }

    /// Runs a line as a shell does, to its end.
    pub(crate) fn shell(&self, line: &str) -> Run {
        self.start_shell(line).wait()
    }

    pub(crate) fn start_shell(&self, line: &str) -> Started {
        self.spawn(Command::new("sh").args(["-c", line]))
    }

    fn spawn(&self, command: &mut Command) -> Started {
        let child = command
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Started { child }
    }
}

/// The binary while it runs.
pub(crate) struct Started {
    child: Child,
}

impl Started {
    /// Its standard input, to write rows into.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("taken once")
    }

    /// Its standard output, to read before it ends.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("taken once")
    }

    /// Sends it a signal by name, as `kill -NAME` does.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill can be run").success());
    }

    /// Waits for its end. Standard input is closed first, unless it was taken.
    pub(crate) fn wait(mut self) -> Run {
        drop(self.child.stdin.take());
        let id = self.child.id();
        let (ended, watch) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if watch.recv_timeout(HANG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                drop(Command::new("kill").arg("-KILL").arg(id.to_string()).status());
            }
        });
        let Output { status, stdout, stderr } = self.child.wait_with_output().expect("it can be waited for");
        drop(ended);
        watchdog.join().expect("the watchdog only waits");
        Run {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

/// An embedded node, and a session to prepare and to look at what was loaded.
pub(crate) struct Node {
    pub(crate) cluster: EmbeddedCluster,
    pub(crate) address: SocketAddr,
    pub(crate) session: Session,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::of(EmbeddedCluster::start(1).expect("a node")).await
    }

    pub(crate) async fn of(cluster: EmbeddedCluster) -> Self {
        let address = cluster.address(0);
        let session = Session::builder().contact_point(address).connect().await.expect("a session");
        Self { cluster, address, session }
    }

    /// A node with keyspace `ks` and these tables.
    pub(crate) async fn with_tables(tables: &[&str]) -> Self {
        let node = Self::start().await;
        node.run(
            "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        )
        .await;
        for table in tables {
            node.run(&format!("CREATE TABLE ks.{table}")).await;
        }
        node
    }

    /// Looks at the node through a new session, after it was away.
    pub(crate) async fn reconnect(&mut self) {
        self.session = Session::builder().contact_point(self.address).connect().await.expect("a session");
    }

    pub(crate) async fn run(&self, cql: &str) {
        self.session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }

    pub(crate) async fn count(&self, table: &str) -> u64 {
        let counted = self.session.query(format!("SELECT count(*) FROM {table}"), ()).await.expect("a count");
        let (count,) = counted.single_row::<(i64,)>().expect("one number");
        count as u64
    }

    /// Waits until the table has at least this many rows.
    pub(crate) async fn wait_for_rows(&self, table: &str, rows: u64) {
        let began = Instant::now();
        while self.count(table).await < rows {
            assert!(began.elapsed() < HANG, "{table} never had {rows} rows");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Where nobody listens, ever. A port that was free a moment ago may be somebody else's by now.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// An address to listen at, on a host of its own: whoever else looks for a free port does not get this one.
pub(crate) fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let host = [127, 0, 97, NEXT.fetch_add(1, Ordering::Relaxed)];
    let listener = TcpListener::bind((Ipv4Addr::from(host), 0)).expect("all of loopback is ours");
    listener.local_addr().expect("it is bound")
}

/// Writes numbered rows `id,value` into a pipe.
pub(crate) fn write_rows(pipe: &mut ChildStdin, ids: std::ops::Range<u32>) {
    let mut text = String::new();
    for id in ids {
        text.push_str(&format!("{id},value {id}\n"));
    }
    pipe.write_all(text.as_bytes()).and_then(|()| pipe.flush()).expect("the loader reads");
}

/// A file that comes with the project.
pub(crate) fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("load-tests/data").join(name).display().to_string()
}
