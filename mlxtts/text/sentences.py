"""Sentences, and pieces of them that fit a length."""

from __future__ import annotations

import re
from unicodedata import category, east_asian_width

from mlxtts.text import markup
from mlxtts.text.english_tables import ABBREVIATIONS, GOES_ON

BREAKS = (r"[;:]\s+|[；：]", r",\s+|[，、]", r"\s+")
FOLLOWED = re.compile(r"[.!?…。！？।][^\w.!?…。！？।]*\w")
OPEN = re.compile(rf"(?<![\w.])(?:{'|'.join(GOES_ON)})\.\s*$")
ABBREVIATED = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, ABBREVIATIONS))})\.\s*$", re.I)
LONGEST = 1000  # characters of a sentence that does not end
WIDE = 3  # a Chinese character or a Korean syllable takes about as long as three letters


def sentences(text: str, language: str = "en", *, more: bool = False) -> list[str]:
    """The sentences of `text`, without the space around them. None ends within markup, also not
    within one that is still to be completed if `more` text comes."""
    from sentencex import segment

    text, hidden = markup.hide(text, markup.WHOLE_BEGUN if more else markup.WHOLE)
    parts: list[list[str]] = []
    for part in segment(language, text):
        if parts and language == "en" and _goes_on(parts[-1][-1], part):
            parts[-1].append(part)
        else:
            parts.append([part])
    whole = ("".join(part).strip() for part in parts)
    return [markup.show(part, hidden) for part in whole if part]


def _goes_on(part: str, following: str) -> bool:
    """Whether an English sentence was ended at an abbreviation within it."""
    if re.match("[a-z0-9]", following):
        return bool(ABBREVIATED.search(part))
    return bool(OPEN.search(part))


class Incoming:
    """The sentences of a text that comes in pieces, each as soon as something follows it. A line
    break ends a sentence too, and so does a length that none has."""

    def __init__(self, language: str = "en") -> None:
        self._language = language
        self._rest = ""

    @property
    def rest(self) -> int:
        """How many characters have come of a sentence that has not ended."""
        return len(self._rest)

    def feed(self, text: str) -> list[str]:
        *lines, self._rest = (self._rest + text).split("\n")
        found = [sentence for line in lines for sentence in sentences(line, self._language)]
        if FOLLOWED.search(self._rest):
            *whole, last = sentences(self._rest, self._language, more=True)
            found += whole
            self._rest = self._rest[self._rest.rindex(last) :]
        while len(self._rest) > LONGEST:
            cut = self._rest.rfind(" ", 1, LONGEST) + 1 or LONGEST
            found += sentences(self._rest[:cut], self._language)
            self._rest = self._rest[cut:]
        return found

    def close(self) -> list[str]:
        """Say that the text has ended."""
        return self.feed("\n")


def extent(text: str) -> int:
    """How long it takes to say, in letters of an alphabet."""
    if text.isascii():
        return len(text)
    return sum(WIDE if east_asian_width(char) in "WF" else 1 for char in text)


def fit(text: str, length: int) -> list[str]:
    """`text` in pieces of an extent of at most `length`, broken at the strongest break that gives
    pieces that fit: semicolons, then commas, then spaces, and only at last within a word."""
    if extent(text) <= length:
        return [text]
    for pattern in BREAKS:
        cuts = [m.end() for m in re.finditer(pattern, text) if m.end() < len(text)]
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        if len(parts) > 1:
            return [piece for part in _packed(parts, length) for piece in fit(part, length)]
    return _chopped(text, length)


def _packed(parts: list[str], length: int) -> list[str]:
    """Neighbours joined again while they fit, in lines of about the same length."""
    total = extent("".join(parts))
    even = min(length, -(-total // -(-total // length)) + length // 8)
    packed = [""]
    for part in parts:
        if extent((packed[-1] + part).strip()) <= even:
            packed[-1] += part
        else:
            packed.append(part)
    return [stripped for line in packed if (stripped := line.strip())]


def _chopped(text: str, length: int) -> list[str]:
    """Pieces of a word; a sign that belongs to the letter before it stays there."""
    cuts, size = [0], 0
    for at, char in enumerate(text):
        size += extent(char)
        if size > length and not category(char).startswith("M"):
            cuts.append(at)
            size = extent(char)
    return [text[a:b] for a, b in zip(cuts, [*cuts[1:], None], strict=True) if text[a:b]]
