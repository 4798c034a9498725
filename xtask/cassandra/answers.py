"""Writes and reads one row of a server with its own driver: the server that the tests get is the real one."""

import sys

from cassandra.cluster import Cluster

host, port = sys.argv[1].rsplit(":", 1)
cluster = Cluster([host], port=int(port), connect_timeout=20)
session = cluster.connect()
version = session.execute("SELECT release_version FROM system.local").one().release_version
session.execute(
    "CREATE KEYSPACE IF NOT EXISTS xtask WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
)
session.execute("CREATE TABLE IF NOT EXISTS xtask.answers (id int PRIMARY KEY, word text)", timeout=60)
session.execute(session.prepare("INSERT INTO xtask.answers (id, word) VALUES (?, ?)"), (1, version))
assert session.execute("SELECT word FROM xtask.answers WHERE id = 1").one().word == version
session.execute("DROP KEYSPACE xtask", timeout=60)
cluster.shutdown()
print(f"Cassandra {version}")
