//! F86: a password that is wrong, or changes while sessions live.

use std::sync::Arc;
use std::time::Duration;

use chorus::auth::{AuthError, AuthProvider, AuthServer, Authenticator, Credentials, Token};
use chorus::policy::ConstantReconnection;
use chorus::{ErrorKind, Session};
use chorus_node::EmbeddedCluster;

use crate::forwarder::until;

#[tokio::test]
async fn f86_a_password_that_changes_under_a_session_is_tried_slowly_and_locks_no_account() {
    let cluster = EmbeddedCluster::builder().nodes(3).authentication("ann", "old").start().unwrap();
    // Hosts that cannot be reached are tried twenty times a second; those that refuse must not be.
    let eager = ConstantReconnection::new(Duration::from_millis(50));
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .credentials("ann", "old".to_owned())
        .reconnection(Arc::new(eager))
        .wait_for_all_hosts(true)
        .connect()
        .await
        .unwrap();
    cluster.set_authentication("ann", "new");
    // Connections that exist are not asked again.
    session.query("SELECT key FROM system.local", ()).await.unwrap();
    assert_eq!(cluster.refused_logins(), 0);
    for node in 0..3 {
        cluster.stop_node(node);
    }
    for node in 0..3 {
        cluster.start_node(node).unwrap();
    }
    until("each host has refused", || cluster.refused_logins() >= 3).await;
    let error = session.query("SELECT key FROM system.local", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Each pool once, and the control connection at each host and each contact point once: in three seconds a storm would be
    // hundreds.
    let refused = cluster.refused_logins();
    assert!(refused <= 9, "{refused} refused logins");
    let wrong = Session::builder().contact_points(cluster.addresses()).credentials("ann", "old".to_owned());
    assert_eq!(wrong.connect().await.unwrap_err().kind(), ErrorKind::Authentication);
    let right = Session::builder().contact_points(cluster.addresses()).credentials("ann", "new".to_owned());
    right.connect().await.unwrap().query("SELECT key FROM system.local", ()).await.unwrap();
}

/// A password that can be changed while sessions live, for each new connection.
#[derive(Debug, Clone)]
struct Rotating(Arc<std::sync::Mutex<Credentials>>);

impl AuthProvider for Rotating {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        self.0.lock().unwrap().authenticator(server)
    }
}

#[tokio::test]
async fn a_provider_of_the_programs_own_follows_a_password_that_changes() {
    let cluster = EmbeddedCluster::builder().authentication("ann", "old").start().unwrap();
    let rotating = Rotating(Arc::new(Credentials::new("ann", "old".to_owned()).into()));
    let eager = ConstantReconnection::new(Duration::from_millis(50));
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .auth(rotating.clone())
        .reconnection(Arc::new(eager))
        .connect()
        .await
        .unwrap();
    cluster.set_authentication("ann", "new");
    *rotating.0.lock().unwrap() = Credentials::new("ann", "new".to_owned());
    cluster.stop_node(0);
    cluster.start_node(0).unwrap();
    let back = async {
        while session.query("SELECT key FROM system.local", ()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("the session is back");
    assert_eq!(cluster.refused_logins(), 0);
}

/// Says something else, and is not on anybody's list.
#[derive(Debug)]
struct Nothing;

impl AuthProvider for Nothing {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        assert_eq!(server.authenticator, "org.apache.cassandra.auth.PasswordAuthenticator");
        assert!(server.address.ip().is_loopback());
        Err(AuthError::failed("there is no ticket"))
    }
}

#[tokio::test]
async fn a_provider_that_has_nothing_to_say_fails_the_connection_with_its_reason() {
    let cluster = EmbeddedCluster::builder().authentication("ann", "s3cret").start().unwrap();
    let error =
        Session::builder().contact_points(cluster.addresses()).auth(Nothing).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.to_string().contains("there is no ticket"), "{error}");
    assert_eq!(cluster.refused_logins(), 0, "nothing was said");
    let token: Token = Token::new(b"s3cret".to_vec());
    assert_eq!(token.len(), 6);
}
