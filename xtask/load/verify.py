"""Compares a table with the CSV file that was loaded into it, cell by cell, with somebody else's driver.

Usage: verify.py HOST:PORT KEYSPACE.TABLE KEY,COLUMNS NULL FILE
"""

import csv
import datetime
import decimal
import ipaddress
import struct
import sys
import uuid

import cassandra.util
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement, dict_factory


def timestamp(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


PARSERS = {
    "tinyint": int,
    "smallint": int,
    "int": int,
    "bigint": int,
    "varint": int,
    "double": float,
    "float": lambda text: struct.unpack("f", struct.pack("f", float(text)))[0],
    "decimal": decimal.Decimal,
    "boolean": lambda text: text.lower() == "true",
    "text": str,
    "ascii": str,
    "timestamp": timestamp,
    "date": lambda text: cassandra.util.Date(text),
    "time": lambda text: cassandra.util.Time(text),
    "uuid": uuid.UUID,
    "timeuuid": uuid.UUID,
    "inet": lambda text: str(ipaddress.ip_address(text)),
}


def opened(path):
    if path.endswith(".zst"):
        import io

        import zstandard

        return io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(open(path, "rb")), "utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def main():
    server, name, key, null, path = sys.argv[1:]
    host, port = server.rsplit(":", 1)
    keyspace, table = name.split(".")
    key = key.split(",")
    cluster = Cluster([host], port=int(port), connect_timeout=30)
    session = cluster.connect()
    columns = cluster.metadata.keyspaces[keyspace].tables[table].columns
    parsers = {column: PARSERS[details.cql_type] for column, details in columns.items()}
    session.row_factory = dict_factory
    query = SimpleStatement(f"SELECT * FROM {keyspace}.{table}", fetch_size=5000)
    stored, read = {}, 0
    for row in session.execute(query, timeout=120):
        stored[tuple(row[column] for column in key)] = row
        read += 1
    if read != len(stored):
        sys.exit(f"{read} rows were read, but only {len(stored)} keys")
    differences = cells = rows = 0
    for line in csv.DictReader(opened(path)):
        rows += 1
        wanted = {column: None if text == null else parsers[column](text) for column, text in line.items()}
        row = stored.pop(tuple(wanted[column] for column in key), None)
        for column, value in wanted.items():
            cells += 1
            if row is None or row[column] != value:
                differences += 1
                if differences <= 10:
                    print(f"row {rows}, {column}: {value!r} in the file, {row and row[column]!r} in the table")
    cluster.shutdown()
    if differences or stored:
        sys.exit(f"{differences} cells differ, {len(stored)} rows of the table are not in the file")
    print(f"{rows} rows, {cells} cells, types {sorted({details.cql_type for details in columns.values()})}")


if __name__ == "__main__":
    main()
