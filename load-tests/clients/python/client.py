"""The same scenarios with the Python driver; prints what the Rust clients print."""

import argparse
import itertools
import json
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
WARM_UP, MEASURED, OVER = range(3)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--contact-point", required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm-up", type=float, default=0.5)
    parser.add_argument("--hand-shake", action="store_true")
    return parser.parse_args()


class Clock(threading.Thread):
    """Goes from the warm-up to the measured part to the end; the load does not pause between them."""

    def __init__(self, options):
        super().__init__(daemon=True)
        self.options, self.phase = options, WARM_UP
        self.start()

    def run(self):
        time.sleep(self.options.warm_up)
        if self.options.hand_shake:
            print("ready", flush=True)
            sys.stdin.readline()
        started, cpu = time.perf_counter(), time.process_time()
        self.phase = MEASURED
        time.sleep(self.options.seconds)
        self.seconds, self.cpu = time.perf_counter() - started, time.process_time() - cpu
        self.phase = OVER


class Callers:
    """`count` requests in flight: each answer's callback sends the next."""

    def __init__(self, send, count, clock):
        self.send, self.clock = send, clock
        self.ids, self.latencies, self.errors = itertools.count(), [], []
        self.running, self.done, self.lock = count, threading.Event(), threading.Lock()
        for _ in range(count):
            self.next()
        self.done.wait()
        if self.errors:
            raise self.errors[0]

    def next(self):
        phase = self.clock.phase
        if phase == OVER or self.errors:
            with self.lock:
                self.running -= 1
                if self.running == 0:
                    self.done.set()
            return
        started = time.perf_counter()

        def answered(_):
            if phase == MEASURED:
                self.latencies.append(time.perf_counter() - started)
            self.next()

        def failed(error):
            self.errors.append(error)
            self.next()

        self.send(next(self.ids)).add_callbacks(answered, failed)


def work(session, options, statement, clock):
    """Operations and latencies of the measured part."""
    operations = 0
    if options.scenario in ("concurrent", "bulk"):

        def rows():
            nonlocal operations
            for index in range(CHUNK):
                operations += clock.phase == MEASURED
                yield index, PAYLOAD

        while clock.phase != OVER:
            execute_concurrent_with_args(session, statement, rows(), concurrency=100)
        return operations, []
    values = {"insert": lambda id: (id, PAYLOAD), "read": lambda id: (id,), "page": lambda _: ()}[options.scenario]
    if options.concurrency > 1:
        callers = Callers(lambda id: session.execute_async(statement, values(id)), options.concurrency, clock)
        return len(callers.latencies), callers.latencies
    latencies = []
    for id in itertools.count():
        phase = clock.phase
        if phase == OVER:
            return operations, latencies
        started = time.perf_counter()
        result = session.execute(statement, values(id))
        if phase == MEASURED:
            operations += len(result.current_rows) if options.scenario == "page" else 1
            latencies.append(time.perf_counter() - started)


def main():
    options = arguments()
    host, port = options.contact_point.rsplit(":", 1)
    cluster = Cluster([host], port=int(port), protocol_version=4, compression=False)
    session = cluster.connect()
    text = {"read": READ, "page": PAGE}.get(options.scenario, INSERT)
    statement = session.prepare(text)
    clock = Clock(options)
    operations, latencies = work(session, options, statement, clock)
    clock.join()
    latencies.sort()

    def quantile(q):
        return latencies[min(int(len(latencies) * q), len(latencies) - 1)] * 1e6 if latencies else None

    report = {
        "operations": operations,
        "seconds": clock.seconds,
        "operations_per_second": operations / clock.seconds,
        "cpu_us_per_operation": clock.cpu / max(operations, 1) * 1e6,
        "cpu_percent": clock.cpu / clock.seconds * 100,
        "p50_us": quantile(0.5),
        "p99_us": quantile(0.99),
        "p999_us": quantile(0.999),
        "peak_resident_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(report), flush=True)
    if options.hand_shake:
        sys.stdin.readline()
    cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
