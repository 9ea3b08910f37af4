"""How rules of reading are written down: a pattern, and what becomes of a match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Rewrite = Callable[[re.Match[str]], str]
Rule = tuple[re.Pattern[str], Rewrite]


class Rules(list[Rule]):
    """Rules in their order; of several decorators of a function the lowest comes first."""

    def rule(self, pattern: str, flags: int = 0) -> Callable[[Rewrite], Rewrite]:
        """Append a rule."""

        def add(rewrite: Rewrite) -> Rewrite:
            self.append((re.compile(pattern, flags), rewrite))
            return rewrite

        return add


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def stop(match: re.Match[str]) -> str:
    """The stop of an abbreviation, if it is also the sentence's."""
    return "." if match[0].endswith(".") and match.end() == len(match.string) else ""
