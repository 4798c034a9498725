//! Several sessions with the same settings.

use chorus_protocol::Uuid;

use crate::config::SessionConfig;
use crate::error::Error;
use crate::{Session, SessionBuilder};

/// A cluster to connect to: checked settings, from which sessions are opened.
///
/// Most programs need one session and take [`Session::builder`]. Sessions of one cluster share settings, named profiles, what
/// servers told about prepared statements, and the timestamp generator, so that their writes are ordered among each other; each has an engine of its own, with its own
/// connections, keyspace and knowledge of the cluster.
///
/// ```no_run
/// # async fn example() -> Result<(), chorus::Error> {
/// let cluster = chorus::Cluster::builder().contact_point("db.example").build()?;
/// let shop = cluster.connect_to("shop").await?;
/// let audit = cluster.connect_to("audit").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    config: SessionConfig,
}

impl Cluster {
    /// A builder with every default, and no contact point; finish it with [`build`](SessionBuilder::build).
    pub fn builder() -> SessionBuilder {
        SessionBuilder::new()
    }

    pub(crate) fn new(config: SessionConfig) -> Self {
        Self { config }
    }

    /// Opens a session in the keyspace of the settings, if they have one.
    ///
    /// # Errors
    ///
    /// Those of [`SessionBuilder::connect`].
    pub async fn connect(&self) -> Result<Session, Error> {
        Session::open(self.config.clone()).await
    }

    /// Opens a session in this keyspace, spelled exactly as in the schema.
    ///
    /// # Errors
    ///
    /// Those of [`SessionBuilder::connect`]; [`ErrorKind::Db`](crate::ErrorKind::Db) when there is no such keyspace.
    pub async fn connect_to(&self, keyspace: impl Into<String>) -> Result<Session, Error> {
        let mut config = self.config.clone();
        config.engine.keyspace = Some(keyspace.into());
        config.engine.validate()?;
        Session::open(config).await
    }

    /// The identity that every connection of all sessions of this cluster tells the server, which shows it among its clients.
    pub fn id(&self) -> Uuid {
        self.config.engine.session_id
    }
}
