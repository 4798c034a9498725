#!/usr/bin/env python3
# drivers: cassandra-driver scylla-driver
# tls: yes
"""Everyday work through the Python driver, asserting every cell that is read back.

Usage: python_driver.py HOST:PORT [--user USER --password PASSWORD]
       [--tls-ca FILE --tls-cert FILE --tls-key FILE]

Runs unchanged with `cassandra-driver` and with `scylla-driver` (both install a package named
`cassandra`), against the embedded node and against Apache Cassandra. Exits non-zero at the first
difference.
"""

import argparse
import datetime
import decimal
import ssl
import sys
import uuid

from cassandra import AlreadyExists, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, BatchType, SimpleStatement, UNSET_VALUE, dict_factory
from cassandra.util import Date, Duration, Time, uuid_from_time

NOW = datetime.datetime(2026, 11, 23, 21, 55, 3, 123000)
TIME_UUID = uuid_from_time(1454781157.123, node=0x010203040506, clock_seq=0x2AA5)


class Address:
    """A user-defined type bound and read back as an object."""

    def __init__(self, street, zip):
        self.street = street
        self.zip = zip

    def __eq__(self, other):
        return (self.street, self.zip) == (other.street, other.zip)

    def __hash__(self):
        return hash((self.street, self.zip))

    def __repr__(self):
        return f"Address({self.street!r}, {self.zip!r})"


# column -> (CQL type, values that must survive a round trip)
CELLS = {
    "c_ascii": ("ascii", ["", "plain ascii"]),
    "c_bigint": ("bigint", [0, -(2**63), 2**63 - 1]),
    "c_blob": ("blob", [b"", b"\x00\xff\x80" * 5]),
    "c_boolean": ("boolean", [True, False]),
    "c_date": ("date", [Date("1970-01-01"), Date("2016-02-29"), Date("1901-12-31")]),
    "c_decimal": ("decimal", [decimal.Decimal("0"), decimal.Decimal("-112233.441191"), decimal.Decimal("1E+3")]),
    "c_double": ("double", [0.0, -1.5, 19432.125, float("inf"), 5e-324]),
    "c_duration": ("duration", [Duration(0, 0, 0), Duration(12, 30, 3600000000000), Duration(-1, -1, -1)]),
    "c_float": ("float", [0.0, -1.5, 19432.125]),
    "c_inet": ("inet", ["65.52.54.169", "2a00:1328:e102:ccc0::122"]),
    "c_int": ("int", [0, -(2**31), 2**31 - 1]),
    "c_smallint": ("smallint", [0, -32768, 32767]),
    "c_text": ("text", ["", "grüße, 世界", "quote ' \" and\nline"]),
    "c_time": ("time", [Time(0), Time(86399999999999)]),
    "c_timestamp": ("timestamp", [NOW, datetime.datetime(1970, 1, 1), datetime.datetime(1600, 1, 1)]),
    "c_timeuuid": ("timeuuid", [TIME_UUID]),
    "c_tinyint": ("tinyint", [0, -128, 127]),
    "c_uuid": ("uuid", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]),
    "c_varchar": ("varchar", ["v"]),
    "c_varint": ("varint", [0, -129, 2**63, 123456789123456789123456789]),
    "c_list": ("list<int>", [[1], [3, 1, 2, 1]]),
    "c_set": ("set<text>", [{"a"}, {"a", "b", "ü"}]),
    "c_map": ("map<text, int>", [{"a": 1}, {"a": 1, "b": -2}]),
    "c_frozen_list": ("frozen<list<bigint>>", [[], [1, 2, 3]]),
    "c_frozen_map": ("frozen<map<int, frozen<set<text>>>>", [{1: {"x", "y"}, 2: {"z"}}]),
    "c_nested": ("list<frozen<map<text, frozen<list<int>>>>>", [[{"a": [1, 2]}, {"b": []}]]),
    "c_tuple": ("tuple<int, text, boolean>", [(1, "a", True), (1, None, None)]),
    "c_udt": ("frozen<address>", [Address("Elm Street", 1428), Address(None, 7)]),
    "c_udts": ("list<frozen<address>>", [[Address("a", 1), Address("b", None)]]),
    "c_vector": ("vector<float, 3>", [[1.0, 2.0, 3.0]]),
    "c_vector_text": ("vector<text, 2>", [["abc", "de"]]),
}


def check(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


def plain(value):
    """Driver-specific containers as the plain Python value they stand for."""
    if isinstance(value, str) or isinstance(value, bytes) or value is None:
        return value
    if isinstance(value, Address):
        return value
    if hasattr(value, "items"):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)) or type(value).__name__ == "SortedSet":
        return frozenset(plain(v) for v in value)
    return value


def refused(what, error, call):
    try:
        call()
    except error:
        return
    except Exception as other:  # noqa: BLE001
        raise AssertionError(f"{what}: expected {error.__name__}, got {other!r}") from other
    raise AssertionError(f"{what}: expected {error.__name__}, but it succeeded")


def keyspace_and_types(session, keyspace):
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = "
        "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1} AND durable_writes = true"
    )
    refused(
        "a keyspace that exists",
        AlreadyExists,
        lambda: session.execute(
            f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        ),
    )
    session.set_keyspace(keyspace)
    session.execute("CREATE TYPE address (street text, zip int)")
    columns = ", ".join(f"{name} {cql}" for name, (cql, _) in CELLS.items())
    session.execute(f"CREATE TABLE every_type (id int PRIMARY KEY, {columns})")
    session.cluster.register_user_type(keyspace, "address", Address)


def schema_is_read(cluster, session, keyspace):
    session.execute(
        'CREATE TABLE places (region text, city text, at timestamp, "Mixed Case" int, name text static, '
        "tags set<text>, PRIMARY KEY ((region, city), at)) "
        "WITH CLUSTERING ORDER BY (at DESC) AND comment = 'it''s here'"
    )
    session.execute("CREATE INDEX places_mixed ON places (\"Mixed Case\")")
    cluster.refresh_schema_metadata()
    metadata = cluster.metadata.keyspaces[keyspace]
    table = metadata.tables["places"]
    check("partition key", [c.name for c in table.partition_key], ["region", "city"])
    check("clustering key", [(c.name, c.is_reversed) for c in table.clustering_key], [("at", True)])
    check("static column", table.columns["name"].is_static, True)
    check("column type", table.columns["tags"].cql_type, "set<text>")
    check("index", list(table.indexes), ["places_mixed"])
    check("comment", table.options["comment"], "it's here")
    check("user type", list(zip(metadata.user_types["address"].field_names, metadata.user_types["address"].field_types)),
          [("street", "text"), ("zip", "int")])
    exported = metadata.export_as_string()
    for part in ('CREATE TYPE', '"Mixed Case" int', "PRIMARY KEY ((region, city), at)", "CLUSTERING ORDER BY (at DESC)"):
        if part not in exported:
            raise AssertionError(f"exported schema lacks {part!r}:\n{exported}")
    for name, (cql, _) in CELLS.items():
        got = metadata.tables["every_type"].columns[name].cql_type
        expected = {"varchar": "text", "tuple<int, text, boolean>": "frozen<tuple<int, text, boolean>>"}.get(cql, cql)
        check(f"schema type of {name}", got, expected)
    session.execute("ALTER TABLE places ADD population bigint")
    cluster.refresh_schema_metadata()
    columns = cluster.metadata.keyspaces[keyspace].tables["places"].columns
    check("added column", columns["population"].cql_type, "bigint")
    check("indexes are dropped", session.execute("DROP INDEX places_mixed").column_names, None)


def every_type(session, protocol_version):
    names = list(CELLS)
    if protocol_version < 4:
        # Unset and the four types below came with version 4.
        names = [n for n in names if CELLS[n][0] not in ("date", "time", "smallint", "tinyint", "duration")]
    insert = session.prepare(
        f"INSERT INTO every_type (id, {', '.join(names)}) VALUES (?, {', '.join('?' for _ in names)})"
    )
    select = session.prepare(f"SELECT {', '.join(names)} FROM every_type WHERE id = ?")
    rounds = max(len(values) for _, values in CELLS.values())
    for i in range(rounds):
        row = {n: CELLS[n][1][i % len(CELLS[n][1])] for n in names}
        session.execute(insert, [i] + [row[n] for n in names])
        (got,) = session.execute(select, [i])
        for n in names:
            check(f"row {i}, {n}", plain(getattr(got, n)), plain(row[n]))
    session.execute(insert, [1000] + [None] * len(names))
    (got,) = session.execute(select, [1000])
    for n in names:
        check(f"null in {n}", getattr(got, n), None)
    if protocol_version >= 4:
        session.execute(insert, [0] + [UNSET_VALUE] * len(names))
        (got,) = session.execute(select, [0])
        for n in names:
            check(f"unset keeps {n}", plain(getattr(got, n)), plain(CELLS[n][1][0]))
    (got,) = session.execute("SELECT * FROM every_type WHERE id = 1")
    for n in names:
        check(f"unprepared {n}", plain(getattr(got, n)), plain(CELLS[n][1][1 % len(CELLS[n][1])]))
    check("all rows", session.execute("SELECT count(*) FROM every_type").one()[0], rounds + 1)
    session.execute("TRUNCATE every_type")
    check("truncated", session.execute("SELECT count(*) FROM every_type").one()[0], 0)


def literals(session):
    session.execute(
        "INSERT INTO every_type (id, c_ascii, c_bigint, c_blob, c_boolean, c_date, c_decimal, c_double, c_duration, c_float, "
        "c_inet, c_int, c_smallint, c_text, c_time, c_timestamp, c_timeuuid, c_tinyint, c_uuid, c_varint, c_list, c_set, c_map, "
        "c_frozen_list, c_tuple, c_udt, c_vector) VALUES (1, 'a', -5, 0x00ff, true, '2016-02-29', -1.50, 1e-3, 1mo2d3h, 2.5, "
        "'10.0.0.1', 7, -7, 'it''s', '12:30:00.5', '2026-11-23T21:55:03.123Z', 6877a530-ccfa-11e5-aaa5-010203040506, 3, "
        "00000000-0000-0000-0000-000000000001, 99999999999999999999, [1, 2], {'x', 'y'}, {'k': 1}, [9], (1, 't', false), "
        "{street: 's', zip: 5}, [1, 2, 3.5])"
    )
    (row,) = session.execute("SELECT * FROM every_type WHERE id = 1")
    expected = {
        "c_ascii": "a", "c_bigint": -5, "c_blob": b"\x00\xff", "c_boolean": True, "c_date": Date("2016-02-29"),
        "c_decimal": decimal.Decimal("-1.50"), "c_double": 0.001, "c_duration": Duration(1, 2, 3 * 3600 * 10**9),
        "c_float": 2.5, "c_inet": "10.0.0.1", "c_int": 7, "c_smallint": -7, "c_text": "it's",
        "c_time": Time("12:30:00.5"), "c_timestamp": NOW, "c_timeuuid": TIME_UUID, "c_tinyint": 3, "c_uuid": uuid.UUID(int=1),
        "c_varint": 99999999999999999999, "c_list": [1, 2], "c_set": {"x", "y"}, "c_map": {"k": 1}, "c_frozen_list": [9],
        "c_tuple": (1, "t", False), "c_udt": Address("s", 5), "c_vector": [1.0, 2.0, 3.5], "c_varchar": None,
    }
    for name, value in expected.items():
        check(f"literal {name}", plain(getattr(row, name)), plain(value))
    refused("a text for an int", InvalidRequest, lambda: session.execute("INSERT INTO every_type (id, c_int) VALUES (2, 'x')"))
    refused("an unknown table", InvalidRequest, lambda: session.execute("SELECT * FROM nowhere"))
    refused("an unknown column", InvalidRequest, lambda: session.execute("SELECT nope FROM every_type"))
    refused("not CQL", SyntaxException, lambda: session.execute("SELEC 1"))
    session.execute("TRUNCATE every_type")


def paging(session):
    session.execute("CREATE TABLE measured (sensor int, seq int, value double, PRIMARY KEY (sensor, seq))")
    insert = session.prepare("INSERT INTO measured (sensor, seq, value) VALUES (?, ?, ?)")
    expected = {(s, q): s * 1000 + q / 4 for s in range(7) for q in range(150)}
    futures = [session.execute_async(insert, (s, q, v)) for (s, q), v in expected.items()]
    for future in futures:
        future.result()
    for size in (1000, 100, 33, 1050):
        statement = SimpleStatement("SELECT sensor, seq, value FROM measured", fetch_size=size)
        rows = [(r.sensor, r.seq, r.value) for r in session.execute(statement)]
        check(f"rows in pages of {size}", len(rows), len(expected))
        check(f"cells in pages of {size}", {(s, q): v for s, q, v in rows}, expected)
        for sensor in range(7):
            check("clustering order", [q for s, q, _ in rows if s == sensor], list(range(150)))
    first = session.execute(SimpleStatement("SELECT seq FROM measured WHERE sensor = 3", fetch_size=40))
    check("first page", [r.seq for r in first.current_rows], list(range(40)))
    rest = session.execute(
        SimpleStatement("SELECT seq FROM measured WHERE sensor = 3", fetch_size=200), paging_state=first.paging_state
    )
    check("resumed from a paging state", [r.seq for r in rest], list(range(40, 150)))
    prepared = session.prepare("SELECT seq FROM measured WHERE sensor = ? AND seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?")
    prepared.fetch_size = 7
    check("range, reversed, limited, paged", [r.seq for r in session.execute(prepared, (2, 20, 90, 30))], list(range(89, 59, -1)))
    check("count", session.execute("SELECT count(*) FROM measured").one()[0], len(expected))
    check("count of one partition", session.execute("SELECT count(*) FROM measured WHERE sensor = 4").one()[0], 150)
    token_rows = session.execute("SELECT sensor, token(sensor) AS t FROM measured PER PARTITION LIMIT 1")
    tokens = [r.t for r in token_rows]
    check("partitions in token order", tokens, sorted(tokens))
    check("one row per partition", len(tokens), 7)


def changes(session):
    session.execute("CREATE TABLE users (name text PRIMARY KEY, age int, tags set<text>, notes list<text>, attributes map<text, text>)")
    session.execute("INSERT INTO users (name, age) VALUES (%s, %s)", ("ann", 30))
    session.execute("UPDATE users SET age = 31, tags = tags + {'x', 'y'}, notes = ['one'] + notes, attributes['k'] = 'v' WHERE name = 'ann'")
    session.execute("UPDATE users SET tags = tags - {'x'}, notes = notes + ['two'] WHERE name = 'ann'")
    session.row_factory = dict_factory
    row = session.execute("SELECT * FROM users WHERE name = 'ann'").one()
    check("updated", {k: plain(v) for k, v in row.items()},
          {"name": "ann", "age": 31, "tags": frozenset({"y"}), "notes": ["one", "two"], "attributes": {"k": "v"}})
    session.execute("DELETE age, attributes['k'] FROM users WHERE name = 'ann'")
    row = session.execute("SELECT age, attributes FROM users WHERE name = 'ann'").one()
    check("deleted cells", row, {"age": None, "attributes": None})
    session.execute("DELETE FROM users WHERE name = 'ann'")
    check("deleted row", session.execute("SELECT * FROM users WHERE name = 'ann'").one(), None)
    check("inserted if absent", session.execute("INSERT INTO users (name, age) VALUES ('bob', 1) IF NOT EXISTS").one(), {"[applied]": True})
    row = session.execute("INSERT INTO users (name, age) VALUES ('bob', 2) IF NOT EXISTS").one()
    check("not inserted again", (row["[applied]"], row["name"], row["age"]), (False, "bob", 1))
    row = session.execute("UPDATE users SET age = 5 WHERE name = 'bob' IF age = 2").one()
    check("condition failed", row, {"[applied]": False, "age": 1})
    check("condition held", session.execute("UPDATE users SET age = 5 WHERE name = 'bob' IF age = 1").one(), {"[applied]": True})
    check("changed", session.execute("SELECT age FROM users WHERE name = 'bob'").one(), {"age": 5})
    session.execute("INSERT INTO users (name, age) VALUES ('tim', 1) USING TIMESTAMP 2000000")
    session.execute("INSERT INTO users (name, age) VALUES ('tim', 2) USING TIMESTAMP 1000000")
    row = session.execute("SELECT age, writetime(age) AS w FROM users WHERE name = 'tim'").one()
    check("the later timestamp wins", row, {"age": 1, "w": 2000000})
    session.execute("INSERT INTO users (name, age) VALUES ('ttl', 1) USING TTL 1000")
    left = session.execute("SELECT ttl(age) AS left FROM users WHERE name = 'ttl'").one()["left"]
    if not 990 <= left <= 1000:
        raise AssertionError(f"ttl left: {left}")
    rows = session.execute("SELECT name FROM users WHERE name IN ('bob', 'tim', 'nobody')")
    check("IN", sorted(r["name"] for r in rows), ["bob", "tim"])


def batches(session):
    session.execute("CREATE TABLE ledger (account int, entry int, amount varint, total varint static, PRIMARY KEY (account, entry))")
    insert = session.prepare("INSERT INTO ledger (account, entry, amount) VALUES (?, ?, ?)")
    for kind in (BatchType.LOGGED, BatchType.UNLOGGED):
        batch = BatchStatement(batch_type=kind)
        for entry in range(20):
            batch.add(insert, (int(kind.value), entry, 10**30 + entry))
        batch.add(SimpleStatement("UPDATE ledger SET total = %s WHERE account = %s"), (77, int(kind.value)))
        session.execute(batch)
        rows = list(session.execute("SELECT * FROM ledger WHERE account = %s", (int(kind.value),)))
        check("batch rows", [(r["entry"], r["amount"], r["total"]) for r in rows], [(e, 10**30 + e, 77) for e in range(20)])
    session.execute(
        "BEGIN BATCH INSERT INTO ledger (account, entry, amount) VALUES (9, 1, 1); "
        "DELETE FROM ledger WHERE account = 0 AND entry = 5; APPLY BATCH"
    )
    check("batch as text", session.execute("SELECT count(*) AS n FROM ledger WHERE account = 0").one(), {"n": 19})
    session.execute("CREATE TABLE hits (page text PRIMARY KEY, n counter)")
    session.execute("UPDATE hits SET n = n + 5 WHERE page = 'a'")
    session.execute("UPDATE hits SET n = n - 2 WHERE page = 'a'")
    increment = session.prepare("UPDATE hits SET n = n + ? WHERE page = ?")
    batch = BatchStatement(batch_type=BatchType.COUNTER)
    batch.add(increment, (10, "a"))
    batch.add(increment, (-4, "b"))
    session.execute(batch)
    check("counters", {r["page"]: r["n"] for r in session.execute("SELECT page, n FROM hits")}, {"a": 13, "b": -4})


def re_preparing(session):
    """A statement prepared before its table changed goes on working."""
    session.execute("CREATE TABLE evolving (id int PRIMARY KEY, a int)")
    session.execute("INSERT INTO evolving (id, a) VALUES (1, 2)")
    everything = session.prepare("SELECT * FROM evolving WHERE id = ?")
    check("before", session.execute(everything, [1]).one(), {"id": 1, "a": 2})
    session.execute("ALTER TABLE evolving ADD b text")
    session.execute("INSERT INTO evolving (id, a, b) VALUES (1, 3, 'x')")
    row = session.execute(everything, [1]).one()
    if row["a"] != 3:
        raise AssertionError(f"after ALTER: {row!r}")


def run(address, arguments, protocol_version, compression):
    host, port = address.rsplit(":", 1)
    auth = PlainTextAuthProvider(arguments.user, arguments.password) if arguments.user else None
    cluster = Cluster(
        [host], port=int(port), compression=compression, auth_provider=auth,
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()), connect_timeout=10,
        ssl_context=arguments.tls,
        **({"protocol_version": protocol_version} if protocol_version else {}),
    )
    keyspace = f"foreign_py_{protocol_version or 'any'}_{str(compression or 'default').lower()}"
    try:
        session = cluster.connect()
        session.default_timeout = 30
        version = cluster.protocol_version
        hosts = cluster.metadata.all_hosts()
        check("hosts are up", all(h.is_up for h in hosts), True)
        check("tokens are known", len(cluster.metadata.token_map.ring) >= len(hosts), True)
        keyspace_and_types(session, keyspace)
        schema_is_read(cluster, session, keyspace)
        every_type(session, version)
        literals(session)
        paging(session)
        changes(session)
        batches(session)
        re_preparing(session)
        session.execute(f"DROP KEYSPACE {keyspace}")
        cluster.refresh_schema_metadata()
        check("dropped keyspace", keyspace in cluster.metadata.keyspaces, False)
        print(f"ok: protocol v{version}, compression {compression}, {len(hosts)} host(s)")
    finally:
        cluster.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--tls-ca")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    arguments = parser.parse_args()
    arguments.tls = None
    if arguments.tls_ca:
        arguments.tls = ssl.create_default_context(cafile=arguments.tls_ca)
        arguments.tls.check_hostname = True
        arguments.tls.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    import cassandra
    from cassandra.connection import locally_supported_compressions

    print(f"driver {cassandra.__version__}, compressions {list(locally_supported_compressions)}")
    run(arguments.address, arguments, None, True)
    for version in (3, 4):
        for compression in [*locally_supported_compressions, False]:
            run(arguments.address, arguments, version, compression)
    run(arguments.address, arguments, 5, False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
