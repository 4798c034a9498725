//! The command line over TLS.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use chorus::Session;
use tempfile::TempDir;

use crate::authority::{Authority, Identity, ask, node};

/// Files to name on the command line.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("rows.csv", "id,name\n1,a\n2,b\n");
        files
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn identity(&self, name: &str, identity: &Identity) {
        self.write(&format!("{name}.pem"), &identity.certificate);
        self.write(&format!("{name}-key.pem"), &identity.key);
    }

    fn chorus(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Loads two rows; the exit code, and what was said.
    fn load(&self, host: &str, more: &[&str]) -> (Option<i32>, String) {
        let load = ["load", "rows.csv", "--to", "ks.people", "--key", "id", "--quiet", "--host", host];
        let Output { status, stderr, .. } = self.chorus(&[&load[..], more].concat()).output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }
}

#[tokio::test]
async fn a_file_is_loaded_over_tls_and_each_refusal_is_one_line_with_advice() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let files = Files::new();
    files.write("ca.pem", &servers.pem);
    files.identity("me", &clients.issue(&["me"]));

    let cluster = node(servers.issue(&["127.0.0.1"]).node());
    let host = cluster.address(0).to_string();
    assert_eq!(files.load(&host, &["--tls", "--tls-ca", "ca.pem"]).0, Some(0));
    let session = crate::authority::connect(&cluster, servers.trusted()).await.unwrap();
    let rows = session.query("SELECT count(*) FROM ks.people", ()).await.unwrap();
    assert_eq!(rows.single_row::<(i64,)>().unwrap(), (2,));

    let named = ["--tls", "--tls-ca", "ca.pem", "--tls-server-name", "db.example"];
    for (more, code, said) in [
        (&[][..], 4, "the peer wants TLS"),
        (&["--tls"], 4, "not among the trusted ones: add it to them; --tls-ca says whom to trust"),
        (&named, 4, "not for db.example but for 127.0.0.1"),
        (&["--tls", "--tls-ca", "none.pem"], 2, "cannot read none.pem"),
        (&["--tls", "--tls-ca", "rows.csv"], 2, "rows.csv has no certificate in it"),
    ] {
        let (ended, text) = files.load(&host, more);
        assert_eq!(ended, Some(code), "{text}");
        assert!(text.contains(said) && text.lines().count() == 1, "{text}");
    }

    let (ended, text) = files.load(&host, &[&named[..], &["--tls-no-hostname-check"]].concat());
    assert_eq!(ended, Some(0), "{text}");
    assert!(text.contains("not checked for the server's name"), "a warning: {text}");

    cluster.set_tls(0, servers.issue(&["127.0.0.1"]).node_for_clients_of(&clients));
    let (ended, text) = files.load(&host, &["--tls", "--tls-ca", "ca.pem"]);
    assert_eq!(ended, Some(4));
    assert!(text.contains("give --tls-cert and --tls-key"), "{text}");
    let identified = ["--tls", "--tls-ca", "ca.pem", "--tls-cert", "me.pem", "--tls-key", "me-key.pem"];
    assert_eq!(files.load(&host, &identified).0, Some(0));

    cluster.set_tls(0, None);
    let (ended, text) = files.load(&host, &["--tls", "--tls-ca", "ca.pem"]);
    assert_eq!(ended, Some(4));
    assert!(text.contains("speaks CQL without TLS") && text.contains("leave out --tls"), "{text}");
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_embedded_node_speaks_tls_from_the_command_line() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let files = Files::new();
    files.identity("node", &servers.issue(&["127.0.0.1"]));
    files.write("clients.pem", &clients.pem);
    let listen = ["node", "--listen", "127.0.0.1:0", "--tls-cert", "node.pem", "--tls-key", "node-key.pem"];
    let all = [&listen[..], &["--tls-client-ca", "clients.pem"]].concat();
    let child = files.chorus(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();

    let connect = async |identity: Option<Identity>| {
        let mut tls = servers.trusted();
        if let Some(identity) = identity {
            tls = tls.client_certificate_pem(identity.certificate, identity.key);
        }
        Session::builder().contact_point(&address).tls(tls.build()?).connect().await
    };
    ask(&connect(Some(clients.issue(&["me"]))).await.unwrap()).await.unwrap();
    assert!(connect(None).await.is_err());

    let bad =
        files.chorus(&["node", "--tls-cert", "clients.pem", "--tls-key", "node-key.pem"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("cannot speak TLS"), "{said}");
}
