//! Where an example runs: the hosts in `CHORUS_HOSTS` (separated by commas), or an embedded node.

use chorus::{Session, SessionBuilder};
use chorus_node::EmbeddedCluster;

/// What an example connects to. Keep it until the end: dropping it stops the embedded node.
pub(crate) struct Hosts {
    addresses: Vec<String>,
    _embedded: Option<EmbeddedCluster>,
}

impl Hosts {
    /// Takes the hosts of the environment, or starts an embedded node.
    pub(crate) fn from_env() -> Result<Self, Box<dyn std::error::Error>> {
        if let Ok(hosts) = std::env::var("CHORUS_HOSTS") {
            return Ok(Self { addresses: hosts.split(',').map(str::to_owned).collect(), _embedded: None });
        }
        let cluster = EmbeddedCluster::start(1)?;
        let addresses: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
        println!("CHORUS_HOSTS is not set: using an embedded node at {}", addresses.join(", "));
        Ok(Self { addresses, _embedded: Some(cluster) })
    }

    /// A builder that knows where to connect.
    pub(crate) fn builder(&self) -> SessionBuilder {
        Session::builder().contact_points(&self.addresses)
    }

    /// The hosts as `CHORUS_HOSTS` has them, for another process.
    #[allow(dead_code, reason = "most examples are one process")]
    pub(crate) fn list(&self) -> String {
        self.addresses.join(",")
    }

    /// A session in this keyspace, which is created if it is not there.
    #[allow(dead_code, reason = "some examples connect in their own way")]
    pub(crate) async fn session_in(&self, keyspace: &str) -> Result<Session, chorus::Error> {
        let session = self.builder().connect().await?;
        let create = format!(
            "CREATE KEYSPACE IF NOT EXISTS {keyspace} \
             WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        );
        session.query(create, ()).await?;
        session.use_keyspace(keyspace).await?;
        Ok(session)
    }
}

/// An error with its causes. Each of them says one thing; the first alone is seldom enough.
#[allow(dead_code, reason = "some examples have no errors to show")]
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
