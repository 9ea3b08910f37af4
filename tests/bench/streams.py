"""how many streams one device speaks at real time, sound and all

Orpheus of 3 billion parameters and the full-size codec with random weights, on a GPU; on a CPU the
starter voice. So many streams at all times: as one ends, another begins, with a prompt of 20 to 300
tokens and 2 to 30 s of speech, in segments of at most 14 s, as the model needs. A stream is late if
its listener, who begins to play at the first sound, has to wait later. Goal on an H100: 256
streams, the first sound of 99 in 100 within 500 ms.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlxtts import caches, codecs, hub
from mlxtts.codecs.utterance import Options
from mlxtts.engine import Sound, Synthesis
from mlxtts.models.orpheus.model import Model
from mlxtts.nn import mx, on_cpu
from mlxtts.wire.tokens import End
from tests import weights
from tests.bench import models
from tests.bench.common import table

CPU_WIDTHS, GPU_WIDTHS = (1, 2, 4, 8), (1, 8, 32, 64, 128)
GPU_PACKED = (256, 384)
"""With keys and values in 8 bits."""
SECONDS = 10.0
PROMPTS, LENGTHS = (20, 300), (24, 352)  # tokens, frames
LONGEST = 171  # frames of a segment: Orpheus speaks for 14 s at most
SAMPLE = 4


@dataclass
class Listener:
    """One stream as it is heard."""

    added: float
    first: float | None = None
    heard: float = 0.0
    late: float = 0.0
    last: float = field(default=0.0)

    def hear(self, seconds: float, now: float) -> None:
        if self.first is None:
            self.first = now
        else:
            self.late = max(self.late, now - self.first - self.heard)
        self.heard += seconds
        self.last = now

    @property
    def wait(self) -> float:
        return (self.first or float("inf")) - self.added

    @property
    def factor(self) -> float:
        """Seconds of sound in a second, after the first."""
        return self.heard / max(self.last - (self.first or 0), 1e-9)


def listen(
    model: Model, codec: Any, width: int, length: float, seed: int = 0, cache_bits: int = 16
) -> list[Listener]:
    """Of the `length` seconds after all rows were taken and heard: the streams that began in them
    and were heard."""
    rng = random.Random(seed)
    synthesis = Synthesis(models.engine(model, width, cache_bits), codec)
    listeners: dict[str, Listener] = {}
    ended: list[Listener] = []
    settled = 0.0
    while not settled or time.perf_counter() - settled < length:
        now = time.perf_counter()
        while synthesis.room and len(listeners) < width:
            name = str(rng.random())
            shape = rng.randint(*PROMPTS), rng.randint(*LENGTHS)
            segments = -(-shape[1] // LONGEST)
            synthesis.add(models.request(name, *shape, segments=segments), Options(first=0))
            listeners[name] = Listener(now)
        settled = settled or (now if all(one.first for one in listeners.values()) else 0)
        for event in synthesis.step():
            now = time.perf_counter()
            if isinstance(event, Sound):
                listeners[event.id].hear(len(event.data) / SAMPLE / codec.rate, now)
            elif isinstance(event, End):
                ended.append(listeners.pop(event.id))
    ended += [one for one in listeners.values() if one.first]
    return [one for one in ended if one.added >= settled and one.heard]


Line = list[object]


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(int(q * len(values)), len(values) - 1)]


def line(width: str, listeners: list[Listener], memory: float) -> Line:
    if not listeners:
        return [width, 0, *[""] * 6, f"{memory / 1e9:.1f}"]
    waits = [1000 * one.wait for one in listeners]
    factors = [one.factor for one in listeners if one.last > (one.first or 0)] or [0.0]
    late = [one.late for one in listeners]
    return [
        width,
        len(listeners),
        f"{quantile(waits, 0.5):.0f}",
        f"{quantile(waits, 0.99):.0f}",
        f"{quantile(factors, 0.5):.2f}",
        f"{min(factors):.2f}",
        f"{sum(x > 0.02 for x in late)}",
        f"{1000 * max(late):.0f}",
        f"{memory / 1e9:.1f}",
    ]


HEAD = [
    "streams",
    "heard",
    "first sound, ms, p50",
    "p99",
    "sound a second, p50",
    "slowest",
    "late",
    "latest by, ms",
    "memory, GB",
]


def measure(shape: str | None, plan: Sequence[tuple[int, int]], length: float) -> list[Line]:
    """Lines of the table, for widths and bits of keys and values."""
    caches.expect(max(width for width, _ in plan))
    if shape is None:
        model, codec = models.starter()[0], codecs.load("snac", hub.locate_codec("starter"))
    else:
        raw = models.SHAPES[shape]
        model = models.ours(raw, models.tensors(raw, mx.float32 if on_cpu() else mx.bfloat16))
        codec = models.snac(weights.SNAC_SMALL if shape == "tiny" else weights.SNAC_FULL)
    lines = []
    for width, bits in plan:
        mx.reset_peak_memory()
        listeners = listen(model, codec, width, length, cache_bits=bits)
        name = f"{width}" if bits == 16 else f"{width}, {bits} bits"
        lines.append(line(name, listeners, mx.get_peak_memory()))
    return lines


def main(
    shape: str | None = None, widths: tuple[int, ...] | None = None, length: float = SECONDS
) -> None:
    shape = shape or (None if on_cpu() else "3B")
    plan = [(n, 16) for n in widths or (CPU_WIDTHS if on_cpu() else GPU_WIDTHS)]
    plan += [(n, 8) for n in (() if widths or on_cpu() else GPU_PACKED)]
    many = [each for each in plan if each[0] >= caches.MANY]
    groups = [group for group in ([each for each in plan if each not in many], many) if group]
    context = multiprocessing.get_context("spawn")  # what is expected is settled once
    with context.Pool(1, maxtasksperchild=1) as pool:
        lines = (row for each in groups for row in pool.apply(measure, (shape, each, length)))
        table(HEAD, lines)
