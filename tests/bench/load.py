"""what many clients of one mlxtts-ws get at the same time, with the starter voice

Each client speaks one text of some 6 s. Time to first audio: from its start message to its first
frame. Times real time: its sound over the time from its start to its last frame. Fairness: the
slowest stream's over the fastest's. With fewer rows than clients the others wait for one.

mlx-audio's server is not in the table: its Orpheus model has the published token ids and codec
built in, and cannot load a checkpoint with others, such as the starter voice. peers.py measures
it with a checkpoint that both can load.
"""

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Iterator
from statistics import mean, quantiles

from websockets.asyncio.client import connect

from tests.bench.common import blas_choices, blas_name, table
from tests.serve.chaos import resident
from tests.serve.servers import Server, running

TEXT = (
    "The morning was cold, and the sea was grey. Nobody had come yet. We waited, and said little."
)
RATE = 24_000
LOADS = ((1, 1), (4, 4), (16, 16), (64, 64), (64, 16))
"""Clients and rows."""
COLUMNS = (
    *("first audio, s: p50", "p99", "times real time: mean", "slowest", "slowest / fastest"),
    *("MiB", "s in all"),
)


async def client(address: str) -> tuple[float, float]:
    """Time to first audio, and times real time."""
    async with connect(address, max_size=None, open_timeout=120, ping_interval=None) as ws:
        begun = time.perf_counter()
        await ws.send(json.dumps({"type": "start", "text": TEXT}))
        first, samples = 0.0, 0
        async for data in ws:
            if isinstance(data, bytes):
                first = first or time.perf_counter() - begun
                samples += struct.unpack_from("<4s3I", data)[2]
            elif json.loads(data)["type"] == "stream_complete":
                break
        assert samples
        return first, samples / RATE / (time.perf_counter() - begun)


async def together(address: str, clients: int) -> list[tuple[float, float]]:
    return await asyncio.gather(*(client(address) for _ in range(clients)))


@contextlib.contextmanager
def warm(rows: int, blas: str) -> Iterator[Server]:
    options = ["--max-streams", str(rows), "--queue", "1000"]
    with running(*options, MLXTTS_BLAS=blas) as server:
        asyncio.run(together(server.address, 1))
        yield server


def row(clients: int, rows: int, blas: str) -> list[str]:
    with warm(rows, blas) as server:
        begun = time.perf_counter()
        found = asyncio.run(together(server.address, clients))
        taken = time.perf_counter() - begun
        memory = resident(server.process.pid)
    return [f"{clients} on {rows} rows", *cells(figures(found, memory, taken))]


def figures(found: list[tuple[float, float]], memory: float, taken: float) -> list[float]:
    """What is in COLUMNS, of what each client found."""
    first = [a for a, _ in found]
    speeds = [b for _, b in found]
    cuts = quantiles(first, n=100, method="inclusive") if len(found) > 1 else first * 99
    slowest = min(speeds)
    return [cuts[49], cuts[98], mean(speeds), slowest, slowest / max(speeds), memory, taken]


def cells(figures: list[float]) -> list[str]:
    *most, memory, taken = figures
    return [*(f"{figure:.2f}" for figure in most), f"{memory:.0f}", f"{taken:.1f}"]


def main() -> None:
    blas = blas_choices()[-1]
    rows = (row(clients, width, blas) for clients, width in LOADS)
    table([blas_name(blas), *COLUMNS], rows)
