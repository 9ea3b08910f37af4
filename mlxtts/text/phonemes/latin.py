"""Latin letters within a text of another script."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from mlxtts.text.phonemes.source import Token


class Latin:
    """Says them in American English; where that is not installed they have no sound."""

    def tokens(self, text: str, start: int, space: bool) -> list[Token]:
        """The words of `text`, which begins at `start`; whether a space follows them."""
        if self._english is None:
            return [Token(start, start + len(text), "", space)]
        *found, last = self._english.tokens(text, [])
        found.append(replace(last, space=space))
        return [replace(one, start=start + one.start, end=start + one.end) for one in found]

    @cached_property
    def _english(self) -> Any:
        """Loaded when there is something to say."""
        try:
            from mlxtts.text.phonemes.english import English
        except ImportError:
            return None
        return English(british=False)
