"""A line of text to the segments that a model speaks one after another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlxtts.errors import TextError
from mlxtts.text import english
from mlxtts.text.sentences import fit, sentences

TAG = re.compile(r"<([a-z]+)>")


@dataclass(frozen=True)
class Segment:
    """What is spoken in one go. `pause`: seconds of silence before it, 0 for what is usual."""

    text: str
    pause: float = 0.0


class Frontend:
    """What text must be like for one model: `tags` it acts out, whether it needs everything in
    words (`spoken_form`), how much it speaks in one go (`length`, as of sentences.extent), and the
    language in which sentences are told apart."""

    def __init__(
        self, tags: tuple[str, ...], spoken_form: bool, length: int, language: str = "en"
    ) -> None:
        self._tags = tags
        self._spoken_form = spoken_form
        self._length = length
        self.language = language
        self._removed: set[str] = set()
        self._told: set[str] = set()

    def fresh(self) -> Frontend:
        """The same, that has seen no tags."""
        return Frontend(self._tags, self._spoken_form, self._length, self.language)

    def segments(self, text: str) -> tuple[Segment, ...]:
        """Raises TextError if there is nothing in `text` that can be spoken."""
        if "\0" in text:
            raise TextError("holds a NUL")
        text = TAG.sub(self._tag, text)
        pieces = []
        for sentence in sentences(text, self.language):
            words = english.spoken(sentence) if self._spoken_form else " ".join(sentence.split())
            pieces += [piece for piece in fit(words, self._length) if self._speakable(piece)]
        if not pieces:
            raise TextError(f"nothing to speak in {_short(text)!r}")
        return tuple(map(Segment, pieces))

    def new_tags(self) -> list[str]:
        """Tags that were left out, because the model does not know them, for the first time."""
        new = sorted(self._removed - self._told)
        self._told |= self._removed
        return new

    def _tag(self, match: re.Match[str]) -> str:
        if match[1] in self._tags:
            return match[0]
        self._removed.add(match[0])
        return " "

    def _speakable(self, text: str) -> bool:
        if TAG.search(text):
            return True
        letters = "".join(char for char in text if char.isalnum())
        return bool(re.search("[A-Za-z]", letters) if self._spoken_form else letters)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
