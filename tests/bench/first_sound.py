"""from nothing to sound: `Hello world.` through a pipeline of fresh processes

Seconds from the start of the shell to the first token line, the first frame of codes, the first
byte of sound and the first sample that can be heard, given its place in the sound. Goal: under 1 s.
"""

import os
import subprocess
import time
from functools import partial

import numpy as np

from mlxtts.wire import pcm0
from tests.bench.common import blas_choices, blas_name, in_turn, table
from tests.conftest import environment

AUDIBLE = 10 ** (-40 / 20)


def tokens(blas: str, marker: bytes) -> float:
    """Seconds until mlxtts-tokens has written `marker`."""
    start = time.perf_counter()
    with subprocess.Popen(
        ["mlxtts-tokens", "Hello world."],
        stdout=subprocess.PIPE,
        env=environment(MLXTTS_BLAS=blas),
    ) as process:
        assert process.stdout
        data = b""
        while marker not in data:
            data += os.read(process.stdout.fileno(), 65536)
        taken = time.perf_counter() - start
        process.kill()
    return taken


def sound(blas: str, options: str, threshold: float) -> float:
    """Seconds until the pipeline has written a sample beyond the threshold, and it can be played:
    the samples before it take their time too, beginning with the first that came."""
    start = time.perf_counter()
    with subprocess.Popen(
        f"echo Hello world. | mlxtts-tokens | mlxtts-decode {options}",
        shell=True,
        stdout=subprocess.PIPE,
        env=environment(MLXTTS_BLAS=blas),
    ) as process:
        assert process.stdout
        reader, first, before = pcm0.Reader(), 0.0, 0
        while data := os.read(process.stdout.fileno(), 65536):
            now = time.perf_counter() - start
            first = first or now
            for frame in reader.feed(data):
                samples = np.frombuffer(frame.payload, "<f4")
                loud = np.flatnonzero(np.abs(samples) > threshold)
                if len(loud):
                    process.stdout.read()
                    return max(now, first + (before + int(loud[0])) / frame.rate)
                before += len(samples)
    return float("nan")


def main() -> None:
    rows = []
    names: list[str] = []
    for blas in blas_choices():
        low = "--ultra-low-latency"
        found = in_turn(
            {
                "header": partial(tokens, blas, b"\n"),
                "first frame": partial(tokens, blas, b'"codes"'),
                "first byte": partial(sound, blas, "", 0),
                "audible": partial(sound, blas, "", AUDIBLE),
                "first byte, low latency": partial(sound, blas, low, 0),
                "audible, low latency": partial(sound, blas, f"{low} --trim", AUDIBLE),
            },
            7,
        )
        rows.append([blas_name(blas), *(f"{value:.2f}" for value in found.values())])
        names = list(found)
    table(["seconds until", *names], rows)
