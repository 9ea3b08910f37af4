"""what 10,000 clients of every bad manner leave in a server: nothing

They vanish, stop, replace their streams, read slowly or not at all, babble, send too much, break
frames and HTTP, and now and then listen (tests/serve/chaos.py). Rows, connections, threads, open
files and memory of the server after each tenth of them, when all is quiet.
"""

import time

from tests.bench.common import table
from tests.serve import chaos
from tests.serve.servers import eventually, running, speak

CLIENTS = 10_000
ROUNDS = 10
AT_A_TIME = 60


def main() -> None:
    names = ("connections", "rows_busy", "streams_running", "streams_waiting")
    rows = []
    options = ["--max-text", "1000", "--queue", "20", "--ping", "2"]
    with running(*options) as server:
        pid = server.process.pid
        with server.client() as ws:
            speak(ws)
        begun = time.perf_counter()
        for number in range(ROUNDS + 1):
            if number:
                chaos.torment(server.address, CLIENTS // ROUNDS, AT_A_TIME, number)
            eventually(lambda: not any(map(server.metric, names)), 60)
            rows.append(
                [
                    number * CLIENTS // ROUNDS,
                    f"{time.perf_counter() - begun:.0f}",
                    *(f"{server.metric(name):.0f}" for name in names),
                    chaos.threads(pid),
                    chaos.descriptors(pid),
                    f"{chaos.resident(pid):.0f}",
                ]
            )
        with server.client() as ws:
            speak(ws)
        started = server.metric("streams_started_total")
        assert server.end() == 0
    table(["clients", "s", *names, "threads", "files", "MiB"], rows)
    print(f"\n{started:.0f} streams were started; a normal one afterwards was spoken; exit 0.")
