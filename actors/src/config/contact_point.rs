//! Where to knock first: contact points as people write them, and the addresses they stand for.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chorus_topology::Endpoint;
use tokio::sync::oneshot;

use super::{ConfigError, Resolver};

/// One place to ask about the cluster: an address, or a name that may stand for several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContactPoint {
    /// An address with its port.
    Address(SocketAddr),
    /// An address whose port is the configured one.
    Ip(IpAddr),
    /// A name, resolved to *all* its addresses each time it is needed.
    Name {
        /// The host name.
        name: String,
        /// The port; the configured one when absent.
        port: Option<u16>,
    },
    /// A way that is none of these: a socket of this machine, a host behind a proxy.
    Endpoint(Endpoint),
}

impl ContactPoint {
    /// Every way this contact point stands for now: the addresses of a name in the order the resolver gave them.
    ///
    /// A name is resolved within `limit`, so that a resolver that hangs delays nobody for longer.
    ///
    /// # Errors
    /// The resolver's own error, or [`std::io::ErrorKind::TimedOut`].
    pub async fn resolve(
        &self,
        default_port: u16,
        limit: Duration,
        resolver: &Arc<dyn Resolver>,
    ) -> std::io::Result<Vec<Endpoint>> {
        match self {
            Self::Address(address) => Ok(vec![(*address).into()]),
            Self::Ip(ip) => Ok(vec![SocketAddr::new(*ip, default_port).into()]),
            Self::Name { name, port } => {
                let port = port.unwrap_or(default_port);
                let found = look_up(resolver, name.clone(), port, limit).await?;
                let mut endpoints: Vec<Endpoint> = Vec::new();
                for endpoint in found.into_iter().map(Endpoint::from) {
                    if !endpoints.contains(&endpoint) {
                        endpoints.push(endpoint);
                    }
                }
                Ok(endpoints)
            }
            Self::Endpoint(endpoint) => Ok(vec![endpoint.clone()]),
        }
    }
}

/// Asks the resolver, on a thread of its own: one that hangs must hold up neither the reactor nor the end of the runtime,
/// which waits for its blocking tasks.
pub(crate) async fn look_up(
    resolver: &Arc<dyn Resolver>,
    name: String,
    port: u16,
    limit: Duration,
) -> std::io::Result<Vec<SocketAddr>> {
    let (answer, answered) = oneshot::channel();
    let resolver = Arc::clone(resolver);
    std::thread::Builder::new().name("chorus-resolver".to_owned()).spawn(move || {
        let found = resolver.resolve(&name, port);
        // Nobody waits any more when it took too long.
        let _ = answer.send(found);
    })?;
    match tokio::time::timeout(limit, answered).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => Err(std::io::Error::other("the resolver failed")),
        Err(_) => {
            let message = format!("no answer from the resolver within {limit:?}");
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, message))
        }
    }
}

impl FromStr for ContactPoint {
    type Err = ConfigError;

    /// Reads `name`, `name:port`, `1.2.3.4`, `1.2.3.4:port`, `::1`, `[::1]:port` and `unix:/path/of/a/socket`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refused = || ConfigError::BadContactPoint { text: text.to_owned() };
        let text_trimmed = text.trim();
        if let Some(path) = text_trimmed.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Endpoint(Endpoint::unix(path)));
        }
        if let Ok(address) = text_trimmed.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(refused()) } else { Ok(Self::Address(address)) };
        }
        let unbracketed =
            text_trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text_trimmed);
        if let Ok(ip) = unbracketed.parse::<IpAddr>() {
            return Ok(Self::Ip(ip));
        }
        let (name, port) = match text_trimmed.rsplit_once(':') {
            Some((name, port)) => {
                let port: u16 = port.parse().map_err(|_| refused())?;
                if port == 0 {
                    return Err(refused());
                }
                (name, Some(port))
            }
            None => (text_trimmed, None),
        };
        let is_name = !name.is_empty()
            && name.len() <= 253
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !is_name {
            return Err(refused());
        }
        Ok(Self::Name { name: name.to_owned(), port })
    }
}

impl From<SocketAddr> for ContactPoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl From<Endpoint> for ContactPoint {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Address(address) => Self::Address(address),
            other => Self::Endpoint(other),
        }
    }
}

impl From<IpAddr> for ContactPoint {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl fmt::Display for ContactPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name { name, port: Some(port) } => write!(f, "{name}:{port}"),
            Self::Name { name, port: None } => f.write_str(name),
            Self::Endpoint(endpoint) => write!(f, "{endpoint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SystemResolver;

    fn system() -> Arc<dyn Resolver> {
        Arc::new(SystemResolver)
    }

    fn parsed(text: &str) -> ContactPoint {
        text.parse().expect(text)
    }

    #[test]
    fn every_usual_spelling_is_understood() {
        assert_eq!(parsed("127.0.0.1:9043"), ContactPoint::Address("127.0.0.1:9043".parse().unwrap()));
        assert_eq!(parsed(" 10.0.0.7 "), ContactPoint::Ip("10.0.0.7".parse().unwrap()));
        assert_eq!(parsed("::1"), ContactPoint::Ip("::1".parse().unwrap()));
        assert_eq!(parsed("[::1]"), ContactPoint::Ip("::1".parse().unwrap()));
        assert_eq!(parsed("[::1]:9042"), ContactPoint::Address("[::1]:9042".parse().unwrap()));
        assert_eq!(
            parsed("db-1.example.org:19042"),
            ContactPoint::Name { name: "db-1.example.org".into(), port: Some(19042) }
        );
        assert_eq!(parsed("db"), ContactPoint::Name { name: "db".into(), port: None });
        let socket = parsed("unix:/run/my db.sock");
        assert_eq!(socket, Endpoint::unix("/run/my db.sock").into());
        assert_eq!(socket.to_string(), "unix:/run/my db.sock");
    }

    #[test]
    fn what_is_no_address_and_no_name_is_refused_with_its_text() {
        for text in ["", " ", "unix:", "db:", "db:0", "db:70000", "http://db:9042", "a b", "127.0.0.1:0"] {
            let error = text.parse::<ContactPoint>().unwrap_err();
            assert_eq!(error, ConfigError::BadContactPoint { text: text.into() });
        }
    }

    #[tokio::test]
    async fn an_address_needs_no_resolver() {
        let point = parsed("10.1.2.3");
        let found = point.resolve(9042, Duration::ZERO, &system()).await.unwrap();
        assert_eq!(found, vec!["10.1.2.3:9042".parse::<SocketAddr>().unwrap().into()]);
    }

    #[tokio::test]
    async fn a_name_resolves_to_loopback_with_the_configured_port() {
        let point = parsed("localhost");
        let found = point.resolve(9999, Duration::from_secs(5), &system()).await.unwrap();
        assert!(!found.is_empty());
        let addresses = found.iter().map(|endpoint| endpoint.address().unwrap());
        assert!(addresses.into_iter().all(|address| address.ip().is_loopback() && address.port() == 9999));
    }
}
