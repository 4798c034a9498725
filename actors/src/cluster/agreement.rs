//! Whether hosts have the same schema, asked of each of them.
//!
//! The control connection tells what one host thinks of the others, and that one may not have heard of a change yet. Here each host
//! in scope is asked for its own, which is what a schema change waits for.

use std::collections::HashSet;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use chorus_topology::Distance;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::ClusterActor;
use crate::config::ControlConnectionFallback;
use crate::control::{Answer, AwaitAgreement, ControlError};

/// Which hosts have to have the same schema. Hosts that are down, or ignored by the load balancing policy, do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AgreementScope {
    /// Those in the preferred rack. A load balancing policy that prefers none has no such hosts, and nobody agrees.
    Rack,
    /// Those in the preferred datacenter.
    Datacenter,
    /// All of them.
    #[default]
    Cluster,
}

impl AgreementScope {
    /// How far the hosts in scope are away at most.
    pub(super) fn farthest(self) -> Distance {
        match self {
            Self::Rack => Distance::LocalRack,
            Self::Datacenter => Distance::Local,
            Self::Cluster => Distance::Remote,
        }
    }
}

/// From the session's handle: wait until the hosts in scope, each asked itself, have the same schema. Answered with its
/// version, or none within the limit. A session that may do without pools, and has none, takes the word of the control connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AgreeAmong {
    pub(crate) scope: AgreementScope,
    pub(crate) limit: Duration,
    pub(crate) answer: Answer<Option<Uuid>>,
}

impl ClusterActor {
    /// Asks all hosts in scope at once, and again after a while unless they agree.
    fn ask_around(
        &mut self,
        scope: AgreementScope,
        until: Instant,
        answer: Answer<Option<Uuid>>,
        ctx: &mut Context<Self>,
    ) {
        if self.stopping {
            let _ = answer.send(Err(ControlError::ShutDown));
            return;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let _ = answer.send(Ok(None));
            return;
        }
        let (reply, mut versions) = mpsc::unbounded_channel::<Option<Uuid>>();
        let timeout = self.config.control_timeout.min(left);
        self.members.ask_schema_versions(scope.farthest(), timeout, reply);
        let round = async move {
            let (mut common, mut agreed) = (None, true);
            while let Some(version) = versions.recv().await {
                agreed &= version.is_some() && common.is_none_or(|known| version == Some(known));
                common = common.or(version);
            }
            common.filter(|_| agreed)
        };
        ctx.spawn(round.into_actor(self).map(move |agreed, actor, ctx| {
            if agreed.is_some() {
                let _ = answer.send(Ok(agreed));
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            let pause = actor.config.schema_agreement_interval.min(left);
            ctx.run_later(pause, move |actor, ctx| actor.ask_around(scope, until, answer, ctx));
        }));
    }
}

impl Handler<AgreeAmong> for ClusterActor {
    type Result = ();

    fn handle(&mut self, AgreeAmong { scope, limit, answer }: AgreeAmong, ctx: &mut Self::Context) {
        let by_control = self.config.control_connection_fallback != ControlConnectionFallback::Disabled;
        if by_control && scope == AgreementScope::Cluster && !self.members.any_up() && !self.stopping {
            // There is nobody else to ask: no host has a connection, whether it is down or not.
            self.control.do_send(AwaitAgreement { limit, down: HashSet::new(), answer });
            return;
        }
        self.ask_around(scope, Instant::now() + limit, answer, ctx);
    }
}
