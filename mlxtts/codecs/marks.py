"""When everything is heard, for those who want to know beside the sound: as JSON lines, and as
captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from mlxtts.codecs.utterance import Passage
from mlxtts.text.captions import Track, cues
from mlxtts.text.emphasis import Marked


class Out(Protocol):
    def write(self, data: bytes) -> object: ...


class Marks:
    """Writes what it is told of each utterance to whom it may concern. Times are in seconds since
    the beginning of all sound. Raises UsageError if the name of the captions does not say of which
    kind they are."""

    def __init__(self, timings: Out | None, captions: Out | None, name: str | None) -> None:
        self._timings = timings
        self._captions = captions
        if captions:
            self._track = Track(name or "")
            captions.write(self._track.head.encode())

    def heard(self, id: str, since: float, passages: Sequence[Passage]) -> None:
        """See codecs.decoding.Decoding."""
        for passage in passages:
            if self._timings:
                line = json.dumps(_plain(id, since, passage), ensure_ascii=False)
                self._timings.write(line.encode() + b"\n")
            if self._captions:
                words = [(w.text, since + w.start, since + w.stop) for w in passage.words]
                span = since + passage.start, since + passage.stop
                for cue in cues(_shown(passage), *span, words):
                    self._captions.write(self._track.entry(cue).encode())


def _shown(passage: Passage) -> str:
    """Its text, without the asterisks that a model wants."""
    return Marked.read(passage.text).text


def _plain(id: str, since: float, passage: Passage) -> dict[str, object]:
    def at(seconds: float) -> float:
        return round(since + seconds, 4)

    words = [{"word": w.text, "start": at(w.start), "end": at(w.stop)} for w in passage.words]
    whole = {"start": at(passage.start), "end": at(passage.stop)}
    return {"id": id, "text": _shown(passage), **whole} | ({"words": words} if words else {})
