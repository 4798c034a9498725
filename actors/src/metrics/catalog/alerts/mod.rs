//! Alerts and what they are computed from, each with the series that make it fire and those that do not.

mod bulk;

/// An alert.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// Its name, and its heading in `docs/runbooks.md`.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// For how long the expression must hold, as Prometheus writes durations.
    pub hold: &'static str,
    /// What is the matter, in one sentence.
    pub summary: &'static str,
    /// When it fires, in the language of Prometheus.
    pub expression: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Where to look next.
    pub look: &'static str,
    /// What to do.
    pub action: &'static str,
    /// Series with which it fires, one value a minute.
    pub fires: &'static [TestSeries],
    /// Series with which it does not.
    pub quiet: &'static [TestSeries],
    /// The labels of the firing alert besides `instance` and `severity`.
    pub labels: &'static [(&'static str, &'static str)],
    /// When to look in both cases.
    pub at: &'static str,
}

/// Values that a series has in a test, as `promtool test rules` writes them.
#[derive(Debug, Clone, Copy)]
pub struct TestSeries {
    /// The series.
    pub series: &'static str,
    /// Its values.
    pub values: &'static str,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody must look now.
    Page,
    /// Somebody should look today.
    Warn,
    /// Good to know.
    Info,
}

impl Severity {
    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// A series that Prometheus computes ahead.
#[derive(Debug, Clone, Copy)]
pub struct Recording {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// How it is computed.
    pub expression: &'static str,
}

const fn series(series: &'static str, values: &'static str) -> TestSeries {
    TestSeries { series, values }
}

/// What alerts and overviews of many programs ask again and again.
pub const RECORDINGS: &[Recording] = &[
    Recording {
        name: "chorus:requests:rate5m",
        about: "Requests that end in a second.",
        expression: "sum by (instance) (rate(chorus_requests_total[5m]))",
    },
    Recording {
        name: "chorus:request_failures:ratio_rate5m",
        about: "The share of requests that end with an error or a timeout.",
        expression: "sum by (instance) (rate(chorus_requests_total{outcome=~\"error|timeout\"}[5m])) / chorus:requests:rate5m",
    },
    Recording {
        name: "chorus:request_duration_seconds:p99_5m",
        about: "What one request in a hundred takes longer than.",
        expression: "histogram_quantile(0.99, sum by (instance, le) (rate(chorus_request_duration_seconds_bucket[5m])))",
    },
    Recording {
        name: "chorus:request_stage_seconds:mean5m",
        about: "The mean time of a request in each stage.",
        expression: "sum by (instance, stage) (rate(chorus_request_stage_seconds_total[5m])) / on (instance) group_left sum by (instance) (rate(chorus_request_duration_seconds_count[5m]))",
    },
    Recording {
        name: "chorus:routing_to_replicas:ratio_rate5m",
        about: "The share of first attempts that go to a replica of their partition.",
        expression: "sum by (instance) (rate(chorus_routing_total{hit=~\"replica_shard|replica_other_shard|replica\"}[5m])) / sum by (instance) (rate(chorus_routing_total[5m]))",
    },
    Recording {
        name: "chorus:node_attempts:imbalance5m",
        about: "How many times the mean the busiest host is asked.",
        expression: "max by (instance) (sum by (instance, node) (rate(chorus_node_attempts_total[5m]))) / avg by (instance) (sum by (instance, node) (rate(chorus_node_attempts_total[5m])))",
    },
];

/// Every alert.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "ChorusErrorRateHigh",
        severity: Severity::Page,
        hold: "5m",
        summary: "More than one request in a hundred fails.",
        expression: "chorus:request_failures:ratio_rate5m > 0.01 and chorus:requests:rate5m > 1",
        meaning: "Requests end with an error or a timeout after all retries, at more than one request a second.",
        look: "Errors of servers, Retries by reason and Timeouts on the overview tell whose fault it is; Failed attempts by host whether it is one host.",
        action: "One host: see ChorusHostDown. Timeouts everywhere: see ChorusLatencyHigh. Refused requests: a deployment sent something the schema does not allow.",
        fires: &[
            series(r#"chorus_requests_total{instance="app:9184",kind="read",outcome="ok"}"#, "0+540x30"),
            series(r#"chorus_requests_total{instance="app:9184",kind="read",outcome="error"}"#, "0+60x30"),
        ],
        quiet: &[
            series(r#"chorus_requests_total{instance="app:9184",kind="read",outcome="ok"}"#, "0+600x30"),
            series(r#"chorus_requests_total{instance="app:9184",kind="read",outcome="error"}"#, "0+1x30"),
        ],
        labels: &[],
        at: "20m",
    },
    Alert {
        name: "ChorusLatencyHigh",
        severity: Severity::Page,
        hold: "10m",
        summary: "One request in a hundred takes longer than 100 ms.",
        expression: "chorus:request_duration_seconds:p99_5m > 0.1",
        meaning: "The slowest hundredth of requests takes longer than a tenth of a second, waits and retries included.",
        look: "Where the time goes on the overview: service is the servers, connection and coordinator are too few connections or too small windows, admission is this program, retry_gap are failures.",
        action: "Servers: look at the slowest host in p99 service time by host. Admission: see ChorusReactorBusy. Connection: see ChorusPoolBelowTarget.",
        fires: &[
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="0.1"}"#, "0+50x40"),
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="0.25"}"#, "0+100x40"),
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="+Inf"}"#, "0+100x40"),
        ],
        quiet: &[
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="0.01"}"#, "0+100x40"),
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="0.1"}"#, "0+100x40"),
            series(r#"chorus_request_duration_seconds_bucket{instance="app:9184",le="+Inf"}"#, "0+100x40"),
        ],
        labels: &[],
        at: "30m",
    },
    Alert {
        name: "ChorusTimeouts",
        severity: Severity::Warn,
        hold: "5m",
        summary: "Requests time out.",
        expression: "sum by (instance) (rate(chorus_request_timeouts_total[5m])) > 0.1",
        meaning: "More than one request in ten seconds was not answered within its time. Those that were written may have been applied.",
        look: "Timeouts on the overview, by whether they had been written; In flight by host shows who does not answer.",
        action: "Written: a host is slow or gone. Not written: the program sends more than connections carry; see ChorusQueueDeep.",
        fires: &[series(r#"chorus_request_timeouts_total{instance="app:9184",written="yes"}"#, "0+30x30")],
        quiet: &[series(r#"chorus_request_timeouts_total{instance="app:9184",written="yes"}"#, "0+1x30")],
        labels: &[],
        at: "20m",
    },
    Alert {
        name: "ChorusHostDown",
        severity: Severity::Warn,
        hold: "2m",
        summary: "A host is down.",
        expression: "chorus_node_up < 1",
        meaning: "The driver has no usable connection to the host and tries again on its schedule. Where series are by rack, a host of the rack is down.",
        look: "Dials by result says how connecting fails; Connections that ended says how the last connection went.",
        action: "Refused or io: the server is not running, or a firewall is in between. Auth or tls: credentials or certificates changed. Timeout: the network.",
        fires: &[series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1 1 0x20")],
        quiet: &[series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1x20")],
        labels: &[("node", "10.0.0.1:9042")],
        at: "10m",
    },
    Alert {
        name: "ChorusHostFlapping",
        severity: Severity::Warn,
        hold: "0m",
        summary: "A host goes down and comes up again and again.",
        expression: "sum by (instance, node) (increase(chorus_node_status_changes_total[15m])) > 6",
        meaning: "The host changed its state more than six times within a quarter of an hour.",
        look: "Status changes and Connections that ended of the host; the log of the server at those times.",
        action: "Usually the server stops for collections of garbage, or restarts; sometimes a network device drops idle connections.",
        fires: &[
            series(
                r#"chorus_node_status_changes_total{instance="app:9184",node="10.0.0.1:9042",to="up"}"#,
                "0+1x30",
            ),
            series(
                r#"chorus_node_status_changes_total{instance="app:9184",node="10.0.0.1:9042",to="down"}"#,
                "0+1x30",
            ),
        ],
        quiet: &[
            series(
                r#"chorus_node_status_changes_total{instance="app:9184",node="10.0.0.1:9042",to="up"}"#,
                "1x30",
            ),
            series(
                r#"chorus_node_status_changes_total{instance="app:9184",node="10.0.0.1:9042",to="down"}"#,
                "0x30",
            ),
        ],
        labels: &[("node", "10.0.0.1:9042")],
        at: "20m",
    },
    Alert {
        name: "ChorusControlConnectionDown",
        severity: Severity::Page,
        hold: "1m",
        summary: "There is no control connection.",
        expression: "chorus_control_connection_up == 0",
        meaning: "Requests go on with the cluster as it was last seen, but new hosts, schema changes and tablets are not noticed.",
        look: "Members and Up: whether any host is reachable. The log says why each attempt failed.",
        action: "When hosts are up, look for permissions: the user must be able to read the system tables.",
        fires: &[series(r#"chorus_control_connection_up{instance="app:9184"}"#, "1 0x20")],
        quiet: &[series(r#"chorus_control_connection_up{instance="app:9184"}"#, "1x20")],
        labels: &[],
        at: "5m",
    },
    Alert {
        name: "ChorusPoolBelowTarget",
        severity: Severity::Warn,
        hold: "5m",
        summary: "There are fewer connections to a host than there should be.",
        expression: "chorus_connections < on (instance, node) chorus_connections_target and on (instance, node) chorus_node_up == 1",
        meaning: "The host is up, but not all of its connections are there for minutes.",
        look: "Dials by result; on servers with shards also Shards covered.",
        action: "The server may refuse connections beyond a limit of its own, or a shard may not accept any.",
        fires: &[
            series(r#"chorus_connections{instance="app:9184",node="10.0.0.1:9042"}"#, "2x20"),
            series(r#"chorus_connections_target{instance="app:9184",node="10.0.0.1:9042"}"#, "4x20"),
            series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1x20"),
        ],
        quiet: &[
            series(r#"chorus_connections{instance="app:9184",node="10.0.0.1:9042"}"#, "4x20"),
            series(r#"chorus_connections_target{instance="app:9184",node="10.0.0.1:9042"}"#, "4x20"),
            series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1x20"),
        ],
        labels: &[("node", "10.0.0.1:9042")],
        at: "10m",
    },
    Alert {
        name: "ChorusShardsNotCovered",
        severity: Severity::Warn,
        hold: "10m",
        summary: "Shards of a host have no connection.",
        expression: "chorus_node_shards_connected < on (instance, node) chorus_node_shards and on (instance, node) chorus_node_up == 1",
        meaning: "Requests for these shards go to others of the host, which pass them on: slower, and not evenly spread.",
        look: "Shards covered; the log says when the port that leads to shards cannot be used.",
        action: "Let the shard-aware port of the servers through (19042 as a rule), and no address translation change the source ports.",
        fires: &[
            series(r#"chorus_node_shards_connected{instance="app:9184",node="10.0.0.1:9042"}"#, "3x20"),
            series(r#"chorus_node_shards{instance="app:9184",node="10.0.0.1:9042"}"#, "8x20"),
            series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1x20"),
        ],
        quiet: &[
            series(r#"chorus_node_shards_connected{instance="app:9184",node="10.0.0.1:9042"}"#, "8x20"),
            series(r#"chorus_node_shards{instance="app:9184",node="10.0.0.1:9042"}"#, "8x20"),
            series(r#"chorus_node_up{instance="app:9184",node="10.0.0.1:9042"}"#, "1x20"),
        ],
        labels: &[("node", "10.0.0.1:9042")],
        at: "15m",
    },
    Alert {
        name: "ChorusNotTokenAware",
        severity: Severity::Warn,
        hold: "10m",
        summary: "Many requests do not go to a replica of their partition.",
        expression: "chorus:routing_to_replicas:ratio_rate5m < 0.9 and sum by (instance) (rate(chorus_routing_total[5m])) > 100",
        meaning: "Of more than a hundred requests a second, more than a tenth makes a detour over a server that does not have the data.",
        look: "Routing: unrouted are statements whose partition key is not known; non_replica are full or missing connections to replicas.",
        action: "Prepare statements instead of sending text, bind the whole partition key, and see ChorusPoolBelowTarget.",
        fires: &[
            series(r#"chorus_routing_total{instance="app:9184",hit="replica"}"#, "0+6000x30"),
            series(r#"chorus_routing_total{instance="app:9184",hit="unrouted"}"#, "0+6000x30"),
        ],
        quiet: &[
            series(r#"chorus_routing_total{instance="app:9184",hit="replica"}"#, "0+12000x30"),
            series(r#"chorus_routing_total{instance="app:9184",hit="unrouted"}"#, "0+60x30"),
        ],
        labels: &[],
        at: "20m",
    },
    Alert {
        name: "ChorusOrphanedStreams",
        severity: Severity::Warn,
        hold: "5m",
        summary: "Many answers are outstanding that nobody waits for.",
        expression: "sum by (instance, node) (chorus_orphaned_streams) > 100",
        meaning: "Callers timed out or left, and the host has not answered since: their stream ids cannot be used again.",
        look: "Answers nobody waits for, In flight by host, p99 service time by host.",
        action: "The host is stuck or much slower than the timeouts of requests. Connections with too many orphans are replaced without being asked.",
        fires: &[series(r#"chorus_orphaned_streams{instance="app:9184",node="10.0.0.1:9042"}"#, "400x20")],
        quiet: &[series(r#"chorus_orphaned_streams{instance="app:9184",node="10.0.0.1:9042"}"#, "3x20")],
        labels: &[("node", "10.0.0.1:9042")],
        at: "10m",
    },
    Alert {
        name: "ChorusRetryBudgetSpent",
        severity: Severity::Warn,
        hold: "1m",
        summary: "Retries are refused for want of budget.",
        expression: "sum by (instance) (rate(chorus_retries_refused_total[5m])) > 0",
        meaning: "So much fails that repeating it all would make matters worse; failures are handed to callers instead.",
        look: "Retries by reason and Retry budget.",
        action: "Heal the cause of the failures. The budget fills by itself with requests that are taken in.",
        fires: &[series(r#"chorus_retries_refused_total{instance="app:9184"}"#, "0+60x20")],
        quiet: &[series(r#"chorus_retries_refused_total{instance="app:9184"}"#, "7x20")],
        labels: &[],
        at: "10m",
    },
    Alert {
        name: "ChorusReconnectStorm",
        severity: Severity::Warn,
        hold: "5m",
        summary: "Connections are made again and again.",
        expression: "sum by (instance) (rate(chorus_connects_total{result=\"ok\"}[5m])) > 1",
        meaning: "More than one connection a second comes about, and so more than one ends.",
        look: "Connections that ended, by reason.",
        action: "peer: the server or a proxy closes them. heartbeat: the network loses them. orphan_limit: answers do not come.",
        fires: &[series(r#"chorus_connects_total{instance="app:9184",result="ok"}"#, "0+120x20")],
        quiet: &[series(r#"chorus_connects_total{instance="app:9184",result="ok"}"#, "0+2x20")],
        labels: &[],
        at: "15m",
    },
    Alert {
        name: "ChorusReprepareStorm",
        severity: Severity::Warn,
        hold: "5m",
        summary: "Servers forget prepared statements.",
        expression: "sum by (instance) (rate(chorus_reprepares_total[5m])) > 10",
        meaning: "More than ten times a second a server says that it does not know a statement.",
        look: "Prepared again and Prepared statements.",
        action: "More statements are prepared than the cache of the servers holds: bind values instead of writing them into the text.",
        fires: &[series(r#"chorus_reprepares_total{instance="app:9184"}"#, "0+1200x20")],
        quiet: &[series(r#"chorus_reprepares_total{instance="app:9184"}"#, "0+6x20")],
        labels: &[],
        at: "15m",
    },
    Alert {
        name: "ChorusReactorBusy",
        severity: Severity::Warn,
        hold: "5m",
        summary: "A reactor has no time left.",
        expression: "rate(chorus_reactor_busy_seconds_total[5m]) > 0.9",
        meaning: "One thread of the driver works more than nine tenths of its time; it limits what the program gets.",
        look: "Busy and Tick length on the actors dashboard; Processor on the overview.",
        action: "Use several reactors, or more of them; make results smaller; look for policies that take long. A reactor that spins is always busy.",
        fires: &[series(r#"chorus_reactor_busy_seconds_total{instance="app:9184",reactor="0"}"#, "0+58x20")],
        quiet: &[series(r#"chorus_reactor_busy_seconds_total{instance="app:9184",reactor="0"}"#, "0+20x20")],
        labels: &[("reactor", "0")],
        at: "15m",
    },
    Alert {
        name: "ChorusReactorStalled",
        severity: Severity::Warn,
        hold: "0m",
        summary: "A reactor is held up.",
        expression: "increase(chorus_reactor_stalls_total[5m]) > 10",
        meaning: "More than ten times within five minutes something kept a reactor for longer than ten milliseconds.",
        look: "Stalls of reactors; with reactors on the threads of the program, whatever else runs there.",
        action: "Do not block in tasks of the runtime the driver shares, nor in policies and listeners; or give the driver threads of its own.",
        fires: &[series(r#"chorus_reactor_stalls_total{instance="app:9184",reactor="0"}"#, "0+6x20")],
        quiet: &[series(r#"chorus_reactor_stalls_total{instance="app:9184",reactor="0"}"#, "0 1 2 2x20")],
        labels: &[("reactor", "0")],
        at: "10m",
    },
    Alert {
        name: "ChorusReactorStale",
        severity: Severity::Page,
        hold: "1m",
        summary: "A reactor does not answer.",
        expression: "chorus_stale_reactors > 0",
        meaning: "It did not hand out its numbers within a second: it is blocked, or so busy that nothing else happens.",
        look: "Busy of the others, Processor, and a stack trace of the thread.",
        action: "Find what blocks it. Requests on this reactor wait until it goes on.",
        fires: &[series(r#"chorus_stale_reactors{instance="app:9184"}"#, "1x20")],
        quiet: &[series(r#"chorus_stale_reactors{instance="app:9184"}"#, "0x20")],
        labels: &[],
        at: "5m",
    },
    Alert {
        name: "ChorusQueueDeep",
        severity: Severity::Warn,
        hold: "2m",
        summary: "Requests pile up in front of connections.",
        expression: "sum by (instance, actor) (chorus_actor_queue_depth{actor=~\"coordinator|connection\"}) > 5000",
        meaning: "More than five thousand requests wait for room, so callers wait as well.",
        look: "Waiting and Deepest queue; In flight by host shows whose connections are full.",
        action: "Send fewer requests at a time, or have the slow host looked after; larger windows only move the queue into the server.",
        fires: &[series(r#"chorus_actor_queue_depth{instance="app:9184",actor="coordinator"}"#, "9000x20")],
        quiet: &[series(r#"chorus_actor_queue_depth{instance="app:9184",actor="coordinator"}"#, "40x20")],
        labels: &[("actor", "coordinator")],
        at: "5m",
    },
    Alert {
        name: "ChorusActorStalled",
        severity: Severity::Warn,
        hold: "0m",
        summary: "An actor of the control plane is held up.",
        expression: "sum by (instance, actor) (increase(chorus_actor_stalls_total[5m])) > 10",
        meaning: "More than ten messages within five minutes took longer than ten milliseconds to handle.",
        look: "Stalls of actors; Members, if the cluster is very large.",
        action: "Address translators, host filters and listeners run inside these actors: they must not block.",
        fires: &[series(r#"chorus_actor_stalls_total{instance="app:9184",actor="cluster"}"#, "0+6x20")],
        quiet: &[series(r#"chorus_actor_stalls_total{instance="app:9184",actor="cluster"}"#, "0 1x20")],
        labels: &[("actor", "cluster")],
        at: "10m",
    },
    Alert {
        name: "ChorusActorRestarting",
        severity: Severity::Warn,
        hold: "0m",
        summary: "Something panicked inside the driver.",
        expression: "sum by (instance, actor) (increase(chorus_actor_restarts_total[10m])) > 0",
        meaning: "A panic was caught; what was in hand failed, and the actor went on or was replaced. After eight within ten seconds it ends.",
        look: "The log names the panic and the actor.",
        action: "Policies, translators and filters are the usual suspects: mend the one the log names. Anything else is a fault of the driver; please report it.",
        fires: &[series(
            r#"chorus_actor_restarts_total{instance="app:9184",actor="coordinator"}"#,
            "0 0 0 0 1x20",
        )],
        quiet: &[series(r#"chorus_actor_restarts_total{instance="app:9184",actor="coordinator"}"#, "1x20")],
        labels: &[("actor", "coordinator")],
        at: "8m",
    },
    Alert {
        name: "ChorusSeriesFolded",
        severity: Severity::Info,
        hold: "15m",
        summary: "There are too many hosts for series of their own.",
        expression: "chorus_nodes_folded > 0",
        meaning: "The limit of series was reached; the rest of the hosts share one label.",
        look: "Without series of their own on the hosts dashboard.",
        action: "Raise the limit of the publisher if Prometheus can carry it.",
        fires: &[series(r#"chorus_nodes_folded{instance="app:9184"}"#, "12x30")],
        quiet: &[series(r#"chorus_nodes_folded{instance="app:9184"}"#, "0x30")],
        labels: &[],
        at: "20m",
    },
    bulk::STALLED,
    bulk::REJECTS,
    bulk::CHECKPOINT,
];
