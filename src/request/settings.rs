//! What a request is sent with, once statement, profile and session have been asked in that order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chorus_actors::{ExecutionPolicies, PolicyViews, Preparations, RequestKind, RequestOptions};
use chorus_protocol::{Consistency, CustomPayload, ProtocolVersion, SerialConsistency, flags};
use chorus_topology::HostIndex;

use crate::config::{ExecutionProfile, Speculation};
use crate::encryption::Encryption;
use crate::error::{Error, UsageProblem};
use crate::statement::{PageSize, StatementOptions};
use crate::timestamp::{Reserved, TimestampGenerator};

/// What the session contributes to every request.
#[derive(Debug)]
pub(crate) struct Defaults {
    /// Tells statements of this session from those of others.
    pub(crate) session: u64,
    pub(crate) profile: ExecutionProfile,
    /// The level of requests that nobody gives one.
    pub(crate) consistency: Consistency,
    /// The session's own policies, which the engine has already.
    pub(crate) policies: ExecutionPolicies,
    /// Where other load balancing policies get their view of the cluster.
    pub(crate) views: PolicyViews,
    pub(crate) timestamps: Option<Arc<dyn TimestampGenerator>>,
    pub(crate) encryption: Encryption,
}

/// Where the timestamp of a request comes from.
#[derive(Clone, Debug)]
pub(crate) enum Stamp {
    /// None is sent: the server's clock decides.
    Server,
    /// The statement names it.
    Fixed(i64),
    /// The session's generator is asked for each request.
    Generated(Arc<dyn TimestampGenerator>),
}

impl Stamp {
    #[inline]
    pub(crate) fn next(&self) -> Option<i64> {
        match self {
            Stamp::Server => None,
            Stamp::Fixed(timestamp) => Some(*timestamp),
            Stamp::Generated(generator) => Some(generator.next()),
        }
    }

    /// The same for one of many rows, which share readings of the clock.
    #[inline]
    pub(crate) fn next_of(&self, reserved: &mut Reserved) -> Option<i64> {
        match self {
            Stamp::Generated(generator) => Some(reserved.next(&**generator)),
            other => other.next(),
        }
    }

    pub(crate) fn is_sent(&self) -> bool {
        !matches!(self, Stamp::Server)
    }
}

/// The resolved settings of one request.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) consistency: Consistency,
    pub(crate) serial_consistency: Option<SerialConsistency>,
    pub(crate) page_size: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) stamp: Stamp,
    pub(crate) now_in_seconds: Option<i32>,
    pub(crate) tracing: bool,
    pub(crate) payload: Option<Arc<BTreeMap<String, Bytes>>>,
    /// `None` for the session's own.
    pub(crate) policies: Option<Arc<ExecutionPolicies>>,
    /// Only this host.
    pub(crate) host: Option<HostIndex>,
    /// This host first.
    pub(crate) preferred: Option<HostIndex>,
}

impl Settings {
    /// Asks the statement, then its profile, then the session.
    pub(crate) fn resolve(options: &StatementOptions, defaults: &Defaults) -> Result<Self, Error> {
        let own = options.profile.as_deref();
        let session = &defaults.profile;
        let stamp = match (options.timestamp, &defaults.timestamps) {
            (Some(timestamp), _) if timestamp < 0 => {
                return Err(UsageProblem::NegativeTimestamp(timestamp).into());
            }
            (Some(timestamp), _) => Stamp::Fixed(timestamp),
            (None, Some(generator)) => Stamp::Generated(Arc::clone(generator)),
            (None, None) => Stamp::Server,
        };
        let timeout = options
            .timeout
            .or(own.and_then(|profile| profile.timeout))
            .or(session.timeout)
            .map_or(Some(ExecutionProfile::DEFAULT_TIMEOUT), |timeout| timeout.duration());
        let page_size = options
            .page_size
            .or(own.and_then(|profile| profile.page_size))
            .or(session.page_size)
            .unwrap_or(PageSize::Rows(ExecutionProfile::DEFAULT_PAGE_SIZE));
        Ok(Self {
            consistency: options
                .consistency
                .or(own.and_then(|profile| profile.consistency))
                .or(session.consistency)
                .unwrap_or(defaults.consistency),
            serial_consistency: options
                .serial_consistency
                .or(own.and_then(|profile| profile.serial_consistency))
                .or(session.serial_consistency),
            page_size: page_size.wire(),
            timeout,
            stamp,
            now_in_seconds: options.now_in_seconds,
            tracing: options.tracing,
            payload: options.payload.clone(),
            policies: Self::policies(options, own, defaults),
            host: options.host,
            preferred: options.preferred,
        })
    }

    /// Leaves out the timestamp that a read would get from the generator: servers ignore it. One that the statement names
    /// is sent all the same.
    pub(crate) fn of_kind(mut self, kind: RequestKind) -> Self {
        if kind == RequestKind::Read && matches!(self.stamp, Stamp::Generated(_)) {
            self.stamp = Stamp::Server;
        }
        self
    }

    fn policies(
        options: &StatementOptions,
        own: Option<&ExecutionProfile>,
        defaults: &Defaults,
    ) -> Option<Arc<ExecutionPolicies>> {
        let retry = options.retry.as_ref().or(own.and_then(|profile| profile.retry.as_ref()));
        let load_balancing = own.and_then(|profile| profile.load_balancing.as_ref());
        let speculation =
            options.speculation.as_ref().or(own.and_then(|profile| profile.speculation.as_ref()));
        if retry.is_none() && load_balancing.is_none() && speculation.is_none() {
            return None;
        }
        let load_balancing = load_balancing.unwrap_or(&defaults.policies.load_balancing);
        Some(Arc::new(ExecutionPolicies {
            load_balancing: Arc::clone(load_balancing),
            view: defaults.views.of(load_balancing),
            retry: Arc::clone(retry.unwrap_or(&defaults.policies.retry)),
            speculative: match speculation {
                Some(Speculation(policy)) => policy.clone(),
                None => defaults.policies.speculative.clone(),
            },
        }))
    }

    /// The flags of the frame's header.
    pub(crate) fn frame_flags(&self, version: ProtocolVersion) -> Result<u8, Error> {
        let mut frame = 0;
        if self.tracing {
            frame |= flags::TRACING;
        }
        if self.payload.is_some() {
            if !version.has_custom_payload() {
                return Err(UsageProblem::Unsupported {
                    feature: "a custom payload",
                    needs: ProtocolVersion::V4,
                    speaks: version,
                }
                .into());
            }
            frame |= flags::CUSTOM_PAYLOAD;
        }
        Ok(frame)
    }

    /// The custom payload, which stands in front of the body.
    pub(crate) fn put_payload(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(payload) = &self.payload {
            let entries = payload.iter().map(|(key, value)| (key.as_str(), &value[..]));
            CustomPayload::encode_entries(entries, out)?;
        }
        Ok(())
    }

    /// What the engine has to know about a request without values of its own.
    pub(crate) fn into_options(
        self,
        kind: RequestKind,
        idempotent: bool,
        consistency_at: Option<u32>,
        prepared: Preparations,
    ) -> RequestOptions {
        RequestOptions {
            consistency: self.consistency,
            consistency_offset: consistency_at,
            idempotent,
            kind,
            timeout: self.timeout,
            prepared,
            policies: self.policies,
            host: self.host,
            preferred: self.preferred,
            ..RequestOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use chorus_topology::{
        ConstantSpeculation, DefaultRetry, FallthroughRetry, LoadBalancingPolicy, RoundRobin,
        SpeculativePolicy, TokenAware, ViewId,
    };

    use super::*;
    use crate::statement::Timeout;
    use crate::timestamp::MonotonicTimestampGenerator;

    fn defaults(profile: ExecutionProfile) -> Defaults {
        let load_balancing: Arc<dyn LoadBalancingPolicy> = Arc::new(TokenAware::default());
        Defaults {
            session: 1,
            profile,
            consistency: ExecutionProfile::DEFAULT_CONSISTENCY,
            views: PolicyViews::new(Arc::clone(&load_balancing)),
            policies: ExecutionPolicies {
                load_balancing,
                view: ViewId::SESSION,
                retry: Arc::new(DefaultRetry::default()),
                speculative: None,
            },
            timestamps: Some(Arc::new(MonotonicTimestampGenerator::new())),
            encryption: Encryption::default(),
        }
    }

    #[test]
    fn nothing_set_gives_the_documented_defaults() {
        let settings = Settings::resolve(&StatementOptions::default(), &defaults(ExecutionProfile::new()))
            .expect("valid");
        assert_eq!(settings.consistency, Consistency::LocalOne);
        assert_eq!(settings.serial_consistency, None);
        assert_eq!(settings.page_size, Some(5000));
        assert_eq!(settings.timeout, Some(Duration::from_secs(10)));
        assert!(settings.policies.is_none() && settings.payload.is_none() && !settings.tracing);
        assert!(matches!(settings.stamp, Stamp::Generated(_)));
    }

    #[test]
    fn statement_wins_over_its_profile_and_that_over_the_session() {
        let session = ExecutionProfile::new()
            .consistency(Consistency::One)
            .serial_consistency(SerialConsistency::Serial)
            .page_size(1)
            .timeout(Duration::from_secs(1));
        let own = ExecutionProfile::new().consistency(Consistency::Two).page_size(2);
        let options = StatementOptions {
            profile: Some(Arc::new(own)),
            consistency: Some(Consistency::Three),
            ..StatementOptions::default()
        };
        let settings = Settings::resolve(&options, &defaults(session)).expect("valid");
        assert_eq!(settings.consistency, Consistency::Three);
        assert_eq!(settings.page_size, Some(2));
        assert_eq!(settings.timeout, Some(Duration::from_secs(1)));
        assert_eq!(settings.serial_consistency, Some(SerialConsistency::Serial));
    }

    #[test]
    fn no_timeout_can_be_said_explicitly() {
        let options = StatementOptions { timeout: Some(Timeout::Never), ..StatementOptions::default() };
        let settings = Settings::resolve(&options, &defaults(ExecutionProfile::new())).expect("valid");
        assert_eq!(settings.timeout, None);
    }

    #[test]
    fn own_retry_policy_keeps_the_sessions_load_balancing() {
        let retry: Arc<dyn chorus_topology::RetryPolicy> = Arc::new(FallthroughRetry);
        let options = StatementOptions { retry: Some(Arc::clone(&retry)), ..StatementOptions::default() };
        let defaults = defaults(ExecutionProfile::new());
        let policies = Settings::resolve(&options, &defaults)
            .expect("valid")
            .policies
            .expect("the statement has its own");
        assert!(Arc::ptr_eq(&policies.retry, &retry));
        assert!(Arc::ptr_eq(&policies.load_balancing, &defaults.policies.load_balancing));
    }

    #[test]
    fn a_load_balancing_policy_of_a_profile_has_a_view_of_its_own() {
        let defaults = defaults(ExecutionProfile::new());
        let resolved = |profile: &ExecutionProfile| {
            let options =
                StatementOptions { profile: Some(Arc::new(profile.clone())), ..StatementOptions::default() };
            Settings::resolve(&options, &defaults).expect("valid").policies.expect("the profile has its own")
        };
        let profile = ExecutionProfile::new().load_balancing(Arc::new(RoundRobin::new()));
        let first = resolved(&profile);
        assert_ne!(first.view, ViewId::SESSION);
        assert_eq!(
            resolved(&profile.consistency(Consistency::All)).view,
            first.view,
            "it is the same policy"
        );
        let own_retry = ExecutionProfile::new().retry_policy(Arc::new(FallthroughRetry));
        assert_eq!(resolved(&own_retry).view, ViewId::SESSION);
    }

    #[test]
    fn speculation_of_a_statement_wins_over_that_of_its_profile_and_can_be_switched_off() {
        let mut defaults = defaults(ExecutionProfile::new());
        let policy = |millis| -> Arc<dyn SpeculativePolicy> {
            Arc::new(ConstantSpeculation::new(Duration::from_millis(millis), 1))
        };
        let (session, profile, statement) = (policy(1), policy(2), policy(3));
        defaults.policies.speculative = Some(Arc::clone(&session));
        let in_force = |profile: Option<ExecutionProfile>, speculation: Option<Speculation>| {
            let profile = profile.map(Arc::new);
            let options = StatementOptions { profile, speculation, ..StatementOptions::default() };
            let policies = Settings::resolve(&options, &defaults).expect("valid").policies;
            policies.expect("its own").speculative.clone()
        };
        let retry = ExecutionProfile::new().retry_policy(Arc::new(FallthroughRetry));
        let is = |found: Option<Arc<dyn SpeculativePolicy>>, expected: &Arc<dyn SpeculativePolicy>| {
            found.is_some_and(|found| Arc::ptr_eq(&found, expected))
        };
        assert!(is(in_force(Some(retry), None), &session));
        let own = ExecutionProfile::new().speculation(Arc::clone(&profile));
        assert!(is(in_force(Some(own.clone()), None), &profile));
        let of_statement = Some(Speculation(Some(Arc::clone(&statement))));
        assert!(is(in_force(Some(own.clone()), of_statement), &statement));
        assert!(in_force(Some(own), Some(Speculation(None))).is_none());
        assert!(in_force(Some(ExecutionProfile::new().speculation(None)), None).is_none());
    }

    #[test]
    fn reads_are_sent_without_a_generated_timestamp_and_with_one_that_was_named() {
        let defaults = defaults(ExecutionProfile::new());
        let stamp = |timestamp, kind| {
            let options = StatementOptions { timestamp, ..StatementOptions::default() };
            Settings::resolve(&options, &defaults).expect("valid").of_kind(kind).stamp.next()
        };
        assert_eq!(stamp(None, RequestKind::Read), None);
        assert_eq!(stamp(Some(7), RequestKind::Read), Some(7));
        for kind in [RequestKind::Write, RequestKind::Batch, RequestKind::Other] {
            assert!(stamp(None, kind).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn without_a_generator_no_timestamp_is_sent_but_one_that_a_statement_names() {
        let mut defaults = defaults(ExecutionProfile::new());
        defaults.timestamps = None;
        let stamp = |timestamp| {
            let options = StatementOptions { timestamp, ..StatementOptions::default() };
            Settings::resolve(&options, &defaults).expect("valid").of_kind(RequestKind::Write).stamp
        };
        assert!(!stamp(None).is_sent() && stamp(None).next().is_none());
        assert_eq!(stamp(Some(7)).next(), Some(7));
    }

    #[test]
    fn negative_timestamp_is_refused_before_anything_is_sent() {
        let options = StatementOptions { timestamp: Some(-1), ..StatementOptions::default() };
        let error =
            Settings::resolve(&options, &defaults(ExecutionProfile::new())).expect_err("protocol forbids it");
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
    }

    #[test]
    fn payload_needs_protocol_v4() {
        let mut options = StatementOptions::default();
        options.insert_payload("key".into(), Bytes::from_static(b"value"));
        let settings = Settings::resolve(&options, &defaults(ExecutionProfile::new())).expect("valid");
        assert_eq!(
            settings.frame_flags(ProtocolVersion::V3).expect_err("too old").kind(),
            crate::ErrorKind::Unsupported
        );
        assert_eq!(settings.frame_flags(ProtocolVersion::V4).expect("new enough"), flags::CUSTOM_PAYLOAD);
    }
}
