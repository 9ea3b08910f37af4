"""Lines of text to requests, for a command: what cannot be said is reported, and the rest said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from mlxtts.engine.request import Request
from mlxtts.engine.speaker import Speaker
from mlxtts.text.lines import Line
from mlxtts.wire.tokens import End

T = TypeVar("T")


class Report(Protocol):
    """See cli.Tool."""

    def reporting(self, name: str | None = None) -> AbstractContextManager[None]: ...

    def warn(self, message: object) -> None: ...

    def error(self, error: object) -> None: ...


class Reading:
    """`name` is where the lines come from; `manner` what Speaker.request wants beside them."""

    def __init__(self, speaker: Speaker, name: str, report: Report, *manner: Any) -> None:
        self._speaker = speaker
        self._name = name
        self._report = report
        self._manner = manner
        self._places: dict[str, list[str]] = {}
        self.ordinals: list[int] = []
        """Of the lines that are said, in their order; see Line."""

    def request(self, line: Line) -> Request | None:
        """What a line asks for, or None if it has been reported."""
        place = f"{self._name}: line {line.number}"
        request = None
        with self._report.reporting(place):
            request = self._speaker.request(line.utterance(), *self._manner)
            self._places.setdefault(request.id, []).append(place)
            self.ordinals.append(line.ordinal)
        for tag in self._speaker.frontend.new_tags():
            self._report.warn(f"{place}: {tag} left out: {self._speaker.name} does not know it")
        return request

    def watch(self, events: Iterable[T]) -> Iterator[T]:
        """The same, with `ended` of each end."""
        for event in events:
            if isinstance(event, End):
                self.ended(event)
            yield event

    def ended(self, end: End) -> str:
        """Where the utterance came from; reports it if it was cut short."""
        place = self._places[end.id].pop(0)
        if end.reason == "length":
            self._report.error(f"{place}: cut short at the limit of tokens")
        return place
