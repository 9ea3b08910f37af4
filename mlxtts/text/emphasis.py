"""Words that a writer has emphasised, as ``*really*``, while rules turn the text into another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlxtts.text.markup import EMPHASIS

MARK = "*"
DEPTH = 3  # of emphasis within emphasis
TOKEN = re.compile(r"(?<!\S)(\S+?)([,.?!;:]*)(?!\S)")

Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Marked:
    """A text without asterisks of emphasis, and for each of its characters a MARK or a space."""

    text: str
    marks: str

    @classmethod
    def read(cls, text: str) -> Marked:
        """Of a text as it is written. An asterisk that has no other stays in it."""
        marked = cls(text, " " * len(text))
        for _ in range(DEPTH):
            found = [*EMPHASIS.finditer(marked.text)]
            for match in reversed(found):
                (start, end), (first, last) = match.span(), match.span("words")
                marked = marked[:start] + cls(match["words"], MARK * (last - first)) + marked[end:]
            if not found:
                break
        return marked

    def __getitem__(self, part: slice) -> Marked:
        return Marked(self.text[part], self.marks[part])

    def __add__(self, other: Marked) -> Marked:
        return Marked(self.text + other.text, self.marks + other.marks)

    def edited(self, edits: Iterable[Edit]) -> Marked:
        """With other text from where to where; it is emphasised if any of what it is for was, but
        what did not change keeps its own marks."""
        texts, marks, at = [], [], 0
        for start, end, new in edits:
            old = self[start:end]
            texts += [self.text[at:start], new]
            marks += [self.marks[at:start], _marks(old.text, old.marks, new)]
            at = end
        return Marked("".join([*texts, self.text[at:]]), "".join([*marks, self.marks[at:]]))

    def sub(self, pattern: re.Pattern[str], rewrite: Callable[[re.Match[str]], str]) -> Marked:
        """As re.sub."""
        return self.edited((*m.span(), rewrite(m)) for m in pattern.finditer(self.text))

    def parts(self, texts: Iterable[str]) -> Iterator[Marked]:
        """In parts that have these texts, in their order; there is nothing but space between."""
        at = 0
        for text in texts:
            at = self.text.index(text, at)
            yield self[at : at + len(text)]
            at += len(text)

    def written(self, able: Callable[[str], bool]) -> str:
        """The text with each emphasised word in asterisks, what ends a clause after them; not
        those that are not `able` to be."""

        def token(match: re.Match[str]) -> str:
            word, end = match.groups()
            marks = self.marks[match.start() : match.end(1)]
            chosen = any(m == MARK and c.isalnum() for c, m in zip(word, marks, strict=True))
            return f"{MARK}{word}{MARK}{end}" if chosen and able(word) else match[0]

        return TOKEN.sub(token, self.text)


def _marks(old: str, marks: str, new: str) -> str:
    """The marks of what `old` has become."""
    if MARK not in marks:
        return " " * len(new)
    if len(new) == len(old) and new.lower() == old.lower():
        return marks
    before = _alike(old, new)
    after = _alike(old[before:][::-1], new[before:][::-1])
    end = len(old) - after
    changed = MARK if MARK in (marks[before:end] or marks) else " "
    return marks[:before] + changed * (len(new) - before - after) + marks[end:]


def _alike(one: str, other: str) -> int:
    """How many characters begin both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
