"""Captions: what is said, in pieces that are read at a glance, as SubRip or WebVTT has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from mlxtts.errors import OptionError

LINE, LINES = 42, 2  # letters in a line, and lines: what is usual
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
        if group and len(wrap(" ".join(w for w, *_ in [*group, word]), LINE)) > LINES:
            cut = _break(group)
            yield _cue(group[:cut])
            group = group[cut:]
        group.append(word)
    if group:
        yield _cue(group)


def _break(group: Sequence[tuple[str, float, float]]) -> int:
    """How many words make a cue: up to the last end of a sentence in the second half, or all."""
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


class Track:
    """A file of captions, piece by piece, of the kind that its name says. Raises UsageError."""

    def __init__(self, path: str) -> None:
        self._kind = next((s for s in SUFFIXES if path.lower().endswith(s)), "")
        if not self._kind:
            raise OptionError("captions", f"must end in {' or '.join(SUFFIXES)}", path)
        self._count = 0

    @property
    def head(self) -> str:
        return "WEBVTT\n\n" if self._kind == ".vtt" else ""

    def entry(self, cue: Cue) -> str:
        self._count += 1
        text, point = cue.text, ","
        if self._kind == ".vtt":
            text, point = escape(cue.text, quote=False), "."
        times = " --> ".join(_clock(t).replace(".", point) for t in (cue.start, cue.stop))
        return f"{self._count}\n{times}\n{text}\n\n"


def _clock(seconds: float) -> str:
    total = round(1000 * seconds)
    hours, minutes = total // 3_600_000, total // 60_000 % 60
    return f"{hours:02}:{minutes:02}:{total // 1000 % 60:02}.{total % 1000:03}"
