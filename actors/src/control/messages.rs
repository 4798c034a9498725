//! Everything one may say to a [`ControlActor`](super::ControlActor).

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use tokio::sync::{mpsc::UnboundedSender, oneshot};
use uuid::Uuid;

use crate::connection::ConnectionFact;

/// What to read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The members.
    pub(crate) topology: bool,
    /// How much of the schema.
    pub(crate) schema: SchemaPart,
}

impl Scope {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.topology |= other.topology;
        self.schema.add(other.schema);
    }
}

/// A part of the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum SchemaPart {
    /// Nothing.
    #[default]
    Nothing,
    /// These keyspaces and everything in them.
    Keyspaces(BTreeSet<Arc<str>>),
    /// All of it.
    All,
}

/// More keyspaces than this are read faster as the whole schema.
const MOST_KEYSPACES: usize = 8;

impl SchemaPart {
    /// One keyspace, by its name as the schema spells it.
    pub(crate) fn keyspace(name: &str) -> Self {
        Self::Keyspaces(BTreeSet::from([Arc::from(name)]))
    }

    /// Both parts together.
    pub(crate) fn add(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (part, Self::Nothing) | (Self::Nothing, part) => part,
            (Self::Keyspaces(mut names), Self::Keyspaces(more)) => {
                names.extend(more);
                if names.len() > MOST_KEYSPACES { Self::All } else { Self::Keyspaces(names) }
            }
        };
    }
}

/// Why something could not be learned from the cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no control connection now; one is being looked for.
    #[error("there is no control connection to the cluster at the moment")]
    NotConnected,
    /// The control connection was lost meanwhile, or the server answered with an error.
    #[error("the cluster could not be read: {0}")]
    Failed(Arc<str>),
    /// The session was shut down.
    #[error("the session was shut down")]
    ShutDown,
}

/// From whoever called the cluster: the answer to wait for.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, ControlError>>;

/// From the cluster: read this now. Requests that come while one is being read share the next read.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Read {
    pub(crate) scope: Scope,
    pub(crate) answer: Option<Answer<()>>,
}

/// From the cluster: wait until all hosts but those known to be down have the same schema.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AwaitAgreement {
    pub(crate) limit: Duration,
    pub(crate) down: HashSet<Uuid>,
    /// The version agreed on, or none within the limit.
    pub(crate) answer: Answer<Option<Uuid>>,
}

/// From the cluster: find out whether a keyspace can be used, by using it on the control connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TryKeyspace {
    pub(crate) keyspace: Arc<str>,
    pub(crate) answer: oneshot::Sender<Result<(), crate::cluster::UseKeyspaceError>>,
}

/// From the cluster, whenever it changes: where to connect, best first.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct Plan {
    pub(crate) hosts: Vec<SocketAddr>,
    /// A host came up, or it is time to try everything: do not wait for the schedule.
    pub(crate) now: bool,
}

/// From the cluster: this host left; do not stay on it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) SocketAddr);

/// From the cluster: close the control connection and end. Answered on `closed` with the number of connections closed.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct StopControl {
    pub(crate) closed: UnboundedSender<u64>,
}

/// From the control connection: it has noted events. Sent once however many there are.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(super) struct EventsArrived;

/// From a control connection, the present one or an earlier one.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(super) struct LinkFact(pub(super) ConnectionFact);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_schema_add_up_to_all_of_it_when_there_are_many() {
        let mut part = SchemaPart::Nothing;
        part.add(SchemaPart::keyspace("a"));
        part.add(SchemaPart::keyspace("b"));
        part.add(SchemaPart::keyspace("a"));
        part.add(SchemaPart::Nothing);
        assert_eq!(part, SchemaPart::Keyspaces(BTreeSet::from(["a".into(), "b".into()])));
        for name in 0..7 {
            part.add(SchemaPart::keyspace(&name.to_string()));
        }
        assert_eq!(part, SchemaPart::All);
        part.add(SchemaPart::keyspace("a"));
        assert_eq!(part, SchemaPart::All);
    }
}
