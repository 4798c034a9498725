//! The load balancing policies of a session, each with its own view of the cluster.
//!
//! A session begins with one policy. Another one joins when a request is made that obeys it, or before, when the session is
//! told of it; it gets a number, the cluster actor is told, and the routes published from then on hold its view. It leaves when
//! nobody holds it any more.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use chorus_topology::{LoadBalancingPolicy, ViewId};

use crate::{
    cluster::{AdmitPolicies, ClusterActor},
    mail::Mail,
};

/// More policies at a time than this see what the session's own sees: each costs work at every change of the cluster.
const MOST: usize = 64;

/// See the module documentation. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct PolicyViews {
    inner: Arc<Inner>,
}

struct Inner {
    own: Arc<dyn LoadBalancingPolicy>,
    others: ArcSwap<Vec<Other>>,
    /// Taken by whoever adds one: the next number.
    next: Mutex<u32>,
    cluster: OnceLock<Mail<ClusterActor>>,
}

#[derive(Clone)]
struct Other {
    id: ViewId,
    policy: Weak<dyn LoadBalancingPolicy>,
}

impl Other {
    fn is(&self, policy: &Arc<dyn LoadBalancingPolicy>) -> bool {
        std::ptr::addr_eq(self.policy.as_ptr(), Arc::as_ptr(policy))
    }
}

impl PolicyViews {
    /// The views of a session with this policy of its own.
    pub fn new(own: Arc<dyn LoadBalancingPolicy>) -> Self {
        let inner = Inner { own, others: ArcSwap::default(), next: Mutex::new(1), cluster: OnceLock::new() };
        Self { inner: Arc::new(inner) }
    }

    /// The number of a policy's view. Until the hosts are connected to that only this policy wants, its requests go to hosts
    /// the session had before.
    pub fn of(&self, policy: &Arc<dyn LoadBalancingPolicy>) -> ViewId {
        if Arc::ptr_eq(policy, &self.inner.own) {
            return ViewId::SESSION;
        }
        let known = self.inner.others.load();
        match known.iter().find(|other| other.is(policy)) {
            Some(other) => other.id,
            None => self.admit(policy),
        }
    }

    #[cold]
    fn admit(&self, policy: &Arc<dyn LoadBalancingPolicy>) -> ViewId {
        let mut next = self.inner.next.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.inner.others.load();
        // Somebody else may have been faster.
        if let Some(other) = known.iter().find(|other| other.is(policy)) {
            return other.id;
        }
        let alive = known.iter().filter(|other| other.policy.strong_count() > 0);
        let mut others: Vec<Other> = alive.cloned().collect();
        if others.len() == MOST {
            tracing::warn!(
                "more than {MOST} load balancing policies are in use at a time; further ones see the distances of the session's"
            );
            return ViewId::SESSION;
        }
        let id = ViewId(*next);
        // Numbers are not used twice; after four billion policies the last one is shared.
        *next = next.saturating_add(1);
        others.push(Other { id, policy: Arc::downgrade(policy) });
        self.inner.others.store(Arc::new(others));
        if let Some(cluster) = self.inner.cluster.get() {
            cluster.do_send(AdmitPolicies { tried: None });
        }
        id
    }

    /// Lets the cluster actor know of policies from now on.
    pub(crate) fn report_to(&self, cluster: Mail<ClusterActor>) {
        if let Err(cluster) = self.inner.cluster.set(cluster) {
            unreachable!("one engine has one cluster actor: {}", std::any::type_name_of_val(&cluster));
        }
    }

    /// Every policy but the session's own.
    pub(crate) fn others(&self) -> Vec<(ViewId, Arc<dyn LoadBalancingPolicy>)> {
        let known = self.inner.others.load();
        known.iter().filter_map(|other| Some((other.id, other.policy.upgrade()?))).collect()
    }
}

impl std::fmt::Debug for PolicyViews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyViews")
            .field("own", &self.inner.own)
            .field("others", &self.inner.others.load().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_topology::RoundRobin;

    fn policy() -> Arc<dyn LoadBalancingPolicy> {
        Arc::new(RoundRobin::new())
    }

    #[test]
    fn a_policy_keeps_its_number_and_the_sessions_own_is_the_first() {
        let (own, first, second) = (policy(), policy(), policy());
        let views = PolicyViews::new(Arc::clone(&own));
        assert_eq!(views.of(&own), ViewId::SESSION);
        assert_eq!((views.of(&first), views.of(&second)), (ViewId(1), ViewId(2)));
        assert_eq!((views.of(&first), views.clone().of(&second)), (ViewId(1), ViewId(2)));
        assert_eq!(views.others().len(), 2);
    }

    #[test]
    fn a_policy_nobody_holds_is_forgotten_and_its_number_not_given_again() {
        let views = PolicyViews::new(policy());
        let number = views.of(&policy());
        assert!(views.others().is_empty());
        let other = policy();
        assert_ne!(views.of(&other), number);
        assert_eq!(views.others().len(), 1);
    }

    #[test]
    fn programs_that_make_a_policy_for_each_request_do_not_make_the_session_grow() {
        let views = PolicyViews::new(policy());
        let kept: Vec<_> = (0..MOST).map(|_| policy()).collect();
        kept.iter().for_each(|policy| assert_ne!(views.of(policy), ViewId::SESSION));
        let one_more = policy();
        assert_eq!(views.of(&one_more), ViewId::SESSION);
        drop(kept);
        assert_ne!(views.of(&one_more), ViewId::SESSION);
        (0..1_000).for_each(|_| assert_ne!(views.of(&policy()), ViewId::SESSION));
        assert!(views.inner.others.load().len() <= 3);
    }
}
