"""Who is let in: those with the token, and pages of the same origin or of one that is allowed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from mlxtts.errors import UsageError, subject


@dataclass(frozen=True)
class Access:
    """token: what a client must show, None for nothing; origins: whose pages may open a WebSocket
    beside those that come from the same host, `*` for all."""

    token: str | None = None
    origins: tuple[str, ...] = ()

    def middleware(self) -> list[Middleware]:
        """For a route that is not for everyone."""
        return [Middleware(Guard, access=self)]

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
        if origin is None or origin in self.origins or "*" in self.origins:
            return True
        return origin.partition("://")[2] == connection.headers.get("host")


class Guard:
    """Lets through who may come in."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._access.refusal(HTTPConnection(scope))
        if not refusal:
            await self._app(scope, receive, send)
            return
        status, reason = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        response = PlainTextResponse(reason, status, headers)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await response(scope, receive, send)


def read_token(path: str) -> str:
    """The first line of a file. Raises UsageError for an empty one, OSError."""
    with subject(path):
        try:
            token = Path(path).read_text().partition("\n")[0].strip()
        except UnicodeDecodeError:
            raise UsageError("not text") from None
        if not token:
            raise UsageError("its first line must be the token")
        return token
