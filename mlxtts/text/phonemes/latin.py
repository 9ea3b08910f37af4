"""Latin letters within a text of another script."""

from __future__ import annotations

from mlxtts.text.phonemes.source import Token


class Latin:
    """Says them in American English; where that is not installed they have no sound."""

    def __init__(self) -> None:
        try:
            from mlxtts.text.phonemes.english import English

            self._english: English | None = English(british=False)
        except ImportError:
            self._english = None

    def tokens(self, text: str, start: int) -> list[Token]:
        """The words of `text`, which begins at `start`."""
        if self._english is None:
            return [Token(start, start + len(text), "", True)]
        found = self._english.tokens(text, [])
        return [Token(start + t.start, start + t.end, t.phonemes, t.space) for t in found]
