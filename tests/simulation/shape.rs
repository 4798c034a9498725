//! What the cluster of a story looks like.

use chorus::ProtocolVersion;
use chorus::policy::Rng;
use chorus_node::EmbeddedCluster;

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Nodes of each datacenter, `dc1` and so on.
    pub(crate) datacenters: Vec<usize>,
    racks: usize,
    tokens: usize,
    /// Shards of each node; `None` for nodes without.
    pub(crate) shards: Option<u16>,
    /// Whether tables are divided into tablets.
    pub(crate) tablets: bool,
    newest: ProtocolVersion,
}

impl Shape {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let nodes = rng.between(3, 9) as usize;
        // A datacenter on its own should survive the loss of a node.
        let datacenters = match nodes >= 6 && rng.coin() {
            true => {
                let second = rng.between(3, nodes as u64 - 3) as usize;
                vec![nodes - second, second]
            }
            false => vec![nodes],
        };
        let shards = (rng.below(5) < 2).then(|| rng.between(1, 4) as u16);
        let newest = match shards {
            Some(_) => ProtocolVersion::V4,
            None => [ProtocolVersion::V5, ProtocolVersion::V5, ProtocolVersion::V4, ProtocolVersion::V3]
                [rng.below(4) as usize],
        };
        Self {
            datacenters,
            racks: rng.between(1, 3) as usize,
            tokens: rng.between(1, 16) as usize,
            shards,
            tablets: shards.is_some() && rng.coin(),
            newest,
        }
    }

    /// The same with nodes of that many shards.
    pub(crate) fn with_shards(mut self, shards: u16) -> Self {
        (self.shards, self.newest) = (Some(shards), ProtocolVersion::V4);
        self
    }

    pub(crate) fn nodes(&self) -> usize {
        self.datacenters.iter().sum()
    }

    /// The name of a datacenter by its place.
    pub(crate) fn datacenter(place: usize) -> String {
        format!("dc{}", place + 1)
    }

    /// The datacenter of a node that was there from the start.
    pub(crate) fn home(&self, node: usize) -> usize {
        let mut behind = 0;
        self.datacenters
            .iter()
            .take_while(|nodes| {
                behind += **nodes;
                behind <= node
            })
            .count()
    }

    /// Replicas in each datacenter.
    pub(crate) fn replication(&self) -> usize {
        3
    }

    pub(crate) fn start(&self, seed: u64) -> EmbeddedCluster {
        let mut builder = EmbeddedCluster::builder()
            .name(format!("story-{seed}"))
            .racks(self.racks)
            .tokens(self.tokens)
            .seed(seed)
            .threads(1)
            .newest_protocol(self.newest);
        for (place, nodes) in self.datacenters.iter().enumerate() {
            builder = builder.datacenter(Self::datacenter(place), *nodes);
        }
        if let Some(shards) = self.shards {
            builder = builder.shards(shards);
        }
        builder.start().expect("the nodes start")
    }

    /// The statements that make the keyspaces: `sim` for what can be divided into tablets, `ring` for what cannot.
    pub(crate) fn keyspaces(&self) -> [String; 2] {
        let factors: Vec<String> = (0..self.datacenters.len())
            .map(|place| format!("'{}': {}", Self::datacenter(place), self.replication()))
            .collect();
        let replication = format!("{{'class': 'NetworkTopologyStrategy', {}}}", factors.join(", "));
        let keyspace = |name: &str, tablets: bool| match self.shards {
            None => format!("CREATE KEYSPACE {name} WITH replication = {replication}"),
            Some(_) => format!(
                "CREATE KEYSPACE {name} WITH replication = {replication} AND tablets = {{'enabled': {tablets}}}"
            ),
        };
        [keyspace("sim", self.tablets), keyspace("ring", false)]
    }
}
