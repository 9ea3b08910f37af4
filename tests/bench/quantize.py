"""what quantising the starter voice costs

Size, divergence as mlxtts-quantize measures it, and what pocketsphinx hears wrongly: character
errors of each voice and of all, and word errors of all, on the sentences of the hearing test.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlxtts.nn.loading import read_checkpoint
from tests import checkpoints
from tests.bench.common import shell, table
from tests.conftest import STARTER
from tests.voices import test_hearing as hearing

MANNERS = {
    "6 bits": "--bits 6",
    "5 bits": "--bits 5",
    "4 bits": "--bits 4",
    "4 bits, groups of 32": "--bits 4 --group-size 32",
    "mixed_4_6": "--recipe mixed_4_6",
    "mxfp8": "--mode mxfp8",
    "nvfp4": "--mode nvfp4",
    "3 bits": "--bits 3",
}


def errors(model: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lines").write_bytes(hearing.utterances())
        say = hearing.SAY.format(model=model)
        shell(f"< {folder}/lines {say} -o {folder}/said.wav")
        rates = hearing.errors(sorted(Path(folder).glob("said_*.wav")))
    return [f"{rate:.3f}" for rate in rates.values()]


def rows() -> Iterator[tuple[str, ...]]:
    size = sum(tensor.nbytes for tensor in read_checkpoint(STARTER).values())
    count = sum(tensor.size for tensor in checkpoints.starter().values())
    yield "the starter", f"{size / 1e6:.1f}", f"{8 * size / count:.2f}", "", *errors("starter")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, options) in enumerate(MANNERS.items()):
            target = f"{folder}/{number}"
            said = json.loads(shell(f"mlxtts-quantize --json {options} starter {target}"))
            megabytes, bits = f"{said['after'] / 1e6:.1f}", f"{said['bits']:.2f}"
            yield name, megabytes, bits, f"{said['quality']['divergence']:.4f}", *errors(target)


def main() -> None:
    head = ["", "MB", "bits a weight", "nats a token", *hearing.CHARACTER_ERRORS, "all", "WER"]
    table(head, rows())
