//! Execution profiles by name, and listeners.

use std::sync::Arc;
use std::time::Duration;

use chorus_actors::ControlError;

use crate::Session;
use crate::config::ExecutionProfile;
use crate::error::{Error, UsageProblem};
use crate::observe::RequestListener;

/// How long a new profile may take to connect to its hosts.
const PROFILE_PATIENCE: Duration = Duration::from_secs(5);

/// How requests are carried out, and who is told of them.
impl Session {
    /// The execution profile of that name: one that was [given](crate::SessionBuilder::add_profile) or [added](Self::add_profile), or
    /// `default` for the session's own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when there is none; the error names all there are.
    pub fn profile(&self, name: &str) -> Result<ExecutionProfile, Error> {
        if name == ExecutionProfile::DEFAULT_NAME {
            return Ok(self.inner.defaults.profile.clone());
        }
        self.inner.profiles.find(name).ok_or_else(|| {
            let known = self.profile_names().iter().map(|name| name.to_string()).collect();
            UsageProblem::UnknownProfile { name: name.into(), known }.into()
        })
    }

    /// The names of all execution profiles, `default` first.
    pub fn profile_names(&self) -> Vec<Arc<str>> {
        let own = std::iter::once(ExecutionProfile::DEFAULT_NAME.into());
        own.chain(self.inner.profiles.names()).collect()
    }

    /// Adds an execution profile, for all sessions of this session's [cluster](crate::Cluster), and connects to the hosts that its
    /// load balancing policy wants; returns when each of them was tried, after 5 seconds at the latest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when there is a profile of that name;
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when trying the hosts takes longer. The profile is there all the same
    /// then, and its requests are served by the session's hosts until its own are connected to.
    pub async fn add_profile(&self, name: &str, profile: &ExecutionProfile) -> Result<(), Error> {
        if name == ExecutionProfile::DEFAULT_NAME {
            return Err(UsageProblem::ProfileExists { name: name.into() }.into());
        }
        self.inner.profiles.add(name, profile)?;
        match &profile.load_balancing {
            Some(policy) if !self.inner.engine.connect_within(policy, PROFILE_PATIENCE).await => {
                Err(ControlError::NotTried(PROFILE_PATIENCE).into())
            }
            _ => Ok(()),
        }
    }

    /// Connects to the hosts that the load balancing policy of a profile wants beyond those the session has already, and returns
    /// when each of them has been tried. Not needed: requests with the profile do it too, and are served by the session's hosts
    /// until then. For profiles without a policy of their own there is nothing to do.
    pub async fn connect_profile(&self, profile: &ExecutionProfile) {
        if let Some(policy) = &profile.load_balancing {
            self.inner.engine.connect_for(policy).await;
        }
    }

    /// Tells a listener of every request from now on; see [`RequestListener`].
    pub fn add_request_listener(&self, listener: &Arc<dyn RequestListener>) {
        self.inner.observers.add(listener);
    }

    /// Tells a listener of no further request. Of those under way it still learns the end. False when it was not there.
    pub fn remove_request_listener(&self, listener: &Arc<dyn RequestListener>) -> bool {
        self.inner.observers.remove(listener)
    }
}
