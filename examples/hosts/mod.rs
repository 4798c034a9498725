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
}
