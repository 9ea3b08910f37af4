"""mlxtts-ws as a process, and clients of it."""

from __future__ import annotations

import json
import re
import signal
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.conftest import environment

STARTING = 240  # seconds; on a GPU kernels are compiled first
SHORT = "Yes."
LONG = "The first sentence is here. " * 40


class Server:
    """A running server. `address` is what it says that it listens at."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[str] = []
        self.address = ""
        self._ready = threading.Event()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        assert self._ready.wait(STARTING)
        assert self.address, self.said

    @property
    def http(self) -> str:
        return self.address.replace("ws", "http", 1)

    def client(self, path: str = "/", **options: Any) -> ClientConnection:
        return connect(
            self.address + path, max_size=None, open_timeout=60, close_timeout=2, **options
        )

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """A status and a body."""
        try:
            request = urllib.request.Request(self.http + path, headers=headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        match = re.search(rf"^mlxtts_{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.M)
        assert match, name
        return float(match[1])

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(signum)
        status = self.process.wait(60)
        self._listening.join(10)
        return status

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line.decode().rstrip("\n"))
            if match := re.search(r"listening on (\S+)", self.said[-1]):
                self.address = match[1]
                self._ready.set()
        self._ready.set()


@contextmanager
def visited(*options: str) -> Iterator[Server]:
    """One that its visitors leave as they found it."""
    with running(*options) as server:
        yield server
        eventually(lambda: server.metric("rows_busy") == server.metric("connections") == 0)
        assert server.end() == 0


def as_from_a_shell() -> None:
    """Whatever began the tests, such as nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def running(*options: str, stdin: int | None = None, **more: str) -> Iterator[Server]:
    with subprocess.Popen(
        ["mlxtts-ws", "-v", "--host", "127.0.0.1", "--port", "0", *options],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**more),
        preexec_fn=as_from_a_shell,
    ) as process:
        try:
            yield Server(process)
        finally:
            process.kill()
        assert process.stdout
        assert process.stdout.read() == b""


def start(ws: ClientConnection, text: str | None = SHORT, **options: Any) -> None:
    send(ws, type="start", text=text, **options)


def send(ws: ClientConnection, **message: Any) -> None:
    ws.send(json.dumps(message))


def receive(ws: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message that is not sound, which is of this kind."""
    while isinstance(data := ws.recv(60), bytes):
        pass
    message: dict[str, Any] = json.loads(data)
    assert message["type"] == kind, message
    return message


def listen(ws: ClientConnection, until: str = "stream_complete") -> tuple[bytes, dict[str, Any]]:
    """The samples that come until such a message, and that. No other message comes."""
    sound, ended = b"", False
    while isinstance(data := ws.recv(60), bytes):
        magic, rate, samples, channels = struct.unpack_from("<4s3I", data)
        assert (magic, rate, channels, len(data)) == (b"PCM0", 24_000, 1, 16 + 4 * samples)
        assert not ended
        ended = samples == 0
        sound += data[16:]
    message = json.loads(data)
    assert message["type"] == until, message
    assert ended == (until == "stream_complete")
    return sound, message


def speak(ws: ClientConnection, text: str = SHORT, **options: Any) -> bytes:
    start(ws, text, **options)
    receive(ws, "stream_started")
    sound, told = listen(ws)
    assert told["samples"] == len(sound) // 4 > 0
    return sound


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not so for long"
        time.sleep(0.02)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)
