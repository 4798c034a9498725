//! The metrics themselves.

use super::labels::{
    ACTOR, ATTEMPT_OUTCOME, CHECKPOINT_OUTCOME, CLOSE_REASON, CONNECT_RESULT, DC, DECISION, EVENT, HINT, HIT,
    HOST_ID, KIND, LIMIT, NODE, OUTCOME, RACK, REACTOR, REFRESH_RESULT, REJECT_STAGE, RETRY_REASON,
    ROW_STAGE, SERVER_ERROR, SHARDS, STAGE, STATE, TO, VERSION, WRITTEN,
};
use super::{
    Detail::{Always, FewHosts, Host, OneByOne},
    LATENCY_BUCKETS, Metric,
    MetricKind::{Counter, Gauge, Histogram},
    Owner, SMALL_COUNT_BUCKETS, Unit,
};

macro_rules! catalog {
    ($($id:ident = $name:literal, $kind:expr, $unit:ident, $labels:expr, $owner:ident, $detail:ident, $help:literal;)+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub const $id: Metric = Metric {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &$labels,
                help: $help,
                owner: Owner::$owner,
                detail: $detail,
            };
        )+

        /// Every metric, in the order of `docs/metrics.md`.
        pub const CATALOG: &[Metric] = &[$($id),+];
    };
}

catalog! {
    REQUESTS = "chorus_requests_total", Counter, Count, [KIND, OUTCOME], Coordinator, Always,
        "Requests that ended, each once however many attempts it took; rows of bulk jobs included.";
    REQUEST_DURATION = "chorus_request_duration_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Coordinator, Always,
        "From the caller handing a request over to its end, waits and retries included; rows of bulk jobs take as long as their chunk.";
    REQUEST_STAGES = "chorus_request_stage_seconds_total", Counter, Seconds, [STAGE], Coordinator, Always,
        "Where the time of ended requests went: waiting to be taken, for a connection with room and in its queue, at the server, between a failure and the next attempt; adds up to the sum of their durations.";
    REQUEST_TIMEOUTS = "chorus_request_timeouts_total", Counter, Count, [WRITTEN], Coordinator, Always,
        "Requests that timed out, by whether they had been written: a write that was may have been applied.";
    REQUESTS_IN_FLIGHT = "chorus_requests_in_flight", Gauge, Count, [], Coordinator, Always,
        "Requests handed to a connection whose answer has not come, abandoned ones included.";
    NEXT_PAGES = "chorus_next_pages_total", Counter, Count, [], Coordinator, Always,
        "Pages fetched after the first one of their result.";
    SERVER_ERRORS = "chorus_server_errors_total", Counter, Count, [SERVER_ERROR], Connection, Always,
        "Answers that were errors, by what they said, before anything was decided about them.";
    RETRIES = "chorus_retries_total", Counter, Count, [RETRY_REASON, DECISION], Coordinator, Always,
        "Requests sent again because a retry policy said so.";
    GIVEN_UP = "chorus_retries_given_up_total", Counter, Count, [RETRY_REASON], Coordinator, Always,
        "Failed attempts that were not repeated: by decision of the policy, for want of budget, or because it would not help.";
    IGNORED_ERRORS = "chorus_ignored_errors_total", Counter, Count, [RETRY_REASON], Coordinator, Always,
        "Errors a retry policy turned into empty results.";
    RETRIES_REFUSED = "chorus_retries_refused_total", Counter, Count, [], Coordinator, Always,
        "Retries and speculative attempts a policy wanted and the retry budget did not allow.";
    RETRY_BUDGET = "chorus_retry_budget_left", Gauge, Count, [], Coordinator, Always,
        "Retries that the budgets of all reactors allow now.";
    SPECULATIVE = "chorus_speculative_attempts_total", Counter, Count, [], Coordinator, Always,
        "Requests sent to one more host because the first had not answered yet.";
    SPECULATIVE_WINS = "chorus_speculative_wins_total", Counter, Count, [], Coordinator, Always,
        "Speculative attempts that answered first.";
    SPECULATIVE_WASTED = "chorus_speculative_wasted_total", Counter, Count, [], Coordinator, Always,
        "Speculative attempts that ended otherwise.";
    ROUTING = "chorus_routing_total", Counter, Count, [HIT], Coordinator, Always,
        "First attempts by how well they were routed, from the replica's own shard to any host.";
    TABLET_HINTS = "chorus_tablet_hints_total", Counter, Count, [HINT], Coordinator, Always,
        "Answers that told where a tablet is, because their request had gone elsewhere; malformed ones are ignored.";
    PREPARED = "chorus_prepared_statements", Gauge, Count, [], Metrics, Always,
        "Statements that the session has prepared and somebody holds.";
    REPREPARES = "chorus_reprepares_total", Counter, Count, [], Coordinator, Always,
        "Statements prepared again because a server had forgotten them.";
    ATTEMPTS = "chorus_attempts_total", Counter, Count, [], Connection, Always,
        "Requests written to a socket, retries included.";
    ATTEMPT_OUTCOMES = "chorus_attempt_outcomes_total", Counter, Count, [ATTEMPT_OUTCOME], Connection, Always,
        "Attempts that ended; aborted and unsent are those whose connection broke, after and before they were written.";
    ATTEMPT_DURATION = "chorus_attempt_duration_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Connection, Always,
        "Service time: from the write buffer to the answer of the server.";
    RESPONSES = "chorus_responses_total", Counter, Count, [], Connection, Always,
        "Answers received, errors included.";
    ORPHANS = "chorus_orphans_total", Counter, Count, [], Connection, Always,
        "Stream ids left behind by callers that no longer waited.";
    LATE_RESPONSES = "chorus_late_responses_total", Counter, Count, [], Connection, Always,
        "Answers that came for such stream ids.";
    UNKNOWN_STREAMS = "chorus_unknown_streams_total", Counter, Count, [], Connection, Always,
        "Answers that came for stream ids nothing had been sent on; a server that does this is broken.";
    SENT_BYTES = "chorus_sent_bytes_total", Counter, Bytes, [], Connection, Always,
        "Bytes written to sockets, after compression.";
    RECEIVED_BYTES = "chorus_received_bytes_total", Counter, Bytes, [], Connection, Always,
        "Bytes read from sockets, before decompression.";
    WRITES = "chorus_socket_writes_total", Counter, Count, [], Connection, Always,
        "System calls that wrote to a socket.";
    READS = "chorus_socket_reads_total", Counter, Count, [], Connection, Always,
        "System calls that read from a socket.";
    FRAMES_PER_WRITE = "chorus_frames_per_write", Histogram(SMALL_COUNT_BUCKETS), Count, [], Connection, Always,
        "Frames that left with one system call: how well requests share writes.";
    FRAMES_PER_READ = "chorus_frames_per_read", Histogram(SMALL_COUNT_BUCKETS), Count, [], Connection, Always,
        "Answers that one system call brought.";
    HEARTBEATS = "chorus_heartbeats_total", Counter, Count, [], Connection, Always,
        "Probes sent on connections that were silent.";
    CONNECTS = "chorus_connects_total", Counter, Count, [CONNECT_RESULT], Pool, Always,
        "Dials that ended, by what came of them.";
    DISCONNECTS = "chorus_disconnects_total", Counter, Count, [CLOSE_REASON], Coordinator, Always,
        "Connections that ended.";
    NODE_INFO = "chorus_node_info", Gauge, Info, [NODE, HOST_ID, DC, RACK, VERSION, SHARDS], Cluster, OneByOne,
        "Always 1; joins a node's address with where it stands and what it runs.";
    NODE_UP = "chorus_node_up", Gauge, Count, [NODE], Cluster, Host,
        "1 when the driver takes the node to be reachable, else 0; of a rack, the share of its nodes that are.";
    NODE_STATUS_CHANGES = "chorus_node_status_changes_total", Counter, Count, [NODE, TO], Cluster, FewHosts,
        "How often the node came up, and how often it went down.";
    NODE_ATTEMPTS = "chorus_node_attempts_total", Counter, Count, [NODE, ATTEMPT_OUTCOME], Connection, Host,
        "Attempts at the node that ended.";
    NODE_SERVICE = "chorus_node_service_seconds_total", Counter, Seconds, [NODE], Connection, Host,
        "The service times of all answers of the node together.";
    NODE_DURATION = "chorus_node_attempt_duration_seconds", Histogram(LATENCY_BUCKETS), Seconds, [NODE], Connection, FewHosts,
        "Service time at the node: from the write buffer to its answer.";
    NODE_IN_FLIGHT = "chorus_node_in_flight", Gauge, Count, [NODE], Coordinator, Host,
        "Requests in flight or queued on the connections to a node, abandoned ones included.";
    ORPHANED_STREAMS = "chorus_orphaned_streams", Gauge, Count, [NODE], Coordinator, Host,
        "Answers outstanding that nobody waits for.";
    CONNECTIONS = "chorus_connections", Gauge, Count, [NODE], Coordinator, Host,
        "Connections in service.";
    CONNECTIONS_TARGET = "chorus_connections_target", Gauge, Count, [NODE], Pool, Host,
        "Connections there should be.";
    NODE_SHARDS = "chorus_node_shards", Gauge, Count, [NODE], Cluster, FewHosts,
        "Shards of the node; 0 where there are none.";
    NODE_SHARDS_CONNECTED = "chorus_node_shards_connected", Gauge, Count, [NODE], Coordinator, FewHosts,
        "Shards of the node that a connection leads to.";
    NODE_SENT_BYTES = "chorus_node_sent_bytes_total", Counter, Bytes, [NODE], Connection, Host,
        "Bytes written to the node, after compression.";
    NODE_RECEIVED_BYTES = "chorus_node_received_bytes_total", Counter, Bytes, [NODE], Connection, Host,
        "Bytes read from the node, before decompression.";
    NODES = "chorus_nodes", Gauge, Count, [STATE], Cluster, Always,
        "Members of the cluster; ignored ones are out of reach of the load balancing policy.";
    NODES_CONNECTED = "chorus_nodes_connected", Gauge, Count, [], Cluster, Always,
        "Members of the cluster that there is a connection to.";
    NODES_FOLDED = "chorus_nodes_folded", Gauge, Count, [], Publisher, Always,
        "Nodes (or racks) that have no series of their own, because there would be too many: they share node=\"_other\".";
    TABLETS = "chorus_tablets", Gauge, Count, [], Cluster, Always,
        "Tablets learned from the servers.";
    CONTROL_UP = "chorus_control_connection_up", Gauge, Count, [], Control, Always,
        "1 while there is a control connection, else 0.";
    CONTROL_ESTABLISHED = "chorus_control_connections_total", Counter, Count, [], Control, Always,
        "Control connections that were established.";
    EVENTS = "chorus_events_total", Counter, Count, [EVENT], Control, Always,
        "Events that servers sent.";
    REFRESHES = "chorus_metadata_refreshes_total", Counter, Count, [REFRESH_RESULT], Control, Always,
        "Reads of the system tables.";
    REACTOR_BUSY = "chorus_reactor_busy_seconds_total", Counter, Seconds, [REACTOR], Reactor, Always,
        "How long the reactor worked; its rate is the share of its time that it was busy.";
    REACTOR_TICKS = "chorus_reactor_ticks_total", Counter, Count, [REACTOR], Reactor, Always,
        "How often the reactor worked.";
    REACTOR_STALLS = "chorus_reactor_stalls_total", Counter, Count, [REACTOR], Reactor, Always,
        "Ticks of more than ten milliseconds, during which everybody else on the reactor waited.";
    REACTOR_TICK = "chorus_reactor_tick_seconds", Histogram(LATENCY_BUCKETS), Seconds, [], Reactor, Always,
        "How long reactors worked at a time.";
    ACTORS = "chorus_actors", Gauge, Count, [ACTOR], Metrics, Always,
        "Actors alive.";
    ACTOR_QUEUE_DEPTH = "chorus_actor_queue_depth", Gauge, Count, [ACTOR], Metrics, Always,
        "What waits in the queues of all actors of a kind: requests for coordinators and connections, messages in mailboxes for others.";
    ACTOR_QUEUE_DEPTH_MAX = "chorus_actor_queue_depth_max", Gauge, Count, [ACTOR], Metrics, Always,
        "What waits in the deepest queue of one actor of a kind.";
    ACTOR_QUEUE_WAIT = "chorus_actor_queue_wait_seconds", Histogram(LATENCY_BUCKETS), Seconds, [ACTOR], Metrics, Always,
        "How long it waited: requests from their callers to the coordinator, then in the queue of a connection; messages in mailboxes.";
    ACTOR_MESSAGES = "chorus_actor_messages_total", Counter, Count, [ACTOR], Metrics, Always,
        "Messages handled, or for coordinators and connections how often they worked.";
    ACTOR_STALLS = "chorus_actor_stalls_total", Counter, Count, [ACTOR], Metrics, Always,
        "Messages whose handling took more than ten milliseconds; coordinators and connections show as stalls of their reactor.";
    ACTOR_RESTARTS = "chorus_actor_restarts_total", Counter, Count, [ACTOR], Metrics, Always,
        "Panics caught in actors, those of policies as a rule; what was in hand failed, and the actor went on or was replaced.";
    STALE_REACTORS = "chorus_stale_reactors", Gauge, Count, [], Metrics, Always,
        "Reactors that did not answer the last collection in time; their numbers are missing from it.";
    BULK_ROWS = "chorus_bulk_rows_total", Counter, Count, [ROW_STAGE], Bulk, Always,
        "Rows of bulk loads by how far they came; read is the number of records, retried counts rows sent again.";
    BULK_REJECTED = "chorus_bulk_rejected_total", Counter, Count, [REJECT_STAGE], Bulk, Always,
        "Rows rejected: not a record, not fit for the table, refused by the server.";
    BULK_IN_FLIGHT = "chorus_bulk_in_flight", Gauge, Count, [], Bulk, Always,
        "Rows read whose outcome is not known yet.";
    BULK_LIMIT = "chorus_bulk_in_flight_limit", Gauge, Count, [], Bulk, Always,
        "The most rows that may be in flight now; less than asked for while servers are overloaded.";
    BULK_LIMITED_BY = "chorus_bulk_limited_by", Gauge, Count, [LIMIT], Bulk, Always,
        "1 for what keeps the load from going faster: the source, the window of rows in flight, servers that are overloaded or gone; none when it is over.";
    BULK_SOURCE_BYTES = "chorus_bulk_source_bytes_total", Counter, Bytes, [], Bulk, Always,
        "Bytes read of the source, as it lies on disk.";
    BULK_SOURCE_SIZE = "chorus_bulk_source_size_bytes", Gauge, Bytes, [], Bulk, Always,
        "Size of the source; 0 when unknown.";
    BULK_CHECKPOINT_AGE = "chorus_bulk_checkpoint_age_seconds", Gauge, Seconds, [], Bulk, Always,
        "How old the latest checkpoint of the load is, or the load while there is none; 0 for one that keeps none or is over.";
    BULK_CHECKPOINTS = "chorus_bulk_checkpoints_total", Counter, Count, [CHECKPOINT_OUTCOME], Bulk, Always,
        "Checkpoints by whether they could be written; the one before stays when one cannot.";
    PROCESS_CPU = "chorus_process_cpu_seconds_total", Counter, Seconds, [], Publisher, Always,
        "Processor time the whole program has used; 0 where the system does not tell.";
    PROCESS_MEMORY = "chorus_process_resident_memory_bytes", Gauge, Bytes, [], Publisher, Always,
        "Memory the whole program occupies; 0 where the system does not tell.";
    BUILD_INFO = "chorus_build_info", Gauge, Info, [VERSION], Metrics, Always,
        "Always 1; tells the version of the driver.";
}
