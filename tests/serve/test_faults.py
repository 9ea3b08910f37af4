"""A server after clients of every bad manner: as before. tests/bench/faults.py does more of it."""

import sys

import pytest

from tests.serve import chaos
from tests.serve.servers import eventually, running, speak

CLIENTS = 60


def test_a_write_to_a_connection_that_was_reset_is_no_reason_to_die() -> None:
    with running() as server:
        assert chaos.torment(server.address, 8, 8, 0, [chaos.Client.vanishes]).total() == 8
        with server.client() as ws:
            speak(ws)
        assert server.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_nothing_is_left_of_bad_clients() -> None:
    options = ["--max-text", "1000", "--queue", "20", "--ping", "2"]
    with running(*options) as server:
        pid = server.process.pid
        with server.client() as ws:
            speak(ws)

        def quiet() -> bool:
            names = ("connections", "rows_busy", "streams_running", "streams_waiting")
            return not any(map(server.metric, names))

        counts = []
        for seed in (1, 2):
            assert chaos.torment(server.address, CLIENTS, 30, seed).total() == CLIENTS
            eventually(quiet)
            counts.append((chaos.threads(pid), chaos.descriptors(pid), chaos.resident(pid)))
        (threads, descriptors, memory), (threads_now, descriptors_now, memory_now) = counts
        assert threads_now == threads
        assert descriptors_now <= descriptors + 2
        assert memory_now < memory + 40
        with server.client() as ws:
            speak(ws)
        assert server.end() == 0
        lines = {line.partition(": ")[2].rpartition(": ")[2] for line in server.said}
        assert {line for line in lines if "Error" in line or "xception" in line} == set()
