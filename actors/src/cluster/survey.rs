//! What the metrics ask of the control plane.

use std::{collections::HashMap, net::SocketAddr};

use actix::{Handler, Message};
use chorus_topology::HostIndex;
use tokio::sync::oneshot;

use super::ClusterActor;
use crate::{control, metrics::ControlSnapshot};

/// From the metrics actor: tell what the control plane has counted.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Survey(pub(crate) oneshot::Sender<Findings>);

/// The answer: the cluster actor's part, then that of the control actor.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) control: ControlSnapshot,
    /// Members, how often each came up and how often it went down.
    pub(crate) changes: Vec<(HostIndex, SocketAddr, u64, u64)>,
}

/// How often hosts came up and went down.
#[derive(Debug, Default)]
pub(super) struct StatusChanges(HashMap<HostIndex, [u64; 2]>);

impl StatusChanges {
    pub(super) fn note(&mut self, host: HostIndex, up: bool) {
        self.0.entry(host).or_default()[usize::from(!up)] += 1;
    }
}

impl Handler<Survey> for ClusterActor {
    type Result = ();

    fn handle(&mut self, Survey(answer): Survey, _: &mut Self::Context) {
        let route = self.published.route().load();
        // Those that left are forgotten.
        self.changes.0.retain(|host, _| route.host(*host).is_some());
        let changes = route.hosts().iter().filter_map(|known| {
            let [ups, downs] = *self.changes.0.get(&known.host.index)?;
            Some((known.host.index, known.host.address, ups, downs))
        });
        let findings = Findings { changes: changes.collect(), ..Findings::default() };
        self.control.do_send(control::Survey { findings, answer });
    }
}
