"""mlxtts-tempo, and sox's `tempo -s`, on the same speech

Times real time of the whole command from the start of its process, in seconds of input; and of the
filter alone, in this process, also on eight channels at 192 kHz.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from mlxtts.audio.tempo import Tempo
from tests.bench.common import TEXT, in_turn, seconds, shell, table

LINES = 5
ROUNDS = 5
FRAME = 2048


def alone(factor: float, rate: int, samples: np.ndarray) -> None:
    tempo = Tempo(factor)
    tempo.start(rate, samples.shape[1])
    for at in range(0, len(samples), FRAME):
        tempo.push(samples[at : at + FRAME])
    tempo.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        frames, wav = Path(folder) / "x.pcm0", Path(folder) / "x.wav"
        lines = " ".join(f"'{line}'" for line in TEXT.splitlines()[:LINES])
        shell(f"printf '%s\\n' {lines} | mlxtts-tokens | mlxtts-decode > {frames}")
        shell(f"mlxtts-wav {frames} -o {wav}")
        speech, rate = soundfile.read(wav, dtype="float32", always_2d=True)
        length = len(speech) / rate
        wide = np.resize(speech, (192_000, 8))
        rows = []
        for factor in (0.5, 0.8, 1.3, 2.0):
            found = in_turn(
                {
                    "ours": partial(
                        seconds, partial(shell, f"mlxtts-tempo {factor} {frames} > /dev/null")
                    ),
                    "sox": partial(seconds, partial(shell, f"sox {wav} -n tempo -s {factor}")),
                    "alone": partial(seconds, partial(alone, factor, rate, speech)),
                    "wide": partial(seconds, partial(alone, factor, 192_000, wide)),
                },
                ROUNDS,
            )
            figures = [length / found[name] for name in ("ours", "sox", "alone")]
            rows.append([factor, *(f"{f:.0f}" for f in [*figures, 1 / found["wide"]])])
    print(f"{length:.1f} s of speech")
    names = ["mlxtts-tempo", "sox tempo -s", "the filter alone", "8 channels, 192 kHz"]
    table(["times real time", *names], rows)
