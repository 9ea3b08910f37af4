"""HTTP and WebSocket on one port: the routes of the server's parts, its health and its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from mlxtts.serve.access import Access


class Part(Protocol):
    """Something that is served. All of it is called from the event loop."""

    @property
    def health(self) -> str:
        """`ok`, or in a word why not."""

    @property
    def registry(self) -> CollectorRegistry:
        """What it counts."""

    def routes(self, access: Access) -> Sequence[BaseRoute]: ...

    async def start(self) -> None:
        """Returns when it can be served. Raises what is in the way."""

    async def failed(self) -> BaseException | None:
        """Returns when it cannot go on, and why; None: it has done what it was for."""

    async def drain(self) -> None:
        """Take nothing new; returns when what had begun is done."""

    async def stop(self) -> None:
        """Break off what is left."""

    def close(self) -> None:
        """The loop has ended, or is about to."""


async def _nowhere(ws: WebSocket) -> None:
    await ws.send_denial_response(PlainTextResponse("Not Found\n", 404))


def build(part: Part, access: Access, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """`routes` come before those of the part."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": part.health}, 200 if part.health == "ok" else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(part.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/metrics", metrics, middleware=access.middleware()),
            *routes,
            *part.routes(access),
            WebSocketRoute("/{path:path}", _nowhere),
        ],
        middleware=access.everywhere(),
    )
