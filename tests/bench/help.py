"""how long --help takes, as a multiple of `python3 -c pass`

Goal: at most 6 times.
"""

import subprocess
import sys

from tests.bench.common import in_turn, seconds, table
from tests.conftest import BIN, environment


def main() -> None:
    def timed(*words: str) -> float:
        return seconds(
            lambda: subprocess.run(words, check=True, capture_output=True, env=environment())
        )

    commands = {path.name: path for path in sorted(BIN.iterdir()) if path.is_file()}
    actions = {"python3 -c pass": lambda: timed(sys.executable, "-c", "pass")}
    for name in commands:
        actions[name] = lambda name=name: timed(name, "--help")
    found = in_turn(actions, 15)
    least = found["python3 -c pass"]
    rows = [(name, f"{1000 * t:.0f}", f"{t / least:.1f}") for name, t in found.items()]
    table(["command", "ms", "times python3"], rows)
