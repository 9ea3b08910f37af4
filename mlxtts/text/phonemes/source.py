"""What is written and what is said for it: both texts, and where one is at a place of the other.

A language reads the said text and gives tokens with their places in it; `words` gives them back as
written words. Where something else is said than is written, or its sound is given, the tokens of it
become one word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from mlxtts.text.lexicon import UNSPACED, Lexicon
from mlxtts.text.markup import WORD
from mlxtts.text.phonemes.word import Word

JOINED = re.compile(rf"[^\W{UNSPACED}]{{2}}")
"""Two letters that would be read as being of one word."""


@dataclass(frozen=True)
class Part:
    """A stretch of a text. `phonemes` and `stress` are given by whoever wrote it."""

    written: str
    said: str
    phonemes: str | None = None
    stress: float | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing is known of it but its text."""
        return self.written == self.said and self.phonemes is None and self.stress is None


@dataclass(frozen=True)
class Mark:
    """What is given of the said text from `start` to `end`."""

    start: int
    end: int
    phonemes: str | None
    stress: float | None


@dataclass(frozen=True)
class Token:
    """What a language makes of the said text from `start` to `end`, and whether a space follows."""

    start: int
    end: int
    phonemes: str
    space: bool


def between(
    said: str, marks: Sequence[Mark], read: Callable[[str], list[Token]], *, apart: bool = False
) -> list[Token]:
    """The tokens of a text of which `read` is to read what has no sound given. `apart`: words are
    written without spaces, and sounds are not."""
    found: list[Token] = []
    at = 0
    given = [mark for mark in marks if mark.phonemes is not None]
    for mark in [*given, Mark(len(said), len(said), "", None)]:
        for token in read(said[at : mark.start]) if said[at : mark.start].strip() else ():
            found.append(replace(token, start=at + token.start, end=at + token.end))
        if found and _space(said, found[-1].end, apart and bool(mark.phonemes)):
            found[-1] = replace(found[-1], space=True)
        at = mark.end
        if mark.phonemes:
            found.append(Token(mark.start, at, mark.phonemes, _space(said, at, apart)))
    return found


def _space(said: str, at: int, apart: bool) -> bool:
    """Whether there is a space at a place, or would be one."""
    return said[at : at + 1].isspace() or (apart and said[max(at - 1, 0) : at + 1].isalnum())


def figures(text: str) -> str:
    """The text with the figures of any script as those that are known everywhere."""
    return re.sub(r"\d", lambda figure: str(unicodedata.decimal(figure[0])), text)


def changed(written: str, said: str) -> list[Part]:
    """What has become of a text, in parts."""
    steps = SequenceMatcher(None, written, said, autojunk=False).get_opcodes()
    found: list[Part] = []
    for kind, a, b, c, d in steps:
        new = Part(written[a:b], said[c:d])
        if kind != "equal" and found and not (new.written and new.said):
            last = found.pop()  # something came or went: it is the change of what is beside it
            new = Part(last.written + new.written, last.said + new.said)
        found.append(new)
    return found


def parts(text: str, lexicon: Lexicon) -> list[Part]:
    """A text in which the markup has been read, and the lexicon looked up."""
    found: list[Part] = []
    at = 0
    text = " ".join(text.split())
    for match in WORD.finditer(text):
        found += _looked_up(text[at : match.start()], lexicon)
        word, phonemes, other, stress = match.groups()
        if phonemes is not None:
            found.append(Part(word, word, " ".join(phonemes.split())))
        else:
            found.append(Part(other, other, stress=float(stress)))
        at = match.end()
    return [part for part in [*found, *_looked_up(text[at:], lexicon)] if part.written]


def _looked_up(text: str, lexicon: Lexicon) -> Iterator[Part]:
    at = 0
    for start, end, entry in lexicon.find(text):
        word = text[start:end]
        yield Part(text[at:start], text[at:start])
        said = word if entry.phonemes else entry.respelling or word
        yield Part(word, said, entry.phonemes)
        at = end
    yield Part(text[at:], text[at:])


class Source:
    """Parts of a text, in their order."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = _spaced(parts)
        self.said = "".join(part.said for part in self.parts)
        self.written = "".join(part.written for part in self.parts)
        self.marks: list[Mark] = []
        self._places: dict[int, int] = {}
        said = written = 0
        for part in self.parts:
            if part.written == part.said and part.phonemes is None:
                self._places |= {said + step: written + step for step in range(len(part.said))}
            else:
                begin = len(part.said) - len(part.said.lstrip())
                self._places[said + begin] = written
            end = said + len(part.said)
            if part.phonemes is not None or part.stress is not None:
                self.marks.append(Mark(said, end, part.phonemes, part.stress))
            said, written = end, written + len(part.written)

    def words(self, tokens: Sequence[Token]) -> list[Word]:
        """The tokens as words. Together they have all that is written."""
        groups: list[tuple[int, list[Token]]] = []
        for token in tokens:
            place = self._places.get(token.start)
            if place is None and groups:
                groups[-1][1].append(token)
            else:
                groups.append((place or 0, [token]))
        if not groups:
            return _tidy([Word(self.written, "")])
        groups[0] = 0, groups[0][1]
        ends = [place for place, _ in groups[1:]] + [len(self.written)]
        found = [
            Word(self.written[place:end], _joined(group), group[-1].space)
            for (place, group), end in zip(groups, ends, strict=True)
        ]
        return _tidy(found)


def _spaced(parts: Sequence[Part]) -> list[Part]:
    """The parts, with a space where something that is said would run into what is beside it."""
    found: list[Part] = []
    for part in parts:
        if found and JOINED.fullmatch(found[-1].said[-1:] + part.said[:1]):
            if not found[-1].plain:
                found[-1] = replace(found[-1], said=found[-1].said + " ")
            elif not part.plain:
                part = replace(part, said=" " + part.said)
        found.append(part)
    return found


def _joined(tokens: Sequence[Token]) -> str:
    return " ".join("".join(token.phonemes + " " * token.space for token in tokens).split())


def _tidy(words: Sequence[Word]) -> list[Word]:
    """Punctuation without a sound goes with its neighbour; spaces are between words that sound."""
    found: list[Word] = []
    lead = ""
    for word in words:
        text = lead + word.text
        lead = ""
        if word.phonemes or _matters(text):
            found.append(replace(word, text=text))
        elif found and unicodedata.category(text[:1] or " ") not in ("Ps", "Pi"):
            last = found[-1]
            found[-1] = replace(last, text=last.text + text, space=last.space or word.space)
        else:
            lead = text
    if lead.strip():
        last = found.pop() if found else Word("", "")
        found.append(replace(last, text=last.text + lead))
    return _respaced(found)


def _matters(text: str) -> bool:
    """Whether somebody would miss it."""
    return any(unicodedata.category(char)[0] in "LNS" and char not in "`^|~" for char in text)


def _respaced(words: Sequence[Word]) -> list[Word]:
    spoken = [at for at, word in enumerate(words) if word.phonemes]
    found = []
    for at, word in enumerate(words):
        space = word.space or word.text[-1:].isspace()
        if word.phonemes and at + 1 < len(words) and not words[at + 1].phonemes:
            space = True  # which the one without a sound cannot have
        last = not spoken or at >= spoken[-1]
        found.append(
            Word(
                re.sub(r"\s+", " ", word.text).strip(),
                word.phonemes,
                bool(word.phonemes) and space and not last,
            )
        )
    return found
