"""Clients of every bad manner, many at a time, and what a server must look like after them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

TEXTS = ["Yes.", "No, no.", "Go on. " * 20, "..."]
ENDS = ("stream_complete", "stream_stopped", "error")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
START = b'{"type":"start","text":"Go on. Go on. Go on. Go on."}'


class Client:
    """One that behaves by chance."""

    def __init__(self, address: str, chance: random.Random) -> None:
        self.address = address
        self.chance = chance

    async def any(self, behaviours: list[Behaviour]) -> str:
        """Behave in some way; which."""
        behave = self.chance.choice(behaviours)
        with contextlib.suppress(ConnectionClosed, ConnectionResetError, BrokenPipeError):
            await behave(self)
        return behave.__name__

    def opened(self) -> connect:
        return connect(self.address, max_size=None, open_timeout=60, close_timeout=1)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.address.removeprefix("ws://").rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def start(self, ws: ClientConnection, text: str | None = None) -> None:
        text = text or self.chance.choice(TEXTS)
        await ws.send(json.dumps({"type": "start", "text": text, "seed": self.chance.randrange(9)}))

    async def read(self, ws: ClientConnection, most: int) -> str | None:
        """So many messages, or all until the stream has ended; the type of the last text."""
        kind = None
        for _ in range(most):
            data = await asyncio.wait_for(ws.recv(), 120)
            if isinstance(data, str):
                kind = json.loads(data)["type"]
                if kind in ENDS:
                    break
        return kind

    async def listens(self) -> None:
        async with self.opened() as ws:
            await self.start(ws, "Yes.")
            assert await self.read(ws, 10_000) in ("stream_complete", "error")

    async def looks_in(self) -> None:
        async with self.opened():
            pass

    async def vanishes(self) -> None:
        async with self.opened() as ws:
            await self.start(ws)
            await self.read(ws, self.chance.randrange(8))
            ws.transport.abort()

    async def stops(self) -> None:
        async with self.opened() as ws:
            await self.start(ws)
            await self.read(ws, self.chance.randrange(8))
            await ws.send('{"type":"stop_stream"}')
            await self.read(ws, 10_000)

    async def replaces(self) -> None:
        async with self.opened() as ws:
            for _ in range(self.chance.randrange(2, 9)):
                await self.start(ws)
            await self.read(ws, self.chance.randrange(20))

    async def dawdles(self) -> None:
        async with self.opened() as ws:
            await self.start(ws)
            for _ in range(self.chance.randrange(5)):
                await asyncio.sleep(0.2)
                if await self.read(ws, 1) in ENDS:
                    break

    async def writes(self) -> None:
        async with self.opened() as ws:
            await ws.send('{"type":"start"}')
            for _ in range(self.chance.randrange(5)):
                await ws.send(json.dumps({"type": "text", "text": self.chance.choice(TEXTS)}))
            if self.chance.random() < 0.5:
                await ws.send('{"type":"end"}')
                await self.read(ws, self.chance.randrange(20))

    async def babbles(self) -> None:
        async with self.opened() as ws:
            for _ in range(self.chance.randrange(30)):
                data = self.chance.randbytes(self.chance.randrange(50))
                await ws.send(data if self.chance.random() < 0.5 else data.decode("latin-1"))
            await self.start(ws)
            await self.read(ws, 35)

    async def shouts(self) -> None:
        async with self.opened() as ws:
            await ws.send("x" * self.chance.choice([50_000, 2_000_000]))
            await self.read(ws, 2)

    async def is_deaf(self) -> None:
        """Half open: asks, reads nothing, and never says goodbye."""
        reader, writer = await self.raw()
        writer.write(UPGRADE + KEY + b"\r\n")
        await reader.read(1000)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(bytes([0x81, 0x80 | len(START)]) + bytes(4) + START)
        await asyncio.sleep(self.chance.random())
        writer.transport.abort()

    async def breaks_frames(self) -> None:
        reader, writer = await self.raw()
        writer.write(UPGRADE + KEY + b"\r\n")
        await reader.read(1000)
        writer.write(self.chance.randbytes(self.chance.randrange(1, 200)))
        await asyncio.sleep(0.1 * self.chance.random())
        writer.close()

    async def breaks_http(self) -> None:
        _, writer = await self.raw()
        whole = UPGRADE + self.chance.choice([KEY, b"", self.chance.randbytes(30)]) + b"\r\n"
        writer.write(whole[: self.chance.randrange(len(whole))])
        await asyncio.sleep(0.1 * self.chance.random())
        writer.close()

    async def posts(self) -> None:
        """And reads some of the answer, or all, or none."""
        reader, writer = await self.raw()
        body = json.dumps({"input": self.chance.choice(TEXTS), "response_format": "wav"}).encode()
        most = self.chance.choice([len(body), len(body) // 2])
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        kind = "Content-Type: application/json\r\nConnection: close"
        writer.write(f"{head}\r\n{kind}\r\n\r\n".encode() + body[:most])
        for _ in range(self.chance.choice([0, 1, 5, 10_000]) if most == len(body) else 0):
            if not await reader.read(1 << 16):
                break
        writer.transport.abort()


Behaviour = Callable[[Client], Awaitable[Any]]
BEHAVIOURS: list[Behaviour] = [
    *(Client.listens, Client.looks_in, Client.vanishes, Client.stops, Client.replaces),
    *(Client.dawdles, Client.writes, Client.babbles, Client.shouts, Client.is_deaf),
    *(Client.breaks_frames, Client.breaks_http, Client.posts, Client.posts),
]


def torment(
    address: str, clients: int, at_a_time: int, seed: int, behaviours: list[Behaviour] = BEHAVIOURS
) -> Counter[str]:
    """How many behaved in which way."""

    async def one(number: int, room: asyncio.Semaphore) -> str:
        async with room:
            return await Client(address, random.Random(seed * 1_000_000 + number)).any(behaviours)

    async def all_of_them() -> Counter[str]:
        room = asyncio.Semaphore(at_a_time)
        return Counter(await asyncio.gather(*(one(number, room) for number in range(clients))))

    return asyncio.run(all_of_them())


def threads(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident(pid: int) -> float:
    """MiB."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024
