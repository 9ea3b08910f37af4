"""Words and how they sound, and the pieces of a text that a model can say in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

LIMIT = 510  # phonemes
ENDS = ".!?…"
STRONG = ":;"
WEAK = ",—–-"
CLOSERS = ")]”’\"'"


@dataclass(frozen=True)
class Word:
    """A written word, with its punctuation or punctuation alone; what it sounds like, which is
    nothing for what cannot be said; and whether a space follows."""

    text: str
    phonemes: str
    space: bool = False


def string(words: Sequence[Word]) -> str:
    """Their phonemes as a model takes them."""
    return "".join(word.phonemes + " " * word.space for word in words).strip()


def unspoken(words: Sequence[Word]) -> list[str]:
    """Those that have no sound."""
    return [word.text for word in words if not word.phonemes]


def split(words: Sequence[Word], limit: int = LIMIT) -> list[list[Word]]:
    """Pieces of at most `limit` phonemes, which end where a speaker would best take breath: at the
    end of a sentence, else at a semicolon or colon, a comma or dash, any space, and at last within
    a word. Nothing is left out."""
    pieces = []
    rest = [part for word in words for part in _chopped(word, limit)]
    while rest:
        end = _end(rest, limit)
        pieces.append([*rest[: end - 1], replace(rest[end - 1], space=False)])
        rest = rest[end:]
    return pieces


def _chopped(word: Word, limit: int) -> list[Word]:
    """A word in parts that fit; the text goes with the first."""
    if len(word.phonemes) <= limit:
        return [word]
    cuts = range(0, len(word.phonemes), limit)
    parts = [Word("" if at else word.text, word.phonemes[at : at + limit]) for at in cuts]
    return [*parts[:-1], replace(parts[-1], space=word.space)]


def _end(words: Sequence[Word], limit: int) -> int:
    """How many words are the best first piece."""
    fitting = _fitting(words, limit)
    if fitting == len(words):
        return fitting
    for good in (_after(ENDS), _after(STRONG), _after(WEAK), lambda word: word.space):
        for end in range(fitting, 0, -1):
            if good(words[end - 1]) and not _hangs(words[end]):
                return end
    return fitting


def _fitting(words: Sequence[Word], limit: int) -> int:
    """How many words the limit has room for; at least one."""
    length = 0
    for count, word in enumerate(words):
        if length + len(word.phonemes) > limit:
            return max(count, 1)
        length += len(word.phonemes) + word.space
    return len(words)


def _after(marks: str) -> Callable[[Word], bool]:
    """Whether a word ends with one of the marks, beside what closes brackets and quotes."""
    return lambda word: word.phonemes.rstrip(CLOSERS)[-1:] in [*marks]


def _hangs(word: Word) -> bool:
    """Whether it belongs to the word before, as a closing quote does."""
    return bool(word.phonemes) and all(
        char in CLOSERS + ENDS + STRONG + WEAK for char in word.phonemes
    )
