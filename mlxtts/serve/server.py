"""Listening, signals and the end: one process that serves one part (app.Part) until it is told not
to. This module knows uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import signal
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from mlxtts import output
from mlxtts.errors import MlxttsError, UsageError, subject
from mlxtts.serve.app import Part
from mlxtts.serve.transport import Http, WebSockets

SEND_BUFFER = 1 << 17  # bytes in the kernel; what is in there cannot be called back
BACKLOG = 1024
LEAVE = 1.0  # seconds for clients to take leave at the end
REFUSED = "ASGI callable returned without completing handshake."  # of a refusal that is complete
TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ServerError(MlxttsError):
    """What ended a server that nobody had told to end."""


@dataclass(frozen=True)
class Place:
    """Where to listen: at a path, or at a host and port (0: any that is free)."""

    host: str = "localhost"
    port: int = 8765
    unix: str | None = None
    tls: ssl.SSLContext | None = None

    @property
    def network(self) -> str | None:
        """The host, if anybody could call it by another name: with TLS, the name is certified."""
        return None if self.unix or self.tls else self.host


@dataclass(frozen=True)
class Manner:
    """max_message: bytes; ping: seconds between two; grace: seconds that streams have to end."""

    max_message: int = 1 << 20
    ping: float = 20.0
    grace: float = 30.0


class Uvicorn(uvicorn.Server):
    """Without its own ways with signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(
    app: Starlette, part: Part, place: Place, manner: Manner, log: Callable[[str], None]
) -> None:
    """Serve until SIGTERM, then drain, or until the part has ended. Raises OSError if there is no
    listening at `place`, what starting the part does, and what it ends by, if not well. Any other
    deadly signal, and a second SIGTERM, is passed on to the handler that was there before."""
    logging.basicConfig(handlers=[_Lines(log)], level=logging.WARNING, force=True)
    sockets, file = listen(place), _file(place)
    output.expect_sockets()
    before = {signum: signal.getsignal(signum) for signum in TOLD}
    deadly = None
    try:
        deadly = asyncio.run(_serve(app, part, place, manner, sockets, log))
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        if place.unix and _file(place) == file:  # else it is another server's
            Path(place.unix).unlink(missing_ok=True)
        if not deadly:
            part.close()
    if deadly:
        signal.raise_signal(deadly)


async def _serve(
    app: Starlette,
    part: Part,
    place: Place,
    manner: Manner,
    sockets: list[socket.socket],
    log: Callable[[str], None],
) -> int | None:
    """The signal that it is to die of, if any."""
    told = _signals()
    starting = asyncio.create_task(part.start())
    first = asyncio.create_task(told.get())
    await asyncio.wait([starting, first], return_when=asyncio.FIRST_COMPLETED)
    if first.done():
        starting.cancel()
        return first.result() if first.result() != signal.SIGTERM else None
    starting.result()
    server = Uvicorn(_config(app, place, manner))
    serving = asyncio.create_task(server.serve(sockets))
    for bound in sockets:
        log(f"listening on {_address(bound, place)}")
    failing = asyncio.create_task(part.failed())
    await asyncio.wait([first, failing, serving], return_when=asyncio.FIRST_COMPLETED)
    deadly = await _end(part, manner, told, first, failing)
    server.should_exit = True
    await serving
    if failing.done() and (error := failing.result()):
        raise _expected(error)
    return deadly


def _expected(error: BaseException) -> BaseException:
    if isinstance(error, (MlxttsError, OSError)):
        return error
    return ServerError(f"the model failed: {type(error).__name__}: {error}")


async def _end(
    part: Part,
    manner: Manner,
    told: asyncio.Queue[int],
    first: asyncio.Task[int],
    failing: asyncio.Task[BaseException | None],
) -> int | None:
    """Drain, unless there is no time; the signal that it is to die of, if any."""
    deadly = first.result() if first.done() and first.result() != signal.SIGTERM else None
    if not deadly and not failing.done():
        draining = asyncio.create_task(part.drain())
        second = asyncio.create_task(told.get())
        await asyncio.wait(
            [draining, second, failing], timeout=manner.grace, return_when=asyncio.FIRST_COMPLETED
        )
        draining.cancel()
        deadly = second.result() if second.done() else None
        second.cancel()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(part.stop(), LEAVE)
    return deadly


def _signals() -> asyncio.Queue[int]:
    told: asyncio.Queue[int] = asyncio.Queue()
    for signum in TOLD:
        if signal.getsignal(signum) != signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(signum, told.put_nowait, signum)
    return told


def _config(app: Starlette, place: Place, manner: Manner) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Http,
        ws=WebSockets,
        ws_max_size=manner.max_message,
        ws_ping_interval=manner.ping,
        ws_ping_timeout=3 * manner.ping,
        ws_per_message_deflate=False,  # samples do not get smaller by it
        ssl_certfile="given" if place.tls else None,
        ssl_context_factory=(lambda *_: place.tls) if place.tls else None,  # type: ignore[arg-type]
        loop="asyncio",
        lifespan="off",
        log_config=None,
        backlog=BACKLOG,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def listen(place: Place) -> list[socket.socket]:
    """Sockets that listen at the place: who comes waits until it is served, and another server is
    told that it is taken. Raises OSError, with the place as its subject."""
    if place.unix:
        with subject(place.unix):
            return [_listen_unix(place.unix)]
    with subject(f"{place.host} port {place.port}"):
        return _listen_tcp(place.host, place.port)


def _listen_tcp(host: str, port: int) -> list[socket.socket]:
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    bound: list[socket.socket] = []
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=kind, flags=flags):
        sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((address[0], port, *address[2:]))
            sock.listen(BACKLOG)
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRNOTAVAIL and bound:
                continue  # such as ::1 where there is no IPv6
            raise
        port = port or sock.getsockname()[1]
        bound.append(sock)
    return bound


def _listen_unix(path: str) -> socket.socket:
    """A socket that a server left behind makes room; one that is in use does not."""
    with _alone(Path(path).parent):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(Path(path).stat().st_mode):
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                    if not other.connect_ex(path):
                        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                Path(path).unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(path)
        sock.listen(BACKLOG)
    return sock


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Servers that begin at the same time look for a socket in there one after another."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # some file systems have no locks
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _file(place: Place) -> tuple[int, int] | None:
    """Which one is at its path, if any."""
    with contextlib.suppress(OSError):
        if place.unix:
            found = Path(place.unix).stat()
            return found.st_dev, found.st_ino
    return None


def _address(bound: socket.socket, place: Place) -> str:
    if place.unix:
        return place.unix
    host, port = bound.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{'wss' if place.tls else 'ws'}://{host}:{port}"


def tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """Raises UsageError for one without the other, or a pair that cannot be used; OSError."""
    if not certificate:
        if key:
            raise UsageError("--tls-key: needs --tls-cert")
        return None
    for file in filter(None, (certificate, key)):
        with subject(file):
            Path(file).open("rb").close()  # the ssl module would not say which is not there
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    def password() -> str:
        raise UsageError("its key is encrypted, and there is nobody to ask for the password")

    with subject(certificate):
        try:
            context.load_cert_chain(certificate, key, password)
        except ssl.SSLError as error:
            reason = error.reason or "not PEM"
            raise UsageError(f"no certificate with its key: {reason}") from None
    return context


class _Lines(logging.Handler):
    """What libraries log, in a line each; but not what uvicorn says of one who is not let in."""

    def __init__(self, log: Callable[[str], None]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line == REFUSED:
            return
        if record.exc_info and record.exc_info[1]:
            line += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self._log(line)
