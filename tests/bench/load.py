"""what many clients of one mlxtts-ws get at the same time

With the starter voice on a CPU; on a GPU with Orpheus of 3 billion random weights and the full-size
codec. Each client speaks one text of some 6 s. Time to first audio: from its start message to its
first frame. Times real time: its sound over the time from its start to its last frame. Fairness:
the slowest stream's over the fastest's. With fewer rows than clients the others wait for one.

mlx-audio's server is not in the table: its Orpheus model has the published token ids and codec
built in, and cannot load a checkpoint with others, such as the starter voice. peers.py measures
it with a checkpoint that both can load.
"""

import asyncio
import contextlib
import json
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory

from websockets.asyncio.client import connect

from mlxtts.nn import mx, on_cpu
from tests import weights
from tests.bench import models
from tests.bench.common import blas_choices, blas_name, table
from tests.conftest import STARTER, write_safetensors
from tests.serve.chaos import resident
from tests.serve.servers import Server, running

TEXT = (
    "The morning was cold, and the sea was grey. Nobody had come yet. We waited, and said little."
)
RATE = 24_000
CPU_LOADS = ((1, 1), (4, 4), (16, 16), (64, 64), (64, 16))
GPU_LOADS = ((1, 1), (8, 8), (32, 32), (64, 64), (128, 128), (256, 256))
"""Clients and rows."""
PACKED = 256
"""From so many rows on keys and values are in 8 bits on a GPU."""
LIMIT = 7 * 72  # tokens of a random model, which knows no end
COLUMNS = (
    *("first audio, s: p50", "p99", "times real time: mean", "slowest", "slowest / fastest"),
    *("MiB", "s in all"),
)


async def client(address: str) -> tuple[float, float]:
    """Time to first audio, and times real time."""
    async with connect(address, max_size=None, open_timeout=120, ping_interval=None) as ws:
        begun = time.perf_counter()
        await ws.send(json.dumps({"type": "start", "text": TEXT, "max_tokens": LIMIT}))
        first, samples = 0.0, 0
        async for data in ws:
            if isinstance(data, bytes):
                first = first or time.perf_counter() - begun
                samples += struct.unpack_from("<4s3I", data)[2]
                continue
            said = json.loads(data)["type"]
            assert said != "error", data
            if said == "stream_complete":
                break
        assert samples
        return first, samples / RATE / (time.perf_counter() - begun)


async def together(address: str, clients: int) -> list[tuple[float, float]]:
    return await asyncio.gather(*(client(address) for _ in range(clients)))


@contextlib.contextmanager
def warm(rows: int, blas: str, model: str) -> Iterator[Server]:
    options = ["--max-streams", str(rows), "--queue", "1000", "--model", model]
    options += ["--cache-bits", "8"] if rows >= PACKED and not on_cpu() else []
    with running(*options, MLXTTS_BLAS=blas) as server:
        asyncio.run(together(server.address, 1))
        try:
            yield server
        except BaseException:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(10)  # it says last why it ends, if it does
            said = [line for line in server.said if not line.endswith("cancelled")]
            print(*said[-20:], sep="\n", file=sys.stderr)
            raise


def row(clients: int, rows: int, blas: str, model: str) -> list[str]:
    with warm(rows, blas, model) as server:
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


def orpheus(folder: Path, shape: str) -> str:
    """Random weights as a model's folder."""
    raw = models.SHAPES[shape]
    kind = mx.float32 if shape == "tiny" else mx.bfloat16
    mx.save_safetensors(str(folder / "model.safetensors"), models.tensors(raw, kind))
    mx.clear_cache()  # the server's GPU is this one
    (folder / "config.json").write_text(json.dumps(raw))
    shutil.copy(STARTER / "tokenizer.json", folder)
    codec = weights.SNAC_SMALL if shape == "tiny" else weights.SNAC_FULL
    (folder / "codec").mkdir()
    (folder / "codec" / "config.json").write_text(json.dumps(codec))
    write_safetensors(folder / "codec" / "model.safetensors", weights.snac(codec))
    return str(folder)


def main(shape: str | None = None, loads: tuple[tuple[int, int], ...] | None = None) -> None:
    blas = blas_choices()[-1] if on_cpu() else "none"
    name = blas_name(blas) if on_cpu() else "on a GPU"
    with TemporaryDirectory() as folder:
        random = shape or (None if on_cpu() else "3B")
        model = orpheus(Path(folder), random) if random else "starter"
        loads = loads or (CPU_LOADS if on_cpu() else GPU_LOADS)
        rows = (row(clients, width, blas, model) for clients, width in loads)
        table([name, *COLUMNS], rows)
