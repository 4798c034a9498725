//! Taking over what the control connection read: the next state is published, and host actors and news follow from it.

use std::sync::Arc;

use actix::{AsyncContext, Context, Handler};
use chorus_topology::metadata::{Severity, Warning};
use chorus_topology::{ClusterState, differences};
use tracing::{debug, warn};

use super::digest::Digested;
use super::feed::ClusterEvent;
use super::{ClusterActor, ControlMoved};
use crate::connection::handshake::ConnectError;
use crate::control::{ClusterRows, Read, Scope, Urgency};
use crate::engine::Agreement;
use crate::host::Hint;

impl ClusterActor {
    /// Publishes what was digested and acts upon it.
    pub(super) fn adopt(&mut self, digested: Digested, ctx: &mut Context<Self>) {
        let Digested { read, previous, state, warnings } = digested;
        let ClusterRows { compression, is_astra, .. } = *read.rows;
        let mut shape = read.shape;
        if self.contact.is_some() {
            // Statements were written by what was agreed first, and connections see to servers that differ.
            let agreed = self.published.agreement.load().shape;
            shape = shape.with_request_extensions(agreed.request_extensions());
        }
        let agreement =
            Agreement { shape, compression, is_astra, frame_bytes: self.config.limits.frame_bytes };
        self.published.agreement.store(Arc::new(agreement));
        if read.rows.members.is_some() {
            self.look_again(&warnings, ctx);
        }
        for warning in warnings {
            match warning.severity() {
                Severity::Warn => warn!(%warning, "a part of the system tables is ignored"),
                Severity::Debug => debug!(%warning, "a part of the system tables is ignored"),
            }
        }
        if state.hosts.is_empty() {
            // Never on a later read by accident: the host that told is a member itself.
            let reason = "the members cannot be read from system.local and system.peers".into();
            self.answer_ready(Err(ConnectError::Metadata { reason }));
            return;
        }
        if let Some((local, _)) = &read.rows.members
            && self.contact.is_none()
        {
            self.contact = local.host_id.and_then(|id| state.host_by_id(id)).cloned();
        }
        self.publish(state.clone());
        self.meet_hosts();
        self.tell_differences(&previous, &state);
        for answer in read.answers {
            let _ = answer.send(Ok(()));
        }
        self.publish_plan(Urgency::None);
        self.decide(ctx);
    }

    /// Has members read again when rows of some are unfinished.
    fn look_again(&mut self, warnings: &[Warning], ctx: &mut Context<Self>) {
        if let Some(earlier) = self.second_look.take() {
            ctx.cancel_future(earlier);
        }
        if let Some(pause) = self.unfinished.on_read(warnings) {
            debug!(?pause, "the rows of some peers are unfinished: they are read again");
            self.second_look = Some(ctx.run_later(pause, |actor, _| {
                actor.second_look = None;
                actor.control.do_send(Read { scope: Scope::topology(), answer: None });
            }));
        }
    }

    /// Tells what is different, now that it is published.
    fn tell_differences(&self, before: &ClusterState, now: &ClusterState) {
        let feed = &self.published.feed;
        if !Arc::ptr_eq(&before.hosts, &now.hosts) {
            for host in before.hosts.iter().filter(|host| now.host_by_id(host.id).is_none()) {
                feed.tell(&ClusterEvent::HostRemoved(Arc::clone(host)));
            }
            for host in now.hosts.iter() {
                match before.host_by_id(host.id) {
                    None => feed.tell(&ClusterEvent::HostAdded(Arc::clone(host))),
                    Some(known) if known.address != host.address => {
                        feed.tell(&ClusterEvent::HostMoved { host: Arc::clone(host), from: known.address });
                    }
                    Some(_) => {}
                }
            }
        }
        for difference in differences(&before.keyspaces, &now.keyspaces) {
            feed.tell(&ClusterEvent::Schema(difference));
        }
    }
}

impl Handler<ControlMoved> for ClusterActor {
    type Result = ();

    fn handle(&mut self, ControlMoved(address): ControlMoved, _: &mut Context<Self>) {
        let was_lost = std::mem::replace(&mut self.control_lost, address.is_none());
        if was_lost && address.is_some() {
            // What cut us off from it may have cut us off from them, and be over.
            self.members.tell_down(Hint::LastResort);
        }
        self.published.control.store(address.map(Arc::new));
        self.published.feed.tell(&match address {
            Some(address) => ClusterEvent::ControlConnected(address),
            None => ClusterEvent::ControlLost,
        });
    }
}
