#!/usr/bin/env python3
# drivers: cqlsh
"""What people type into cqlsh: DESCRIBE, schema changes, queries, a paged table, COPY from and to a file.

Usage: cqlsh.py HOST:PORT [--user USER --password PASSWORD]

Runs the `cqlsh` that is installed beside this Python, and compares what it prints. Exits non-zero at the first difference.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile

KEYSPACE = "foreign_cqlsh"

# What cqlsh always says about versions and passwords.
HARMLESS = ("WARNING: cqlsh was built", "Warning: Using a password", "Recommendation: use the credentials")


class Shell:
    def __init__(self, arguments):
        host, port = arguments.address.rsplit(":", 1)
        beside = os.path.join(os.path.dirname(sys.executable), "cqlsh")
        self.command = [beside if os.path.exists(beside) else "cqlsh", host, port, "--no-color", "--request-timeout", "30"]
        if arguments.user:
            self.command += ["-u", arguments.user, "-p", arguments.password]

    def run(self, statements, keyspace=None, fails=False):
        """Feeds statements to one cqlsh and returns what it printed."""
        command = self.command + (["-k", keyspace] if keyspace else [])
        done = subprocess.run(
            command, input=statements.rstrip(";\n") + ";\n", capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONWARNINGS": "ignore", "COLUMNS": "200"},
        )
        problems = [line for line in done.stderr.splitlines() if line and not line.startswith(HARMLESS)]
        if bool(done.returncode != 0 or problems) != fails:
            raise AssertionError(f"cqlsh ended with {done.returncode}\n{statements}\n{done.stdout}\n{done.stderr}")
        return done.stdout + (done.stderr if fails else "")


def contains(output, *parts):
    for part in parts:
        if part not in output:
            raise AssertionError(f"expected {part!r} in what cqlsh printed:\n{output}")


def rows(output):
    """The cells of the one table in the output."""
    lines = output.splitlines()
    rule = next(i for i, line in enumerate(lines) if line.strip() and set(line.strip()) <= set("-+"))
    cells = [[cell.strip() for cell in lines[rule - 1].split("|")]]
    for line in lines[rule + 1:]:
        if not line.strip():
            break
        cells.append([cell.strip() for cell in line.split("|")])
    return cells


def check(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: expected {str(expected)[:2000]}, got {str(got)[:2000]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--user")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    shell = Shell(arguments)

    contains(shell.run("SHOW VERSION\nSHOW HOST\n"), "CQL spec 3.4", "Native protocol v5", "Connected to")
    shell.run(f"DROP KEYSPACE IF EXISTS {KEYSPACE};")
    shell.run(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}};\n"
        f"USE {KEYSPACE};\n"
        "CREATE TYPE address (street text, \"Zip\" int);\n"
        "CREATE TABLE people (region text, id int, home frozen<address>, langs set<text>, born date, motto text static, "
        "score decimal, PRIMARY KEY (region, id)) WITH CLUSTERING ORDER BY (id DESC) AND comment = 'it''s people';\n"
        "CREATE INDEX people_score ON people (score);\n"
        "CREATE TABLE hits (page text PRIMARY KEY, n counter);\n"
    )

    contains(shell.run("DESCRIBE KEYSPACES"), KEYSPACE, "system_schema", "system_virtual_schema")
    contains(shell.run("DESCRIBE TABLES", KEYSPACE), "people", "hits")
    contains(shell.run("DESCRIBE TYPES", KEYSPACE), "address")
    contains(shell.run("DESCRIBE CLUSTER"), "Cluster: ", "Partitioner: Murmur3Partitioner")
    contains(shell.run("DESCRIBE TYPE address", KEYSPACE), f'CREATE TYPE {KEYSPACE}.address (\n    street text,\n    "Zip" int\n);')
    contains(
        shell.run(f"DESCRIBE TABLE {KEYSPACE}.people"),
        f"CREATE TABLE {KEYSPACE}.people (\n    region text,\n    id int,\n    motto text static,\n    born date,\n"
        "    home frozen<address>,\n    score decimal,\n    langs set<text>,\n    PRIMARY KEY (region, id)\n"
        ") WITH CLUSTERING ORDER BY (id DESC)\n    AND additional_write_policy = '99p'",
        "AND comment = 'it''s people'",
        "AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', "
        "'max_threshold': '32', 'min_threshold': '4'}",
        "AND speculative_retry = '99p';",
        f"CREATE INDEX people_score ON {KEYSPACE}.people (score);",
    )
    whole = shell.run(f"DESCRIBE KEYSPACE {KEYSPACE}")
    contains(
        whole,
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': '1'}}"
        "  AND durable_writes = true;",
        f"CREATE TABLE {KEYSPACE}.hits (\n    page text PRIMARY KEY,\n    n counter\n) WITH additional_write_policy",
    )
    contains(shell.run("DESCRIBE SCHEMA"), whole.strip().splitlines()[0])
    contains(shell.run("DESCRIBE TABLE system.local"), "CREATE TABLE system.local (", "tokens set<text>")
    contains(shell.run(f"DESCRIBE TABLE {KEYSPACE}.nothing", fails=True), "'nothing' not found in")

    shell.run(
        "INSERT INTO people (region, id, home, langs, born, motto, score) "
        "VALUES ('north', 1, {street: 'Elm', \"Zip\": 5}, {'en', 'de'}, '2001-02-03', 'on', 1.50);\n"
        "INSERT INTO people (region, id) VALUES ('north', 2);\n"
        "UPDATE hits SET n = n + 3 WHERE page = 'p';\n"
        "BEGIN BATCH INSERT INTO people (region, id) VALUES ('south', 7); "
        "UPDATE people SET motto = 'off' WHERE region = 'south'; APPLY BATCH;\n",
        KEYSPACE,
    )
    output = shell.run("SELECT region, id, motto, born, home, langs, score FROM people WHERE region = 'north';", KEYSPACE)
    check("rows of a partition", rows(output), [
        ["region", "id", "motto", "born", "home", "langs", "score"],
        ["north", "2", "on", "null", "null", "null", "null"],
        ["north", "1", "on", "2001-02-03", "{street: 'Elm', Zip: 5}", "{'de', 'en'}", "1.50"],
    ])
    contains(output, "(2 rows)")
    check("counter", rows(shell.run("SELECT * FROM hits;", KEYSPACE)), [["page", "n"], ["p", "3"]])
    contains(shell.run("SELECT * FROM nothing;", KEYSPACE, fails=True), "InvalidRequest", "nothing")
    contains(shell.run("SELEC;", KEYSPACE, fails=True), "SyntaxException")
    contains(shell.run("CONSISTENCY QUORUM\nSELECT id FROM people WHERE region = 'south';", KEYSPACE), "QUORUM", "(1 rows)")
    check("if not exists", rows(shell.run("INSERT INTO people (region, id) VALUES ('south', 7) IF NOT EXISTS;", KEYSPACE))[1][0], "False")

    shell.run("CREATE TABLE copied (k int PRIMARY KEY, v text, d double);", KEYSPACE)
    with tempfile.TemporaryDirectory() as directory:
        source, target = os.path.join(directory, "in.csv"), os.path.join(directory, "out.csv")
        expected = {(str(k), f"value, {k}", str(k + 0.25)) for k in range(500)}
        with open(source, "w", newline="") as file:
            csv.writer(file).writerows(sorted(expected))
        contains(shell.run(f"COPY copied (k, v, d) FROM '{source}';", KEYSPACE), "500 rows imported")
        contains(shell.run("SELECT count(*) FROM copied;", KEYSPACE), "500")
        contains(shell.run("PAGING 100\nSELECT k FROM copied;", KEYSPACE), "(500 rows)")
        contains(shell.run(f"COPY copied (k, v, d) TO '{target}';", KEYSPACE), "500 rows exported")
        with open(target, newline="") as file:
            check("what was copied out", {tuple(row) for row in csv.reader(file)}, expected)

    contains(shell.run("TRACING ON\nSELECT * FROM hits WHERE page = 'p';", KEYSPACE), "Tracing session:")
    shell.run(f"DROP INDEX {KEYSPACE}.people_score; ALTER TABLE {KEYSPACE}.hits WITH comment = 'c'; DROP KEYSPACE {KEYSPACE};")
    if KEYSPACE in shell.run("DESCRIBE KEYSPACES"):
        raise AssertionError("the keyspace is still there")
    print("ok: cqlsh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
