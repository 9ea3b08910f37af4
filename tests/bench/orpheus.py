"""Orpheus beside mlx-audio's: tokens a second for one and for many, and the first sound

Random weights of the real shapes; on a GPU of 3 billion parameters, on a CPU of 150 million and the
starter voice's own. mlx-audio speaks one at a time. Goals on an H100: 290 tokens a second for one
stream and 1.5 times mlx-audio, the first sound of a loaded model within 100 ms.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from mlxtts.codecs.utterance import Options
from mlxtts.engine import Sound, Synthesis
from mlxtts.models.orpheus.model import Model
from mlxtts.nn import mx, on_cpu
from mlxtts.wire.tokens import Codes
from tests import weights
from tests.bench import models
from tests.bench.common import table

PROMPT, FRAMES, CODES = 50, 40, 7
CPU_ROWS, GPU_ROWS = (1, 4, 8), (1, 8, 32, 64, 128, 256)
ROUNDS = 3
DEFAULT_INTERVAL, SMALLEST_INTERVAL = int(2.0 * 137.5), CODES
"""Tokens that mlx-audio waits for before it decodes."""


def rate(model: Model, rows: int, frames: int = FRAMES) -> float:
    """Tokens a second of all rows together, once they have all begun."""
    engine = models.engine(model, rows)
    for n in range(rows):
        engine.add(models.request(str(n), PROMPT, frames))
    begun: set[str] = set()
    while len(begun) < rows and not engine.idle:
        begun |= {record.id for record in engine.step() if isinstance(record, Codes)}
    start, count = time.perf_counter(), 0
    stop = start + 1e-9
    while not engine.idle:
        found = sum(isinstance(record, Codes) for record in engine.step())
        if found < rows / 2:
            break  # they come to their ends
        count += found
        stop = time.perf_counter()
    return CODES * count / (stop - start)


def first_sound(model: Model, codec: Any, options: Options) -> float:
    """Seconds from a request to its first sound."""
    synthesis = Synthesis(models.engine(model, 1), codec)
    start = time.perf_counter()
    synthesis.add(models.request("1", PROMPT, FRAMES), options)
    while not synthesis.idle:
        if any(isinstance(event, Sound) for event in synthesis.step()):
            return time.perf_counter() - start
    raise AssertionError("no sound")


def bandwidth() -> float:
    """Bytes a second that this GPU reads and writes in a copy."""
    x = mx.zeros((2048, 1 << 18))
    mx.eval(x)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        mx.eval(x + 1)
        times.append(time.perf_counter() - start)
    return 2 * x.nbytes / min(times)


def measure(
    name: str, kind: str, model: Model, size: int, theirs: models.Theirs | None, rows: tuple
) -> list[object]:
    """A line of the table: everything once a round."""
    tokens = CODES * FRAMES
    columns: dict[str, list[float]] = {f"{n}": [] for n in rows}
    other: list[float] = []
    for turn in range(ROUNDS + 1):  # the first one warms up
        for n in rows:
            columns[f"{n}"].append(rate(model, n))
        if theirs:
            prefill = theirs(PROMPT, 1)
            other.append((tokens - 1) / (theirs(PROMPT, tokens) - prefill))
        if not turn:
            columns, other = {f"{n}": [] for n in rows}, []
    found = {n: median(values) for n, values in columns.items()}
    line: list[object] = [f"{name}, {kind}", *(f"{value:.0f}" for value in found.values())]
    line.append(f"{median(other):.0f}" if theirs else "")
    line.append(f"{found['1'] / median(other):.2f}" if theirs else "")
    return line if on_cpu() else [*line, f"{bandwidth() / size:.0f}"]


def rates(shapes: list[str], rows: tuple[int, ...]) -> None:
    lines = []
    for name in shapes:
        for kind, (dtype, packing) in models.default_kinds().items():
            raw = models.SHAPES[name]
            arrays = models.tensors(raw, dtype)
            arrays = models.quantised(arrays, packing) if packing else arrays
            theirs = models.mlx_audio(raw, arrays, packing) if models.has_mlx_audio() else None
            model = models.ours(raw, arrays, packing)
            lines.append(measure(name, kind, model, models.size(arrays), theirs, rows))
    if on_cpu():
        model, raw, arrays = models.starter()
        theirs = models.mlx_audio(raw, arrays) if models.has_mlx_audio() else None
        lines.append(measure("starter", "float32", model, models.size(arrays), theirs, rows))
    head = ["tokens a second", *(f"{n} rows" for n in rows)]
    limit = ["limit of the memory's bandwidth, 1 row"]
    table([*head, "mlx-audio, 1", "1 row / mlx-audio", *limit][: len(lines[0])], lines)


def firsts(shapes: list[str], codec: Any) -> None:
    lines = []
    for name in shapes:
        for kind, (dtype, packing) in models.default_kinds().items():
            raw = models.SHAPES[name]
            arrays = models.tensors(raw, dtype)
            arrays = models.quantised(arrays, packing) if packing else arrays
            model = models.ours(raw, arrays, packing)
            found = [
                1000 * median([first_sound(model, codec, options) for _ in range(ROUNDS + 1)][1:])
                for options in (Options(first=0), Options())
            ]
            if models.has_mlx_audio():
                theirs = models.mlx_audio(raw, arrays, packing)
                theirs(PROMPT, 1)
                for tokens in (SMALLEST_INTERVAL, DEFAULT_INTERVAL):
                    found.append(1000 * median([theirs(PROMPT, tokens) for _ in range(ROUNDS)]))
            lines.append([f"{name}, {kind}", *(f"{ms:.0f}" for ms in found)])
    head = ["ms to the first sound", "first=0", "exact"]
    more = ["mlx-audio's tokens for a frame", "for its default chunk"]
    table(head + more[: len(lines[0]) - 3], lines)


def main(shapes: list[str] | None = None, rows: tuple[int, ...] | None = None) -> None:
    rates(
        shapes or (["150M"] if on_cpu() else ["3B"]),
        rows or (CPU_ROWS if on_cpu() else GPU_ROWS),
    )
    if shapes or not on_cpu():  # on a CPU see first_sound
        print()
        tiny = shapes == ["tiny"]
        codec = weights.SNAC_SMALL if tiny else weights.SNAC_FULL
        firsts(shapes or ["3B"], models.snac(codec))
