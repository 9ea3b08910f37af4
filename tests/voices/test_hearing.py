"""The starter voice through the commands, with pocketsphinx as the listener.

The sentences are the first sixteen of the thousand that no training saw, in every voice;
training/RECIPE.md has the rates of two hundred. The expected rates are means over two seeds; the
margins are such that only a voice that has become worse, or is spoken wrongly, exceeds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT, Run

HELD_OUT = ROOT / "mlxtts" / "voices" / "starter" / "training" / "heldout.txt"
LINES = HELD_OUT.read_text().splitlines()[:16]
CHARACTER_ERRORS = {"slt": 0.158, "rms": 0.116, "awb": 0.145, "kal16": 0.111}
ALL = {"characters": 0.132, "words": 0.290}
MARGIN, ALL_MARGIN = 0.05, {"characters": 0.03, "words": 0.04}
RATE = 16_000
SAY = (  # several lines at a time, which are the same as one by one but come sooner
    "mlxtts-tokens --model {model} --width 8 --seed 1 | mlxtts-decode |"
    " mlxtts-wav --split --rate 16000"
)


@cache
def somebody() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=RATE, loglevel="FATAL")


def transcribe(samples: np.ndarray) -> str:
    """What is heard in (T,) samples at RATE; by a listener who forgets what was heard before, to
    which it has adapted."""
    level = 0.6 / max(1e-3, np.abs(samples).max())
    speech = np.pad(samples * level, RATE // 10)
    listener = somebody()
    listener.reinit_feat()
    listener.start_utt()
    listener.process_raw((speech * 32767).astype(np.int16).tobytes(), full_utt=True)
    listener.end_utt()
    return listener.hyp().hypstr if listener.hyp() else ""


def normal(line: str) -> str:
    """Letters and apostrophes, as the listener writes them."""
    return re.sub(r"[^a-z' ]", "", line.lower().replace("-", " ")).strip()


def distance(a: Sequence[object], b: Sequence[object]) -> int:
    """The fewest insertions, deletions and substitutions from one to the other."""
    before = list(range(len(b) + 1))
    for row, x in enumerate(a, 1):
        now = [row]
        for column, y in enumerate(b, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (x != y)))
        before = now
    return before[-1]


def error_rate(
    heard: list[str], lines: list[str], units: Callable[[str], Sequence[object]]
) -> float:
    errors = sum(distance(units(line), units(hyp)) for line, hyp in zip(lines, heard, strict=True))
    return errors / sum(len(units(line)) for line in lines)


def test_distance() -> None:
    assert distance("kitten", "sitting") == 3
    assert error_rate(["a b c"], ["a x c d"], str.split) == 0.5


def utterances() -> bytes:
    """Every line in each voice, as mlxtts-tokens reads it."""
    said = [{"text": line, "voice": voice} for voice in CHARACTER_ERRORS for line in LINES]
    return "".join(json.dumps(utterance) + "\n" for utterance in said).encode()


def errors(paths: list[Path]) -> dict[str, float]:
    """The character error rate of each voice, and those of characters and words in all, in files
    that were made of `utterances`."""
    heard = [transcribe(soundfile.read(path)[0]) for path in paths]
    lines, rates = [normal(line) for line in LINES], {}
    for number, voice in enumerate(CHARACTER_ERRORS):
        said = heard[number * len(lines) :][: len(lines)]
        rates[voice] = error_rate(said, lines, list)
    wanted = lines * len(CHARACTER_ERRORS)
    rates["characters"] = error_rate(heard, wanted, list)
    return rates | {"words": error_rate(heard, wanted, str.split)}


@pytest.mark.parametrize("model", ["starter", "6bit"])
def test_the_starter_voice_is_understood(
    run: Run, tmp_path: Path, record_property: Callable[[str, object], None], model: str
) -> None:
    """As it is, and with 6 bits a weight."""
    if model != "starter":
        done = run("mlxtts-quantize", "--bits", "6", "--no-measure", "starter", model)
        assert (done.returncode, done.stderr) == (0, b"")
    done = run(SAY.format(model=model) + " -o said.wav", stdin=utterances(), timeout=600)
    assert (done.returncode, done.stderr) == (0, b"")
    rates = errors(sorted(tmp_path.glob("said_*.wav")))
    said = ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items())
    record_property(f"pocketsphinx, {model}", said)
    for voice, rate in CHARACTER_ERRORS.items():
        assert rates[voice] < rate + MARGIN
    for units, rate in ALL.items():
        assert rates[units] < rate + ALL_MARGIN[units]
