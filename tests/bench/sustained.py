"""speed on longer text, as a multiple of real time

Each stage alone, with its start, and the pipeline of both. Goal for the slower stage: 2 times with
wheels alone, 4 times with OpenBLAS.
"""

import tempfile
from pathlib import Path

import soundfile

from tests.bench.common import TEXT, blas_choices, blas_name, in_turn, seconds, shell, table

LINES = 5
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text, tokens, wav = (Path(folder) / name for name in ("text", "tokens", "x.wav"))
        text.write_text("".join(TEXT.splitlines(keepends=True)[:LINES]))
        shell(f"mlxtts-tokens < {text} > {tokens}; mlxtts-decode {tokens} | mlxtts-wav -o {wav}")
        length = soundfile.info(wav).duration
        actions = {}
        for blas in blas_choices():
            for stage, line in (
                ("tokens", f"mlxtts-tokens < {text}"),
                ("decode", f"mlxtts-decode {tokens}"),
                ("both", f"mlxtts-tokens < {text} | mlxtts-decode"),
            ):
                actions[blas, stage] = lambda line=line, blas=blas: seconds(
                    lambda: shell(f"{line} > /dev/null", MLXTTS_BLAS=blas)
                )
        found = in_turn(actions, ROUNDS)
    print(f"{length:.1f} s of speech")
    rows = [
        [blas_name(blas), *(f"{length / found[blas, s]:.2f}" for s in ("tokens", "decode", "both"))]
        for blas in blas_choices()
    ]
    table(["times real time", "tokens", "decode", "pipeline"], rows)
