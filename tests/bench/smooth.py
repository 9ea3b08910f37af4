"""what mlxtts-smooth costs where frames fit, and gains where they do not

Ratio of the exact sound to the difference, in dB, and the median step at the seams, as a multiple
of the median step elsewhere; of the decoder's frames, each of one frame of codes, exact and with
--lookahead 0.
"""

import subprocess
from itertools import pairwise

import numpy as np

from mlxtts.wire import pcm0
from tests.bench.common import TEXT, shell, table
from tests.conftest import environment

LINES = 4


def frames(command: str, data: bytes) -> list[np.ndarray]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        input=data,
        capture_output=True,
        check=True,
        env=environment(),
    )
    found = pcm0.Reader().read([done.stdout])
    return [np.frombuffer(frame.payload, "<f4") for frame in found if not frame.is_end]


def seams(pieces: list[np.ndarray]) -> float:
    steps = [abs(float(b[0]) - float(a[-1])) for a, b in pairwise(pieces)]
    return float(np.median(steps) / np.median(np.abs(np.diff(np.concatenate(pieces)))))


def main() -> None:
    lines = " ".join(f"'{line}'" for line in TEXT.splitlines()[:LINES])
    tokens = shell(f"printf '%s\\n' {lines} | mlxtts-tokens")
    exact = np.concatenate(frames("mlxtts-decode", tokens))
    rows = []
    for name, options in (("exact", ""), ("--lookahead 0", "--lookahead 0")):
        for ms in (0, 1, 2, 5, 10, 20):
            smooth = f"| mlxtts-smooth --crossfade-ms {ms}" if ms else ""
            found = frames(f"mlxtts-decode --chunk-tokens 7 {options} {smooth}", tokens)
            noise = np.mean((exact - np.concatenate(found)) ** 2)
            snr = 10 * np.log10(np.mean(exact**2) / noise) if noise > 1e-12 else np.inf
            rows.append((name, ms or "none", f"{snr:.1f}", f"{seams(found):.2f}"))
    table(["decoded", "crossfade, ms", "SNR, dB", "steps at seams"], rows)
