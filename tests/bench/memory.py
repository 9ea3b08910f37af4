"""memory over 2,000 utterances in one process

Resident size in MiB of each stage: utterances 100 to 200, and the last 100. Goal: flat.
"""

import re
import subprocess
from pathlib import Path
from statistics import median

from tests.bench.common import table
from tests.conftest import environment

UTTERANCES = 2000
EDGE = 100


def resident(pid: int) -> float:
    """MiB."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024


def main() -> None:
    stages = {}
    sizes: dict[str, list[float]] = {"mlxtts-tokens": [], "mlxtts-decode": []}
    with (
        subprocess.Popen(
            ["mlxtts-tokens"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        ) as tokens,
        subprocess.Popen(
            ["mlxtts-decode"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()
        ) as decode,
    ):
        stages = {"mlxtts-tokens": tokens, "mlxtts-decode": decode}
        assert tokens.stdin
        assert tokens.stdout
        assert decode.stdin
        words = ("Go.", "Yes.", "No.", "Stop there.", "Come in.")
        for number in range(UTTERANCES):
            tokens.stdin.write(f"{words[number % len(words)]}\n".encode())
            tokens.stdin.flush()
            while True:
                line = tokens.stdout.readline()
                decode.stdin.write(line)
                if b'"end"' in line:
                    break
            decode.stdin.flush()
            for name, process in stages.items():
                sizes[name].append(resident(process.pid))
        tokens.stdin.close()
        decode.stdin.close()
    rows = []
    for name, found in sizes.items():
        first, last = median(found[EDGE : 2 * EDGE]), median(found[-EDGE:])
        rows.append((name, f"{first:.0f}", f"{last:.0f}", f"{last / first:.3f}"))
    table(["stage", f"utterances {EDGE} to {2 * EDGE}", f"last {EDGE}", "ratio"], rows)
