"""What the benchmarks share."""

from __future__ import annotations

import ctypes
import datetime
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.conftest import environment

TEXT = Path(__file__).with_name("text.txt").read_text()
"""Some 30 seconds of speech."""


def machine() -> str:
    """One line: the date, the processor, the software."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":")[1] for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0].strip() if names else cpu
    parts = [
        datetime.date.today().isoformat(),
        f"{os.cpu_count()} cores, {cpu}",
        platform.platform(terse=True),
        f"Python {platform.python_version()}",
        f"mlx {version('mlx')}",
    ]
    return "; ".join(parts)


def blas_choices() -> list[str]:
    """The BLAS libraries to measure with: what wheels bring, and OpenBLAS where there is one."""
    try:
        ctypes.CDLL("libopenblas.so.0")
    except OSError:
        return ["numpy"]
    return ["numpy", "libopenblas.so.0"]


def blas_name(choice: str) -> str:
    return "wheels alone" if choice == "numpy" else "OpenBLAS"


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(actions: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each action's figure, all of them measured once in each round."""
    figures: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            figures[name].append(action())
    return {name: median(values) for name, values in figures.items()}


def shell(line: str, **more: str) -> bytes:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        check=True,
        env=environment(**more),
    )
    return done.stdout


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A Markdown table."""
    head = list(head)
    print("| " + " | ".join(head) + " |")
    print("| --- " + "| ---: " * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
