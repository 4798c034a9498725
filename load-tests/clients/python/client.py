"""The same scenarios with the Python driver; prints what the Rust clients print."""

import argparse
import itertools
import json
import os
import resource
import sys
import threading
import time

from cassandra.cluster import Cluster
from cassandra.concurrent import execute_concurrent_with_args

INSERT = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)"
READ = "SELECT id, payload FROM bench.kv WHERE id = ?"
PAGE = "SELECT id, payload FROM bench.kv"
PAYLOAD = b"\x70" * 100
CHUNK = 20_000


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--contact-point", required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm-up", type=float, default=0.5)
    parser.add_argument("--cores", default="")
    return parser.parse_args()


class Callers:
    """`count` requests in flight: each answer's callback sends the next."""

    def __init__(self, send, count, seconds):
        self.send, self.deadline = send, time.perf_counter() + seconds
        self.ids, self.latencies, self.errors = itertools.count(), [], []
        self.running, self.done, self.lock = count, threading.Event(), threading.Lock()
        for _ in range(count):
            self.next()
        self.done.wait()
        if self.errors:
            raise self.errors[0]

    def next(self):
        if time.perf_counter() >= self.deadline or self.errors:
            with self.lock:
                self.running -= 1
                if self.running == 0:
                    self.done.set()
            return
        started = time.perf_counter()

        def answered(_):
            self.latencies.append(time.perf_counter() - started)
            self.next()

        def failed(error):
            self.errors.append(error)
            self.next()

        self.send(next(self.ids)).add_callbacks(answered, failed)


def phase(session, scenario, statement, concurrency, seconds):
    """Operations and latencies of one phase."""
    deadline = time.perf_counter() + seconds
    if scenario in ("concurrent", "bulk"):
        operations = 0
        while time.perf_counter() < deadline:
            rows = ((operations + index, PAYLOAD) for index in range(CHUNK))
            execute_concurrent_with_args(session, statement, rows, concurrency=100)
            operations += CHUNK
        return operations, []
    values = {"insert": lambda id: (id, PAYLOAD), "read": lambda id: (id,), "page": lambda _: ()}[scenario]
    if concurrency > 1:
        callers = Callers(lambda id: session.execute_async(statement, values(id)), concurrency, seconds)
        return len(callers.latencies), callers.latencies
    operations, latencies = 0, []
    while (started := time.perf_counter()) < deadline:
        result = session.execute(statement, values(len(latencies)))
        operations += len(result.current_rows) if scenario == "page" else 1
        latencies.append(time.perf_counter() - started)
    return operations, latencies


def main():
    options = arguments()
    if options.cores:
        os.sched_setaffinity(0, {int(core) for core in options.cores.split(",")})
    host, port = options.contact_point.rsplit(":", 1)
    cluster = Cluster([host], port=int(port), protocol_version=4)
    session = cluster.connect()
    text = {"read": READ, "page": PAGE}.get(options.scenario, INSERT)
    statement = session.prepare(text)
    warm_up, _ = phase(session, options.scenario, statement, options.concurrency, options.warm_up)
    started, cpu = time.perf_counter(), time.process_time()
    operations, latencies = phase(session, options.scenario, statement, options.concurrency, options.seconds)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    latencies.sort()

    def quantile(q):
        return latencies[min(int(len(latencies) * q), len(latencies) - 1)] * 1e6 if latencies else None

    report = {
        "operations": operations,
        "all_operations": operations + warm_up,
        "seconds": seconds,
        "operations_per_second": operations / seconds,
        "cpu_us_per_operation": cpu / max(operations, 1) * 1e6,
        "p50_us": quantile(0.5),
        "p99_us": quantile(0.99),
        "p999_us": quantile(0.999),
        "allocations_per_operation": None,
        "peak_resident_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(report))
    cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
