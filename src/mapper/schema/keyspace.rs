//! Keyspaces.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use chorus_protocol::literal::quote_text;
use chorus_topology::SchemaScope;

use super::SchemaError;
use crate::Session;
use crate::mapper::MapperError;
use crate::schema::quote;

/// A keyspace to be made: how many replicas, and where. Sent when awaited.
///
/// ```no_run
/// # async fn example(mapper: chorus::mapper::Mapper) -> Result<(), chorus::mapper::MapperError> {
/// let made = mapper.schema().create_keyspace("shop").replication_factor(3).await?;
/// println!("{}", if made { "made" } else { "was there already" });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a keyspace is made when this is awaited"]
pub struct CreateKeyspace {
    session: Session,
    name: String,
    replicas: BTreeMap<String, u32>,
    durable_writes: bool,
}

impl CreateKeyspace {
    pub(super) fn new(session: Session, name: String) -> Self {
        Self { session, name, replicas: BTreeMap::new(), durable_writes: true }
    }

    /// How many replicas every datacenter has that is not named on its own. Defaults to none.
    pub fn replication_factor(mut self, replicas: u32) -> Self {
        self.replicas.insert("replication_factor".to_owned(), replicas);
        self
    }

    /// How many replicas a datacenter has. Defaults to none.
    pub fn datacenter(mut self, name: impl Into<String>, replicas: u32) -> Self {
        self.replicas.insert(name.into(), replicas);
        self
    }

    /// Whether writes go through the commit log. Defaults to true; without it a crash loses what was written.
    pub fn durable_writes(mut self, durable: bool) -> Self {
        self.durable_writes = durable;
        self
    }

    /// The statement.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoReplicas`] when nobody said how many.
    pub fn statement(&self) -> Result<String, SchemaError> {
        if self.replicas.is_empty() {
            return Err(SchemaError::NoReplicas { keyspace: self.name.clone() });
        }
        let replicas =
            self.replicas.iter().map(|(place, number)| format!(", {}: '{number}'", quote_text(place)));
        Ok(format!(
            "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{'class': 'NetworkTopologyStrategy'{}}} AND durable_writes = {}",
            quote(&self.name),
            replicas.collect::<String>(),
            self.durable_writes,
        ))
    }
}

impl IntoFuture for CreateKeyspace {
    /// Whether it was made; false when there is one of that name, which is left as it is.
    type Output = Result<bool, MapperError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let statement = self.statement()?;
            if exists(&self.session, &self.name).await? {
                tracing::info!(keyspace = self.name, "the keyspace is there already, and stays as it is");
                return Ok(false);
            }
            self.session.query(statement, ()).await?;
            Ok(true)
        })
    }
}

/// Drops a keyspace that is there.
pub(super) async fn drop(session: &Session, name: &str) -> Result<bool, MapperError> {
    let there = exists(session, name).await?;
    if there {
        session.query(format!("DROP KEYSPACE IF EXISTS {}", quote(name)), ()).await?;
    }
    Ok(there)
}

async fn exists(session: &Session, name: &str) -> Result<bool, MapperError> {
    session.refresh_schema_of(SchemaScope::keyspace(name)).await?;
    Ok(session.state().keyspace(name).is_some())
}
