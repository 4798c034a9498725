//! User and password, a password that changes, and a mechanism of one's own.
//!
//! `cargo run --example authentication`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::{Arc, Mutex};

use chorus::auth::{AuthError, AuthProvider, AuthServer, Authenticator, Credentials};
use chorus::{ErrorKind, Session};
use chorus_node::EmbeddedCluster;

/// Credentials that come from somewhere else each time a connection is opened: a file that is rotated, a vault.
#[derive(Debug, Clone)]
struct FromVault(Arc<Mutex<String>>);

impl AuthProvider for FromVault {
    fn authenticator(&self, server: &AuthServer<'_>) -> Result<Box<dyn Authenticator>, AuthError> {
        let password = self.0.lock().expect("nobody panics with it").clone();
        Credentials::new("ann", password).authenticator(server)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::builder().authentication("ann", "first").start()?;
    let builder = || Session::builder().contact_points(cluster.addresses());

    let session = builder().credentials("ann", "first".to_owned()).connect().await?;
    session.query("SELECT key FROM system.local", ()).await?;
    println!("logged in");

    for builder in [builder(), builder().credentials("ann", "guessed".to_owned())] {
        let error = builder.connect().await.expect_err("nobody lets us in");
        assert_eq!(error.kind(), ErrorKind::Authentication);
        println!("{error}");
    }

    // Connections that are open stay open when a password changes; new ones need the new one.
    let vault = FromVault(Arc::new(Mutex::new("first".into())));
    let session = builder().auth(vault.clone()).connect().await?;
    cluster.set_authentication("ann", "second");
    *vault.0.lock().expect("nobody panics with it") = "second".into();
    cluster.stop_node(0);
    cluster.start_node(0)?;
    while session.query("SELECT key FROM system.local", ()).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    println!("connected again, with the new password");
    Ok(())
}
