"""what less lookahead costs, on the starter voice

Ratio of the exact sound to the difference, in dB, and how late a sample leaves.
"""

import numpy as np

from mlxtts.wire import pcm0
from tests.bench.common import TEXT, shell, table


def decode(tokens: bytes, options: str) -> np.ndarray:
    import subprocess

    from tests.conftest import environment

    done = subprocess.run(
        ["mlxtts-decode", "--chunk-tokens", "7", *options.split()],
        input=tokens,
        capture_output=True,
        check=True,
        env=environment(),
    )
    frames = list(pcm0.Reader().read([done.stdout]))
    return np.concatenate([np.frombuffer(frame.payload, "<f4") for frame in frames])


def main() -> None:
    lines = TEXT.splitlines()[:4]
    tokens = shell("printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + " | mlxtts-tokens")
    exact = decode(tokens, "")
    rows = []
    for frames in (0, 1, 2):
        early = decode(tokens, f"--lookahead {frames}")
        snr = 10 * np.log10(np.mean(exact**2) / np.mean((exact - early) ** 2))
        rows.append((frames, f"{frames * 2048 / 24:.0f}", f"{snr:.1f}"))
    rows.append(("exact", f"{4757 / 24:.0f}", "-"))
    table(["--lookahead", "ms", "SNR, dB"], rows)
