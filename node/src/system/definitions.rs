//! The system tables' columns, as Apache Cassandra 5.0 has them.
//!
//! Columns are in the order of `SELECT *`: partition key, clustering key, the rest by name. Rows are built in that order.

/// `system`: this node and its peers.
pub(crate) const SYSTEM: &[&str] = &[
    "CREATE TABLE local (key text PRIMARY KEY, bootstrapped text, broadcast_address inet, broadcast_port int, \
     cluster_name text, cql_version text, data_center text, gossip_generation int, host_id uuid, listen_address inet, \
     listen_port int, native_protocol_version text, partitioner text, rack text, release_version text, \
     rpc_address inet, rpc_port int, schema_version uuid, tokens set<text>, truncated_at map<uuid, blob>) \
     WITH comment = 'information about the local node'",
    "CREATE TABLE peers (peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text, \
     release_version text, rpc_address inet, schema_version uuid, tokens set<text>) \
     WITH comment = 'information about known peers in the cluster'",
    "CREATE TABLE peers_v2 (peer inet, peer_port int, data_center text, host_id uuid, native_address inet, \
     native_port int, preferred_ip inet, preferred_port int, rack text, release_version text, schema_version uuid, \
     tokens set<text>, PRIMARY KEY (peer, peer_port)) \
     WITH comment = 'information about known peers in the cluster'",
    "CREATE TABLE built_views (keyspace_name text, view_name text, status_replicated boolean, \
     PRIMARY KEY (keyspace_name, view_name)) WITH comment = 'built views'",
    "CREATE TABLE \"IndexInfo\" (table_name text, index_name text, value blob, PRIMARY KEY (table_name, index_name)) \
     WITH comment = 'built column indexes'",
    "CREATE TABLE prepared_statements (prepared_id blob PRIMARY KEY, logged_keyspace text, query_string text) \
     WITH comment = 'prepared statements'",
    "CREATE TABLE size_estimates (keyspace_name text, table_name text, range_start text, range_end text, \
     mean_partition_size bigint, partitions_count bigint, \
     PRIMARY KEY (keyspace_name, table_name, range_start, range_end)) \
     WITH comment = 'per-table primary range size estimates'",
];

/// `system` in Cassandra 2.2: nobody tells ports, and there are no virtual tables.
pub(crate) const SYSTEM_22: &[&str] = &[
    "CREATE TABLE local (key text PRIMARY KEY, bootstrapped text, broadcast_address inet, cluster_name text, \
     cql_version text, data_center text, gossip_generation int, host_id uuid, listen_address inet, \
     native_protocol_version text, partitioner text, rack text, release_version text, rpc_address inet, \
     schema_version uuid, thrift_version text, tokens set<text>, truncated_at map<uuid, blob>) \
     WITH comment = 'information about the local node'",
    "CREATE TABLE peers (peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text, \
     release_version text, rpc_address inet, schema_version uuid, tokens set<text>) \
     WITH comment = 'information about known peers in the cluster'",
    "CREATE TABLE \"IndexInfo\" (table_name text, index_name text, PRIMARY KEY (table_name, index_name)) \
     WITH comment = 'built column indexes'",
];

/// What `system` has beyond that in ScyllaDB.
pub(crate) const SCYLLA: &[&str] =
    &["CREATE TABLE client_routes (connection_id text, host_id uuid, address text, port int, tls_port int, \
     PRIMARY KEY (connection_id, host_id)) WITH comment = 'routes by which clients reach nodes'"];

/// `system_schema`: what CREATE statements made.
pub(crate) const SYSTEM_SCHEMA: &[&str] = &[
    "CREATE TABLE keyspaces (keyspace_name text PRIMARY KEY, durable_writes boolean, \
     replication frozen<map<text, text>>) WITH comment = 'keyspace definitions'",
    "CREATE TABLE tables (keyspace_name text, table_name text, additional_write_policy text, \
     allow_auto_snapshot boolean, bloom_filter_fp_chance double, caching frozen<map<text, text>>, cdc boolean, \
     comment text, compaction frozen<map<text, text>>, compression frozen<map<text, text>>, crc_check_chance double, \
     dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>, \
     flags frozen<set<text>>, gc_grace_seconds int, id uuid, incremental_backups boolean, max_index_interval int, \
     memtable text, memtable_flush_period_in_ms int, min_index_interval int, read_repair text, \
     read_repair_chance double, speculative_retry text, PRIMARY KEY (keyspace_name, table_name)) \
     WITH comment = 'table definitions'",
    "CREATE TABLE columns (keyspace_name text, table_name text, column_name text, clustering_order text, \
     column_name_bytes blob, kind text, position int, type text, \
     PRIMARY KEY (keyspace_name, table_name, column_name)) WITH comment = 'column definitions'",
    "CREATE TABLE column_masks (keyspace_name text, table_name text, column_name text, \
     function_argument_nulls frozen<list<boolean>>, function_argument_types frozen<list<text>>, \
     function_argument_values frozen<list<text>>, function_keyspace text, function_name text, \
     PRIMARY KEY (keyspace_name, table_name, column_name)) WITH comment = 'column dynamic data masks'",
    "CREATE TABLE dropped_columns (keyspace_name text, table_name text, column_name text, dropped_time timestamp, \
     kind text, type text, PRIMARY KEY (keyspace_name, table_name, column_name)) \
     WITH comment = 'dropped column registry'",
    "CREATE TABLE triggers (keyspace_name text, table_name text, trigger_name text, options frozen<map<text, text>>, \
     PRIMARY KEY (keyspace_name, table_name, trigger_name)) WITH comment = 'trigger definitions'",
    "CREATE TABLE views (keyspace_name text, view_name text, additional_write_policy text, \
     allow_auto_snapshot boolean, base_table_id uuid, base_table_name text, bloom_filter_fp_chance double, \
     caching frozen<map<text, text>>, cdc boolean, comment text, compaction frozen<map<text, text>>, \
     compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double, \
     default_time_to_live int, extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid, \
     include_all_columns boolean, incremental_backups boolean, max_index_interval int, memtable text, \
     memtable_flush_period_in_ms int, min_index_interval int, read_repair text, read_repair_chance double, \
     speculative_retry text, where_clause text, PRIMARY KEY (keyspace_name, view_name)) \
     WITH comment = 'view definitions'",
    "CREATE TABLE indexes (keyspace_name text, table_name text, index_name text, kind text, \
     options frozen<map<text, text>>, PRIMARY KEY (keyspace_name, table_name, index_name)) \
     WITH comment = 'secondary index definitions'",
    "CREATE TABLE types (keyspace_name text, type_name text, field_names frozen<list<text>>, \
     field_types frozen<list<text>>, PRIMARY KEY (keyspace_name, type_name)) \
     WITH comment = 'user defined type definitions'",
    "CREATE TABLE functions (keyspace_name text, function_name text, argument_types frozen<list<text>>, \
     argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text, return_type text, \
     PRIMARY KEY (keyspace_name, function_name, argument_types)) WITH comment = 'user defined function definitions'",
    "CREATE TABLE aggregates (keyspace_name text, aggregate_name text, argument_types frozen<list<text>>, \
     final_func text, initcond text, return_type text, state_func text, state_type text, \
     PRIMARY KEY (keyspace_name, aggregate_name, argument_types)) \
     WITH comment = 'user defined aggregate definitions'",
];

/// What `system_schema` has beyond that in ScyllaDB.
pub(crate) const SCYLLA_SCHEMA: &[&str] = &[
    "CREATE TABLE scylla_keyspaces (keyspace_name text PRIMARY KEY, consistency text, initial_tablets int, \
     storage_options frozen<map<text, text>>, storage_type text) WITH comment = 'what ScyllaDB adds to keyspaces'",
];

/// `system_traces`: what requests with the tracing flag did.
pub(crate) const SYSTEM_TRACES: &[&str] = &[
    "CREATE TABLE sessions (session_id uuid PRIMARY KEY, client inet, command text, coordinator inet, \
     coordinator_port int, duration int, parameters map<text, text>, request text, started_at timestamp) \
     WITH comment = 'tracing sessions'",
    "CREATE TABLE events (session_id uuid, event_id timeuuid, activity text, source inet, source_elapsed int, \
     source_port int, thread text, PRIMARY KEY (session_id, event_id)) WITH comment = 'tracing events'",
];

/// `system_virtual_schema`: the tables that are not stored anywhere.
pub(crate) const SYSTEM_VIRTUAL_SCHEMA: &[&str] = &[
    "CREATE TABLE keyspaces (keyspace_name text PRIMARY KEY) WITH comment = 'virtual keyspace definitions'",
    "CREATE TABLE tables (keyspace_name text, table_name text, comment text, \
     PRIMARY KEY (keyspace_name, table_name)) WITH comment = 'virtual table definitions'",
    "CREATE TABLE columns (keyspace_name text, table_name text, column_name text, clustering_order text, \
     column_name_bytes blob, kind text, position int, type text, \
     PRIMARY KEY (keyspace_name, table_name, column_name)) WITH comment = 'virtual column definitions'",
];

/// `system_views`: what the node is doing.
pub(crate) const SYSTEM_VIEWS: &[&str] =
    &["CREATE TABLE settings (name text PRIMARY KEY, value text) WITH comment = 'current settings'"];
