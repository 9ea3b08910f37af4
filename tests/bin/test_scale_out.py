"""Two servers behind HAProxy, as README says: one is killed, and only its own clients notice."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.conftest import ROOT, needs
from tests.serve.servers import Server, eventually, listen, receive, running, speak, start

README = (ROOT / "README.md").read_text()
CONFIGURATION = re.search(r"```haproxy\n(.*?)```", README, re.DOTALL)
TEXT = "This is one of them. And this is another. And that is all."


@contextmanager
def balancer(folder: Path, servers: list[Server]) -> Iterator[str]:
    """README's configuration, for these servers; its address."""
    assert CONFIGURATION
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = CONFIGURATION[1].replace("bind :8765", f"bind 127.0.0.1:{port}")
    for host, server in zip(("tts1:8765", "tts2:8765"), servers, strict=True):
        assert lines.count(host) == 1
        lines = lines.replace(host, server.address.removeprefix("ws://"))
    (folder / "haproxy.cfg").write_text(lines)
    with subprocess.Popen(
        ["haproxy", "-q", "-f", folder / "haproxy.cfg"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"ws://127.0.0.1:{port}"
        finally:
            process.kill()


def reach(address: str) -> ClientConnection:
    """A connection, as soon as a server has been found to live."""
    end = time.monotonic() + 60
    while True:
        try:
            return connect(address, max_size=None, open_timeout=60, close_timeout=2).__enter__()
        except (OSError, InvalidHandshake):
            assert time.monotonic() < end
            time.sleep(0.1)


@needs("haproxy")
def test_two_servers_behind_haproxy(tmp_path: Path) -> None:
    with running() as first, running() as second, balancer(tmp_path, [first, second]) as address:
        clients = []
        with ExitStack() as stack:
            for _ in range(4):
                clients.append(stack.enter_context(reach(address)))
            # by least connections
            eventually(lambda: first.metric("connections") == second.metric("connections") == 2)
            for ws in clients:
                start(ws, TEXT)
            for ws in clients:
                receive(ws, "stream_started")
            first.process.kill()
            whole, broken = [], 0
            for ws in clients:
                try:
                    whole.append(listen(ws)[1]["samples"])
                except ConnectionClosed:
                    broken += 1
            assert broken == 2
            assert whole == [whole[0]] * 2
            assert whole[0] > 24_000
            for _ in range(3):
                with reach(address) as ws:
                    assert speak(ws)
            assert second.metric("streams_completed_total") == 5


@needs("haproxy")
def test_a_proxy_passes_on_what_it_was_called(tmp_path: Path) -> None:
    allowed = ["--no-preload", "--allow-host", "speech.example.org"]
    with running(*allowed) as one, running(*allowed) as two, balancer(tmp_path, [one, two]) as here:
        reach(here).close()
        there = ("127.0.0.1", int(here.rpartition(":")[2]))
        with connect("ws://speech.example.org", sock=socket.create_connection(there)) as ws:
            ws.ping().wait(60)
        with pytest.raises(InvalidStatus) as caught:
            connect("ws://example.org", sock=socket.create_connection(there))
        assert caught.value.response.status_code == 403


@needs("haproxy")
def test_a_server_that_drains_gets_no_new_clients(tmp_path: Path) -> None:
    with (
        running() as first,
        running() as second,
        balancer(tmp_path, [first, second]) as address,
        reach(address) as ws,
        reach(address) as other,
    ):
        eventually(lambda: first.metric("connections") == second.metric("connections") == 1)
        for client in (ws, other):
            start(client, TEXT)
            receive(client, "stream_started")
        first.process.terminate()
        eventually(lambda: first.get("/healthz")[0] == 503)
        for _ in range(2):
            with reach(address) as late:
                assert speak(late)
        assert listen(ws)[1]["samples"] == listen(other)[1]["samples"]
        assert first.process.wait(60) == 0
