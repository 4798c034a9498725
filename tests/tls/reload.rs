//! Certificates that change while a session lives.

use std::path::Path;
use std::time::Duration;

use chorus::policy::ExponentialReconnection;
use chorus::{Session, TlsConfig};
use chorus_node::EmbeddedCluster;

use crate::authority::{Authority, Identity, ask, node};

/// Files in a folder of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file as a whole, as whoever deploys certificates should.
    fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, self.path(name)).unwrap();
    }
}

fn session_with(cluster: &EmbeddedCluster, tls: &TlsConfig) -> chorus::SessionBuilder {
    let soon = ExponentialReconnection::new(Duration::from_millis(20), Duration::from_millis(100)).unwrap();
    Session::builder()
        .contact_points(cluster.addresses())
        .tls(tls.clone())
        .reconnection(std::sync::Arc::new(soon))
}

/// Breaks every connection, and waits until the session has new ones.
async fn reconnected(cluster: &EmbeddedCluster, session: &Session) {
    cluster.stop_node(0);
    cluster.start_node(0).unwrap();
    let again = async {
        while ask(session).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("the session finds its way back");
}

#[tokio::test]
async fn an_authority_replaced_in_its_file_is_trusted_by_the_next_connection() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = Files::new();
    files.write("ca.pem", &old.pem);
    let cluster = node(old.issue(&["127.0.0.1"]).node());
    let tls = TlsConfig::builder().roots_file(files.path("ca.pem")).build().unwrap();
    let session = session_with(&cluster, &tls).connect().await.unwrap();

    files.write("ca.pem", &new.pem);
    cluster.set_tls(0, new.issue(&["127.0.0.1"]).node());
    ask(&session).await.expect("what is connected stays so");
    reconnected(&cluster, &session).await;
    // And the old authority is not trusted any more.
    cluster.set_tls(0, old.issue(&["127.0.0.1"]).node());
    let error = session_with(&cluster, &tls).connect().await.unwrap_err();
    assert_eq!(error.tls(), Some(&chorus::TlsProblem::UnknownIssuer), "{error}");
}

#[tokio::test]
async fn a_client_certificate_replaced_in_its_files_is_shown_by_the_next_connection() {
    let (servers, old, new) = (Authority::new("servers"), Authority::new("old"), Authority::new("new"));
    let files = Files::new();
    let put = |identity: &Identity| {
        files.write("client.pem", &identity.certificate);
        files.write("key.pem", &identity.key);
    };
    put(&old.issue(&["me"]));
    let shown = servers.issue(&["127.0.0.1"]);
    let cluster = node(shown.node_for_clients_of(&old));
    let tls = servers.trusted().client_certificate_files(files.path("client.pem"), files.path("key.pem"));
    let tls = tls.build().unwrap();
    let session = session_with(&cluster, &tls).connect().await.unwrap();

    cluster.set_tls(0, shown.node_for_clients_of(&new));
    put(&new.issue(&["me"]));
    reconnected(&cluster, &session).await;
}

#[tokio::test]
async fn an_expired_certificate_of_the_server_is_noticed_when_it_connects_again() {
    let authority = Authority::new("ours");
    let cluster = node(authority.issue(&["127.0.0.1"]).node());
    let tls = authority.trusted().build().unwrap();
    let session = session_with(&cluster, &tls).connect().await.unwrap();
    cluster.set_tls(0, authority.issue_between(&["127.0.0.1"], 2001, 2002).node());
    ask(&session).await.expect("what is connected stays so");
    cluster.stop_node(0);
    cluster.start_node(0).unwrap();
    let lost = async { while ask(&session).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), lost).await.expect("the old connection is gone");
    let error = session_with(&cluster, &tls).connect().await.unwrap_err();
    assert!(matches!(error.tls(), Some(chorus::TlsProblem::Expired { .. })), "{error}");
}

#[tokio::test]
async fn files_that_do_not_fit_together_yet_change_nothing() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let files = Files::new();
    let (first, second) = (clients.issue(&["first"]), clients.issue(&["second"]));
    files.write("client.pem", &first.certificate);
    files.write("key.pem", &first.key);
    let cluster = node(servers.issue(&["127.0.0.1"]).node_for_clients_of(&clients));
    let tls = servers.trusted().client_certificate_files(files.path("client.pem"), files.path("key.pem"));
    let tls = tls.build().unwrap();
    let session = session_with(&cluster, &tls).connect().await.unwrap();

    files.write("client.pem", &second.certificate);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("is not that of the certificate in"), "{error}");
    reconnected(&cluster, &session).await;
    files.write("key.pem", &second.key);
    tls.reload().unwrap();
    std::fs::remove_file(files.path("key.pem")).unwrap();
    reconnected(&cluster, &session).await;
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("cannot read") && names(&error, &files.path("key.pem")), "{error}");
}

#[tokio::test]
async fn a_reload_takes_in_what_the_files_stamps_do_not_show() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = Files::new();
    // Padded to the same length, with the same time of change.
    let length = old.pem.len().max(new.pem.len());
    let padded = |pem: &str| format!("{pem}{}", "\n".repeat(length - pem.len()));
    files.write("ca.pem", &padded(&old.pem));
    let tls = TlsConfig::builder().roots_file(files.path("ca.pem")).build().unwrap();
    let before = std::fs::metadata(files.path("ca.pem")).unwrap().modified().unwrap();
    files.write("ca.pem", &padded(&new.pem));
    std::fs::File::options().write(true).open(files.path("ca.pem")).unwrap().set_modified(before).unwrap();

    let cluster = node(new.issue(&["127.0.0.1"]).node());
    let error = session_with(&cluster, &tls).connect().await.unwrap_err();
    assert_eq!(error.tls(), Some(&chorus::TlsProblem::UnknownIssuer), "{error}");
    tls.reload().unwrap();
    session_with(&cluster, &tls).connect().await.unwrap();
}

fn names(text: &str, path: &Path) -> bool {
    text.contains(&*path.to_string_lossy())
}
