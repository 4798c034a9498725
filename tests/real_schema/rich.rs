//! A keyspace with one of everything that Cassandra 5 knows.

pub(crate) const KEYSPACE: &str = "chorus_rich";

/// What makes it. `ks` stands for the keyspace.
pub(crate) const STATEMENTS: &[&str] = &[
    "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1} AND durable_writes = false",
    "CREATE TYPE ks.zone (name text, \"Since\" date)",
    "CREATE TYPE ks.address (street text, zone frozen<zone>, phones frozen<set<text>>, \
     tags frozen<map<text, frozen<list<int>>>>)",
    // By name before what it is made of.
    "CREATE TYPE ks.\"Odd Type\" (a int, \"select\" vector<float, 3>, t frozen<tuple<int, frozen<address>>>)",
    "CREATE TABLE ks.plain (k int PRIMARY KEY, v text)",
    "ALTER TABLE ks.plain DROP v",
    "ALTER TABLE ks.plain ADD w int",
    "CREATE TRIGGER \"OnWrite\" ON ks.plain USING 'chorus.DoNothing'",
    "CREATE TABLE ks.\"MixedCase\" (\"Ke\"\"y\" text, \"select\" int, c1 timeuuid, c2 int, s text static, \
     sm map<int, int> static, v frozen<address>, w address, l list<frozen<zone>>, m map<text, frozen<zone>>, st set<int>, \
     tup tuple<int, text>, vec vector<float, 5>, fl frozen<list<int>>, d duration, i inet, b blob, dec decimal, big varint, \
     PRIMARY KEY ((\"Ke\"\"y\", \"select\"), c1, c2)) WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC) \
     AND comment = 'it''s a \"comment\" with $$ and; semicolons\n\nand */ newlines' \
     AND default_time_to_live = 3600 AND gc_grace_seconds = 1000 \
     AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': '64'} \
     AND compression = {'class': 'ZstdCompressor', 'compression_level': '5'} \
     AND caching = {'keys': 'NONE', 'rows_per_partition': '10'} AND speculative_retry = '50ms' \
     AND additional_write_policy = 'NEVER' AND read_repair = 'NONE' AND bloom_filter_fp_chance = 0.00008 \
     AND crc_check_chance = 0.5 AND min_index_interval = 256 AND max_index_interval = 4096 \
     AND memtable_flush_period_in_ms = 60000",
    "CREATE TABLE ks.hits (page text, day date, hits counter, PRIMARY KEY (page, day))",
    "CREATE TABLE ks.docs (id uuid PRIMARY KEY, title text, body text, near vector<float, 4>, tags set<text>, \
     attrs map<text, text>, frozen_attrs frozen<map<text, text>>, n int, lines list<int>)",
    "CREATE INDEX docs_n ON ks.docs (n)",
    "CREATE INDEX docs_entries ON ks.docs (entries(attrs))",
    "CREATE INDEX docs_keys ON ks.docs (keys(attrs))",
    "CREATE INDEX docs_tags ON ks.docs (values(tags))",
    "CREATE INDEX docs_full ON ks.docs (full(frozen_attrs))",
    "CREATE INDEX \"DocsTitle\" ON ks.docs (title) USING 'sai' \
     WITH OPTIONS = {'case_sensitive': 'false', 'normalize': 'true', 'ascii': 'true'}",
    "CREATE CUSTOM INDEX docs_near ON ks.docs (near) USING 'StorageAttachedIndex' \
     WITH OPTIONS = {'similarity_function': 'cosine'}",
    "CREATE CUSTOM INDEX docs_body ON ks.docs (body) USING 'org.apache.cassandra.index.sasi.SASIIndex' \
     WITH OPTIONS = {'mode': 'CONTAINS', 'analyzer_class': 'org.apache.cassandra.index.sasi.analyzer.StandardAnalyzer'}",
    "CREATE INDEX mixed_s ON ks.\"MixedCase\" (s)",
    "CREATE INDEX mixed_key ON ks.\"MixedCase\" (\"Ke\"\"y\")",
    "CREATE MATERIALIZED VIEW ks.docs_by_n AS SELECT id, n, title FROM ks.docs WHERE n IS NOT NULL AND id IS NOT NULL \
     PRIMARY KEY (n, id) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'a view' AND gc_grace_seconds = 5000",
    "CREATE MATERIALIZED VIEW ks.\"AllDocs\" AS SELECT * FROM ks.docs WHERE title IS NOT NULL AND id IS NOT NULL \
     PRIMARY KEY ((title), id)",
    "CREATE MATERIALIZED VIEW ks.mixed_by_c1 AS SELECT \"select\", c2, c1, \"Ke\"\"y\", b FROM ks.\"MixedCase\" \
     WHERE c1 IS NOT NULL AND \"Ke\"\"y\" IS NOT NULL AND \"select\" IS NOT NULL AND c2 IS NOT NULL \
     PRIMARY KEY ((c1, \"select\"), \"Ke\"\"y\", c2)",
    "CREATE FUNCTION ks.plus (a int, b int) CALLED ON NULL INPUT RETURNS int LANGUAGE java \
     AS $$ if (a == null) return b; return b == null ? a : a + b; $$",
    "CREATE FUNCTION ks.plus (a bigint, b bigint) RETURNS NULL ON NULL INPUT RETURNS bigint LANGUAGE java \
     AS $$ return a + b; $$",
    "CREATE FUNCTION ks.zone_name (z zone) RETURNS NULL ON NULL INPUT RETURNS text LANGUAGE java \
     AS 'return z.getString(\"name\") + \"''\";'",
    "CREATE FUNCTION ks.dollars (\"In\" list<frozen<zone>>, v vector<float, 3>) CALLED ON NULL INPUT RETURNS text \
     LANGUAGE java AS 'return \"$$\";'",
    "CREATE FUNCTION ks.never () CALLED ON NULL INPUT RETURNS map<text, frozen<list<int>>> LANGUAGE java \
     AS $$ return null; $$",
    "CREATE FUNCTION ks.\"AvgState\" (state tuple<int, bigint>, val int) CALLED ON NULL INPUT RETURNS tuple<int, bigint> \
     LANGUAGE java AS $$ if (val != null) { state.setInt(0, state.getInt(0) + 1); \
     state.setLong(1, state.getLong(1) + val.intValue()); } return state; $$",
    "CREATE FUNCTION ks.avg_final (state tuple<int, bigint>) CALLED ON NULL INPUT RETURNS double LANGUAGE java \
     AS $$ return state.getInt(0) == 0 ? null : (double) state.getLong(1) / state.getInt(0); $$",
    "CREATE AGGREGATE ks.average (int) SFUNC \"AvgState\" STYPE tuple<int, bigint> FINALFUNC avg_final INITCOND (0, 0)",
    "CREATE AGGREGATE ks.\"Total\" (int) SFUNC plus STYPE int INITCOND 0",
    "CREATE AGGREGATE ks.\"Total\" (bigint) SFUNC plus STYPE bigint INITCOND 7",
    "CREATE TABLE ks.masked (k int PRIMARY KEY, name text MASKED WITH mask_inner(1, null), card text MASKED WITH DEFAULT, \
     w text MASKED WITH mask_replace('x y'), at date MASKED WITH mask_replace('1970-01-01'))",
    "CREATE TABLE ks.compact_dense (k int, c int, v text, PRIMARY KEY (k, c)) WITH COMPACT STORAGE",
    "CREATE TABLE ks.compact_static (k int PRIMARY KEY, v text, w int) WITH COMPACT STORAGE",
    "CREATE TABLE ks.compact_keys (k int, c int, PRIMARY KEY (k, c)) WITH COMPACT STORAGE",
    "CREATE TABLE ks.compact_counter (k int PRIMARY KEY, v counter, w counter) WITH COMPACT STORAGE",
    "CREATE INDEX compact_v ON ks.compact_static (v)",
    "CREATE TABLE ks.of_types (k frozen<address> PRIMARY KEY, n frozen<map<text, frozen<set<frozen<zone>>>>>, \
     tt tuple<text, frozen<list<frozen<zone>>>>, o \"Odd Type\", vv vector<frozen<zone>, 2>, vt vector<text, 3>)",
    "CREATE TABLE ks.bare (k int PRIMARY KEY) WITH compression = {'enabled': 'false'} AND incremental_backups = false \
     AND allow_auto_snapshot = false",
    "CREATE TABLE ks.unified (k int PRIMARY KEY) \
     WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4, L10'}",
];

/// The statements for this keyspace.
pub(crate) fn statements(keyspace: &str) -> impl Iterator<Item = String> {
    let (dotted, spaced) = (format!("{keyspace}."), format!("KEYSPACE {keyspace} "));
    STATEMENTS.iter().map(move |text| text.replace("ks.", &dotted).replace("KEYSPACE ks ", &spaced))
}
