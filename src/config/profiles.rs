//! Execution profiles by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::ExecutionProfile;
use crate::error::{Error, UsageProblem};

/// The profiles of a cluster that have a name, shared by its sessions. Looked up when a statement is made, never when it is
/// executed.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    by_name: ArcSwap<BTreeMap<Arc<str>, ExecutionProfile>>,
}

impl Profiles {
    pub(crate) fn new(by_name: BTreeMap<Arc<str>, ExecutionProfile>) -> Self {
        Self { by_name: ArcSwap::from_pointee(by_name) }
    }

    /// The profile of that name.
    pub(crate) fn find(&self, name: &str) -> Option<ExecutionProfile> {
        self.by_name.load().get(name).cloned()
    }

    /// Every name, in alphabetical order.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.by_name.load().keys().cloned().collect()
    }

    /// Adds a profile.
    ///
    /// # Errors
    ///
    /// When there is one of that name.
    pub(crate) fn add(&self, name: &str, profile: &ExecutionProfile) -> Result<(), Error> {
        let mut is_new = false;
        self.by_name.rcu(|known| {
            let mut all = BTreeMap::clone(known);
            is_new = !all.contains_key(name);
            if is_new {
                all.insert(name.into(), profile.clone());
            }
            all
        });
        match is_new {
            true => Ok(()),
            false => Err(UsageProblem::ProfileExists { name: name.into() }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chorus_protocol::Consistency;

    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let profiles = Profiles::default();
        profiles.add("olap", &ExecutionProfile::new().consistency(Consistency::One)).expect("the first");
        profiles.add("oltp", &ExecutionProfile::new()).expect("another");
        let error = profiles.add("olap", &ExecutionProfile::new()).expect_err("taken");
        assert!(error.to_string().contains("\"olap\""), "{error}");
        assert_eq!(profiles.names(), ["olap".into(), "oltp".into()]);
        let kept = profiles.find("olap").expect("added");
        assert_eq!(kept.consistency, Some(Consistency::One), "the first stays");
        assert!(profiles.find("default").is_none());
    }
}
