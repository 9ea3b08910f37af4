"""how much faster several lines are spoken at a time than one after another

Tokens a second of `mlxtts-tokens --width N` over the same five lines, with the start.
"""

import tempfile
from functools import partial
from pathlib import Path

from tests.bench.common import TEXT, blas_choices, blas_name, in_turn, seconds, shell, table

WIDTHS = (1, 2, 4, 8)
LINES = 5
ROUNDS = 3
CODES = 7


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        text.write_text("".join(TEXT.splitlines(keepends=True)[:LINES]))
        frames = shell(f"mlxtts-tokens < {text}").count(b'"codes"')
        for blas in blas_choices():
            line = "mlxtts-tokens --width {} < " + str(text) + " > /dev/null"
            found = in_turn(
                {
                    str(width): partial(
                        seconds, partial(shell, line.format(width), MLXTTS_BLAS=blas)
                    )
                    for width in WIDTHS
                },
                ROUNDS,
            )
            rows.append([blas_name(blas), *(f"{CODES * frames / t:.0f}" for t in found.values())])
    table(["tokens a second", *(f"width {width}" for width in WIDTHS)], rows)
