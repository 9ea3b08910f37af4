"""Who is let in: those with the token, and pages of the same origin or of one that is allowed; and
what the server may be called.

A page of anybody's can have its own name lead to this machine (DNS rebinding), and is of the same
origin then. It has no token, and its requests say that name: without a token there must be a name
that nobody else can have, or an address; or TLS, for which it has no certificate.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from mlxtts.errors import UsageError, subject

Refusal = Callable[[HTTPConnection], tuple[int, str] | None]
Respond = Callable[[str, int, dict[str, str] | None], Response]
"""Makes an answer of a reason, a status and headers."""


@dataclass(frozen=True)
class Access:
    """token: what a client must show, None for nothing; origins: whose pages may open a WebSocket
    beside those that come from the same host, `*` for all; host: where the server listens, None if
    that is not in a network; hosts: what it may be called beside that, `*` for anything."""

    token: str | None = None
    origins: Sequence[str] = ()
    host: str | None = None
    hosts: Sequence[str] = ()

    def everywhere(self) -> list[Middleware]:
        """For the whole server."""
        if self.token is not None or self.host is None or "*" in self.hosts:
            return []
        return [Middleware(Guard, refusal=Names(self.host, self.hosts).refusal)]

    def middleware(self, respond: Respond = PlainTextResponse) -> list[Middleware]:
        """For a route that is not for everyone."""
        return [Middleware(Guard, refusal=self.refusal, respond=respond)]

    def refusal(self, connection: HTTPConnection) -> tuple[int, str] | None:
        """A status and a reason, or None for who may come in."""
        if not self._known(connection):
            return 401, "a token is needed\n"
        if connection.scope["type"] == "websocket" and not self._welcome(connection):
            return 403, "not from this origin\n"
        return None

    def _known(self, connection: HTTPConnection) -> bool:
        if self.token is None:
            return True
        scheme, _, said = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            said = connection.query_params.get("token", "")
        return hmac.compare_digest(said.strip().encode(), self.token.encode())

    def _welcome(self, connection: HTTPConnection) -> bool:
        """Only browsers say an origin."""
        origin = connection.headers.get("origin")
        allowed = {name.rstrip("/").lower() for name in self.origins}
        if origin is None or allowed & {origin.lower(), "*"}:
            return True
        return origin.partition("://")[2] == connection.headers.get("host")


class Names:
    """What a server that listens at `host` may be called, and `others`."""

    def __init__(self, host: str, others: Sequence[str]) -> None:
        self._open = _unspecified(host)
        self._names = {"localhost", "127.0.0.1", "::1", *map(_name, (host, *others))}
        if self._open:
            own = _name(socket.gethostname())
            short = own.partition(".")[0]
            self._names |= {own, short, f"{short}.local"}

    def refusal(self, connection: HTTPConnection) -> tuple[int, str] | None:
        """As of Access."""
        said = connection.headers.get("host")
        if said is None or self._fits(_name(said), connection.scope.get("server")):
            return None  # all browsers say it
        return 403, "not by this name: see --allow-host of mlxtts-ws\n"

    def _fits(self, name: str, here: tuple[str, int | None] | None) -> bool:
        """`here`: the address and port that the client has reached."""
        if name in self._names or (here and name == _name(here[0])):
            return True
        return self._open and _address(name) is not None


def _name(said: str) -> str:
    """A host, with or without a port, written in one way only."""
    said = said.strip().lower()
    name = re.sub(r"\.?(:\d*)?$", "", said).strip("[]")
    return _address(said) or _address(name) or name


def _address(name: str) -> str | None:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None


def _unspecified(host: str) -> bool:
    """Whether who listens there does so on all interfaces."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:  # a name
        return False
    return any(ipaddress.ip_address(address[0]).is_unspecified for *_, address in found)


class Guard:
    """Lets through whom `refusal` has nothing against."""

    def __init__(
        self, app: ASGIApp, refusal: Refusal, respond: Respond = PlainTextResponse
    ) -> None:
        self._app = app
        self._refusal = refusal
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(HTTPConnection(scope))
        if not refusal:
            await self._app(scope, receive, send)
            return
        status, reason = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        response = self._respond(reason, status, headers)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await response(scope, receive, send)


def read_token(path: str | None) -> str | None:
    """The first line of a file, if there is one. Raises UsageError for an empty one, and for what
    no header can hold; OSError."""
    if path is None:
        return None
    with subject(path):
        try:
            token = Path(path).read_text().partition("\n")[0].strip()
        except UnicodeDecodeError:
            raise UsageError("not text") from None
        if not token:
            raise UsageError("its first line must be the token")
        if not (token.isascii() and token.isprintable()):
            raise UsageError("the token must be printable ASCII, or no header could hold it")
        return token
