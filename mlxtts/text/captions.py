"""Captions: what is said, in pieces that are read at a glance, as SubRip or WebVTT has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from mlxtts.errors import UsageError

LINE = 42  # letters, and two lines: what is usual
LENGTH = 2 * LINE
SUFFIXES = (".srt", ".vtt")
STOPS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True)
class Cue:
    """`text` is to be seen from `start` to `stop`, in seconds."""

    start: float
    stop: float
    text: str


def cues(
    text: str, start: float, stop: float, words: Sequence[tuple[str, float, float]] = ()
) -> Iterator[Cue]:
    """What is said between two times, in pieces of two lines at most. Without the times of words,
    each letter is taken to last as long as another."""
    timed = list(words) or [*_guessed(text, start, stop)]
    group: list[tuple[str, float, float]] = []
    for word in timed:
        if group and len(" ".join(w for w, *_ in [*group, word])) > LENGTH:
            cut = _break(group)
            yield _cue(group[:cut])
            group = group[cut:]
        group.append(word)
    if group:
        yield _cue(group)


def _break(group: Sequence[tuple[str, float, float]]) -> int:
    """How many of the words make a cue: up to the last sentence's end in its second half, or all."""
    half = len(group) // 2
    ends = [n + 1 for n, (word, *_) in enumerate(group) if n >= half and word.endswith(STOPS)]
    return ends[-1] if ends else len(group)


def _cue(group: Sequence[tuple[str, float, float]]) -> Cue:
    text = " ".join(word for word, *_ in group)
    return Cue(group[0][1], group[-1][2], "\n".join(wrap(text, LINE)))


def _guessed(text: str, start: float, stop: float) -> Iterator[tuple[str, float, float]]:
    words = text.split()
    letters = max(sum(map(len, words)), 1)
    at = start
    for word in words:
        end = at + (stop - start) * len(word) / letters
        yield word, at, end
        at = end


def kind(path: str) -> str:
    """`srt` or `vtt`, by the name of a file. Raises UsageError."""
    for suffix in SUFFIXES:
        if path.lower().endswith(suffix):
            return suffix[1:]
    raise UsageError(f"--captions {path}: must end in {' or '.join(SUFFIXES)}")


def written(cues: Iterable[Cue], kind: str) -> Iterator[str]:
    """A file of captions, piece by piece."""
    if kind == "vtt":
        yield "WEBVTT\n"
    for number, cue in enumerate(cues, start=1):
        first, last = (_time(t, "," if kind == "srt" else ".") for t in (cue.start, cue.stop))
        text = cue.text
        if kind == "vtt":
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"{'' if number == 1 and kind == 'srt' else chr(10)}{number}\n{first} --> {last}\n{text}\n"


def _time(seconds: float, point: str) -> str:
    total = round(seconds * 1000)
    return f"{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}{point}{total % 1000:03}"
