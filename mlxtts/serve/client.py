"""The client's end of mlxtts-ws(7): text to a server, its sound from there.

This module knows the messages and the WebSocket. It knows no file descriptor; text comes from an
iterator, for which a thread of its own waits, and sound goes to whoever iterates.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect, unix_connect
from websockets.uri import parse_uri

from mlxtts.ahead import PATIENCE
from mlxtts.errors import MlxttsError, TextError, UsageError, subject
from mlxtts.serve.sending import Text
from mlxtts.wire import pcm0
from mlxtts.wire.pcm0 import Frame

PAUSE = 0.25
"""Seconds before the first further try; twice as long before each next."""
UNREAD = 1 << 13
"""Messages to hold for a slow reader: unread ones would keep the server's pings from an answer."""
OPEN = 10.0
"""Seconds for a server to accept."""


class RemoteError(MlxttsError):
    """The server does not do what it is asked to."""


class UnreachableError(RemoteError):
    """There is none."""

    status = 3


class RefusedError(RemoteError):
    """It does not let us in."""

    status = 4


class BusyError(RemoteError):
    """It has no room; `after` so many seconds it may."""

    status = 5

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.after = after


class LostError(RemoteError):
    """It is gone before the end."""

    status = 6


@dataclass(frozen=True)
class Address:
    """A server: at a ws or wss address, or behind a Unix socket. Raises UsageError for what is no
    such address. `context`: whom to trust with wss, by default whom the system does."""

    url: str
    unix: str | None = None
    token: str | None = None
    context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        try:
            parse_uri(self.url)
        except (InvalidURI, ValueError):
            raise UsageError(f"{self.url}: must be like ws://host:port, or wss://") from None

    @contextlib.contextmanager
    def connected(self) -> Iterator[ClientConnection]:
        """Raises UnreachableError, RefusedError, BusyError."""
        with contextlib.ExitStack() as stack:
            try:
                ws = stack.enter_context(self._connect())
            except InvalidStatus as error:
                raise _refusal(error) from None
            except InvalidHandshake:
                raise UnreachableError("no WebSocket server") from None
            except (OSError, EOFError, WebSocketException) as error:
                raise UnreachableError(_reason(error)) from None
            yield ws

    def _connect(self) -> contextlib.AbstractContextManager[ClientConnection]:
        options: dict[str, Any] = {"max_size": None, "max_queue": UNREAD, "open_timeout": OPEN}
        options |= {"compression": None, "close_timeout": 1}
        if self.token is not None:
            options["additional_headers"] = {"Authorization": f"Bearer {self.token}"}
        if self.context and self.url.startswith("wss:"):
            options["ssl"] = self.context
        opening: contextlib.AbstractContextManager[ClientConnection]
        if self.unix:
            opening = unix_connect(self.unix, self.url, **options)
        else:
            opening = connect(self.url, **options)
        return opening


def trust(file: str) -> ssl.SSLContext:
    """Of the certificates in a file. Raises UsageError if there are none, OSError."""
    with subject(file):
        try:
            return ssl.create_default_context(cafile=file)
        except ssl.SSLError:
            raise UsageError("no certificate in PEM") from None


def decoded(name: str, data: Iterable[bytes]) -> Iterator[str]:
    """UTF-8 as it comes, each character when it is complete. Raises TextError, about `name`."""
    with subject(name):
        try:
            yield from codecs.iterdecode(data, "utf-8-sig")
        except UnicodeDecodeError:
            raise TextError("not UTF-8") from None


class Reception:
    """One stream. `start` are the options of the start message; without `text` a broadcast is
    listened to. `patience`: seconds in which a try that failed before any sound is followed by
    another."""

    def __init__(
        self,
        address: Address,
        start: dict[str, Any],
        text: Iterable[str] | None,
        patience: float,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.complete: dict[str, Any] = {}
        """What the server said at the end."""
        self._address = address
        self._start = {name: value for name, value in start.items() if value is not None}
        self._text = Text(text) if text is not None else None
        self._patience = patience
        self._say = say
        self._begun = False
        self._reader = pcm0.Reader()

    def frames(self) -> Iterator[Frame]:
        """The sound, as it comes. Raises RemoteError, Pcm0Error, and what the text does."""
        end, pause = time.monotonic() + self._patience, PAUSE
        while True:
            try:
                with self._address.connected() as ws:
                    yield from self._receive(ws)
                return
            except (UnreachableError, BusyError, LostError) as error:
                pause = max(pause, getattr(error, "after", 0.0))
                if self._begun or time.monotonic() + pause > end:
                    raise
                self._say(f"{error}; trying again in {pause:g} s")
            time.sleep(pause)
            pause *= 2

    def _receive(self, ws: ClientConnection) -> Iterator[Frame]:
        first = self._start | {"type": "start"} if self._text else {"type": "get_status"}
        with contextlib.suppress(ConnectionClosed):  # what has come is still to be heard
            ws.send(json.dumps(first))
        if self._text:
            threading.Thread(target=self._text.send, args=[ws], daemon=True).start()
        while not self.complete:
            data = self._next(ws)
            if isinstance(data, bytes):
                yield from self._sound(data)
            else:
                self._obey(_message(data))

    def _next(self, ws: ClientConnection) -> str | bytes:
        while True:
            try:
                return ws.recv(PATIENCE)
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                if self._text and self._text.error:
                    raise self._text.error from None
                reason = closed.rcvd.reason if closed.rcvd else ""
                raise LostError(f"connection lost{reason and ': '}{reason}") from None

    def _sound(self, data: bytes) -> Iterator[Frame]:
        for frame in self._reader.feed(data):
            self._begun = True
            yield frame
        self._reader.close()  # a message is a whole frame

    def _obey(self, message: dict[str, Any]) -> None:
        kind, reason = message.get("type"), message.get("message")
        if kind == "stream_complete":
            self.complete = message
        elif kind == "stream_started":
            self._say(f"stream {message.get('session_id')} has started")
        elif kind == "stream_stopped":
            raise LostError(f"stopped: {message.get('reason')}")
        elif kind == "status" and self._text:
            self._text.told((message.get("stream") or {}).get("unspoken", 0))
        elif kind == "status" and not message.get("broadcast"):
            raise RemoteError("this server has no broadcast, and waits for text")
        elif kind == "error" and message.get("code") in ("busy", "draining"):
            raise BusyError(f"{reason}", message.get("retry_after", PAUSE))
        elif kind == "error":
            raise RemoteError(f"{reason}")


def _message(data: str) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise RemoteError("what came is no message of mlxtts-ws(7)")
    return message


def _refusal(error: InvalidStatus) -> RemoteError:
    status = error.response.status_code
    reason = (error.response.body or b"").decode(errors="replace").strip()
    reason = reason if 0 < len(reason) < 100 else f"HTTP status {status}"
    if status in (401, 403):
        return RefusedError(f"refused: {reason}")
    if status == 503:
        return BusyError(reason, PAUSE)
    return UnreachableError(f"no WebSocket server: HTTP status {status}")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer"
    return (isinstance(error, OSError) and error.strerror) or str(error) or "no answer"
