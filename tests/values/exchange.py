"""The other side of `exchange.rs`: asserts every cell that Chorus wrote, and writes the same for Chorus to read.

Usage: exchange.py HOST:PORT [--encrypted], with `cassandra-driver` and `cryptography`. Exits non-zero at the first difference.
"""

import collections
import datetime
import decimal
import sys
import uuid

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import ColDesc, RoundRobinPolicy
from cassandra.util import Date, Duration, OrderedMap, SortedSet, Time

Place = collections.namedtuple("Place", ["name", "spot"])

CELLS = {
    "ascii_plain": "plain",
    "ascii_empty": "",
    "bigint_min": -(2**63),
    "bigint_max": 2**63 - 1,
    "blob_bytes": b"\x00\xff\x80",
    "blob_empty": b"",
    "boolean_true": True,
    "date_leap": Date(datetime.date(2016, 2, 29)),
    "date_min": Date(-(2**31)),
    "date_max": Date(2**31 - 1),
    "decimal_small": decimal.Decimal("-112233.441191"),
    "decimal_exponent": decimal.Decimal("1E+3"),
    "decimal_large": decimal.Decimal(2**127 - 1).scaleb(-20, decimal.Context(prec=60)),
    "double_least": 5e-324,
    "double_infinite": float("-inf"),
    "duration_zero": Duration(0, 0, 0),
    "duration_long": Duration(12, 30, 3600000000000),
    "duration_min": Duration(-(2**31) + 1, -(2**31) + 1, -(2**63) + 1),
    "float_half": -1.5,
    "inet_four": "65.52.54.169",
    "inet_six": "2a00:1328:e102:ccc0::122",
    "int_min": -(2**31),
    "int_max": 2**31 - 1,
    "smallint_min": -(2**15),
    "tinyint_max": 127,
    "text_wide": "grüße, 世界 \U0010ffff",
    "text_empty": "",
    "time_min": Time(0),
    "time_max": Time(86399999999999),
    "timestamp_now": datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=1795470903123),
    "timestamp_old": datetime.datetime(1600, 1, 1),
    "timeuuid_one": uuid.UUID("6877a530-ccfa-11e5-aaa5-010203040506"),
    "uuid_max": uuid.UUID(int=2**128 - 1),
    "varint_small": -129,
    "varint_large": -(2**127),
    "list_empty": [],
    "list_some": [3, 1, 2],
    "set_some": {"a", "ü"},
    "map_some": {"a": 1, "b": -2},
    "tuple_null": (1, None),
    "vector_floats": [1.0, 2.0, 3.5],
    "vector_texts": ["abc", ""],
    "udt_some": Place("Oslo", (59.9, None)),
    "udts": [Place("a", None), Place("b", None)],
    "deep_maps": [{"a": {1, 2}}, {}],
    "deep_tuples": {7: [("x", Time(1))]},
    "deep_keys": OrderedMap([(SortedSet([(1, "x")]), decimal.Decimal("0.5"))]),
}

KEY, VECTOR = bytes(range(32)), bytes(range(16, 32))


def plain(value):
    """A value without the driver's own containers, in which order does not count where it does not count in CQL."""
    if isinstance(value, (SortedSet, set, frozenset)):
        return ("set", sorted((plain(item) for item in value), key=repr))
    if isinstance(value, (OrderedMap, dict)):
        return ("map", sorted(((plain(key), plain(item)) for key, item in value.items()), key=repr))
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return value.as_tuple()
    return value


def same(name, found, expected):
    if plain(found) != plain(expected):
        raise AssertionError(f"{name}: {found!r} is not {expected!r}")


def exchange_cells(session):
    names = list(CELLS)
    select = session.prepare(f"SELECT {', '.join(names)} FROM cells WHERE id = ?")
    row = session.execute(select, (1,)).one()
    for name, found in zip(names, row):
        same(name, found, CELLS[name])
    if any(found is not None for found in session.execute(select, (3,)).one()):
        raise AssertionError("row 3 should be null")
    insert = session.prepare(f"INSERT INTO cells (id, {', '.join(names)}) VALUES (?{', ?' * len(names)})")
    session.execute(insert, [2, *CELLS.values()])
    session.execute(insert, [4] + [None] * len(names))
    same("counter", session.execute("SELECT n FROM counts WHERE id = 1").one().n, 5)
    session.execute("UPDATE counts SET n = n + 7 WHERE id = 1")


def exchange_secrets(session):
    select = session.prepare("SELECT secret, score FROM secrets WHERE id = ?")
    same("secrets", tuple(session.execute(select, (1,)).one()), ("from chorus", 7))
    insert = session.prepare("INSERT INTO secrets (id, secret, score) VALUES (?, ?, ?)")
    session.execute(insert, (2, "from python", 8))
    select = session.prepare("SELECT note FROM keyed WHERE key = ?")
    same("keyed", session.execute(select, ("key of chorus",)).one().note, "by chorus")
    insert = session.prepare("INSERT INTO keyed (key, note) VALUES (?, ?)")
    session.execute(insert, ("key of chorus", "seen by python"))
    session.execute(insert, ("key of python", "by python"))


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    options = {}
    encrypted = "--encrypted" in sys.argv[2:]
    if encrypted:
        from cassandra.column_encryption.policies import AES256ColumnEncryptionPolicy

        policy = AES256ColumnEncryptionPolicy(iv=VECTOR)
        policy.add_column(ColDesc("exchange", "secrets", "secret"), KEY, "text")
        policy.add_column(ColDesc("exchange", "secrets", "score"), KEY, "int")
        policy.add_column(ColDesc("exchange", "keyed", "key"), KEY, "text")
        options["column_encryption_policy"] = policy
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=30)
    cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile}, **options)
    session = cluster.connect("exchange")
    exchange_cells(session)
    if encrypted:
        exchange_secrets(session)
    cluster.shutdown()


if __name__ == "__main__":
    main()
