//! From connection arguments to a session.

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::ExponentialReconnection;
use chorus::{Error, ErrorKind, Session, SessionBuilder, TlsConfig, TlsProblem};
use secrecy::SecretString;

use crate::args::ConnectionArgs;
use crate::exit::{Exit, Failure, chain};
use crate::password;

/// Where to connect, and as whom, with the password at hand.
pub(crate) struct Target {
    hosts: Vec<String>,
    credentials: Option<(String, SecretString)>,
    tls: Option<TlsConfig>,
}

impl Target {
    /// Reads certificates, and reads or asks for the password. Blocks: call it before anything runs. `None` when no host was given.
    pub(crate) fn resolve(args: &ConnectionArgs) -> Result<Option<Self>, Failure> {
        if args.host.is_empty() {
            return Ok(None);
        }
        let credentials = match &args.user {
            Some(user) => Some((user.clone(), password::of(user, args.password_file.as_deref())?)),
            None => None,
        };
        let tls = if args.tls { Some(tls(args)?) } else { None };
        Ok(Some(Self { hosts: args.host.clone(), credentials, tls }))
    }

    /// The embedded node's address.
    pub(crate) fn embedded(address: std::net::SocketAddr) -> Self {
        Self { hosts: vec![address.to_string()], credentials: None, tls: None }
    }

    /// Connects.
    pub(crate) async fn connect(self) -> Result<Session, Failure> {
        let hosts = self.hosts.join(", ");
        let mut builder = builder().contact_points(self.hosts);
        if let Some((user, password)) = self.credentials {
            builder = builder.credentials(user, password);
        }
        if let Some(tls) = self.tls {
            builder = builder.tls(tls);
        }
        builder.connect().await.map_err(|error| explain(&hosts, &error))
    }
}

fn tls(args: &ConnectionArgs) -> Result<TlsConfig, Failure> {
    let mut tls = TlsConfig::builder().verify_hostname(!args.tls_no_hostname_check);
    if let Some(roots) = &args.tls_ca {
        tls = tls.roots_file(roots);
    }
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        tls = tls.client_certificate_files(certificate, key);
    }
    if let Some(name) = &args.tls_server_name {
        tls = tls.server_name(name);
    }
    tls.build().map_err(|error| Failure::from_error(Exit::Usage, &error))
}

fn builder() -> SessionBuilder {
    let builder = Session::builder();
    // Somebody waits for the load to go on: look for a host that went away every few seconds, not minutes.
    match ExponentialReconnection::new(Duration::from_millis(250), Duration::from_secs(2)) {
        Ok(policy) => builder.reconnection(Arc::new(policy)),
        Err(_) => builder,
    }
}

fn explain(hosts: &str, error: &Error) -> Failure {
    let exit = if error.kind() == ErrorKind::Config { Exit::Usage } else { Exit::Cluster };
    let mut message = format!("cannot connect to {hosts}: {}", chain(error));
    if error.kind() == ErrorKind::Authentication {
        message.push_str("; check --user and the password");
    }
    if let Some(advice) = error.tls().and_then(advice) {
        message.push_str("; ");
        message.push_str(advice);
    }
    Failure::new(exit, message)
}

/// The option that would help.
fn advice(problem: &TlsProblem) -> Option<&'static str> {
    match problem {
        TlsProblem::UnknownIssuer | TlsProblem::SelfSigned => Some("--tls-ca says whom to trust"),
        TlsProblem::WrongName { .. } => Some("--tls-server-name says which name to expect"),
        TlsProblem::ClientCertificateMissing { .. } => Some("give --tls-cert and --tls-key"),
        TlsProblem::PlaintextServer => Some("leave out --tls if that is meant"),
        _ => None,
    }
}
