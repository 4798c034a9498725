//! What may be given as a contact point.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use chorus_actors::config::{ConfigError, ContactPoint};
use chorus_topology::Endpoint;

/// Anything that names a place to connect to. A text that is neither an address nor a host name is reported by
/// `connect()`, like every other mistake of configuration.
pub trait IntoContactPoint {
    /// The contact point.
    ///
    /// # Errors
    ///
    /// When a text is neither an address nor a host name, or its port is not between 1 and 65535.
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError>;
}

impl IntoContactPoint for ContactPoint {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok(self)
    }
}

/// `host`, `host:port`, `192.0.2.1`, `192.0.2.1:9042`, `2001:db8::1`, `[2001:db8::1]:9042` or
/// `unix:/path/of/a/socket`.
impl IntoContactPoint for &str {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        self.parse()
    }
}

impl IntoContactPoint for String {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        self.parse()
    }
}

impl IntoContactPoint for &String {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        self.parse()
    }
}

impl IntoContactPoint for Endpoint {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok(self.into())
    }
}

/// A socket in the file system of this machine.
impl IntoContactPoint for &Path {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok(Endpoint::unix(self).into())
    }
}

/// A socket in the file system of this machine.
impl IntoContactPoint for PathBuf {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        self.as_path().into_contact_point()
    }
}

impl IntoContactPoint for SocketAddr {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok(self.into())
    }
}

impl IntoContactPoint for &SocketAddr {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok((*self).into())
    }
}

impl IntoContactPoint for IpAddr {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        Ok(self.into())
    }
}

/// A host name or an address, and its port.
impl IntoContactPoint for (&str, u16) {
    fn into_contact_point(self) -> Result<ContactPoint, ConfigError> {
        let (host, port) = self;
        match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port).to_string().parse(),
            Err(_) => format!("{host}:{port}").parse(),
        }
    }
}
