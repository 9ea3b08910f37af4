"""Books: chapters of paragraphs, and the lines that mlxtts-tokens reads.

This module finds them in plain text, wrapped by hand or by Project Gutenberg, and in Markdown;
`epub` finds them in EPUB.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from mlxtts.errors import TextError
from mlxtts.text.lines import parts_scenes
from mlxtts.text.sentences import extent, fit, sentences

LONGEST = 1000  # letters of an utterance; a longer paragraph is divided between sentences
UNWRAPPED = 120  # letters of a line that is a whole paragraph
LONGEST_HEADING = 120
CONTENTS = 3  # headings that may follow each other; more are a table of contents

KINDS = (
    "chapter|part|book|act|scene|canto|letter|volume|stave|section|chapitre|partie|livre|tome|"
    "kapitel|teil|buch|cap[ií]tulo|parte|libro|livro|tomo|capitolo|अध्याय"
)
NUMBERS = (
    r"\d+|[ivxlcdm]+|the (?:first|last|\w+th|second|third)|one|two|three|four|five|six|seven|eight"
    r"|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?"
)
TITLE = r"\s*[.:)—–-].*|(?-i:\s+(?=[\"“'A-Z]).*(?<![.,;]))|"
ALONE = "prologue|epilogue|preface|introduction|foreword|afterword|conclusion|appendix(?: [a-z])?"
HEADING = re.compile(
    rf"(?:{KINDS})\s+(?:{NUMBERS})(?:{TITLE})|(?:{ALONE})\.?|(?-i:[IVXLC]+)\.?"
    r"|第[\d一二三四五六七八九十百]+[章回節节話话卷部].*",
    re.I,
)
TITLES = {"contents", "table of contents"}
MARKDOWN = re.compile(r"#{1,3}\s+(.*?)[\s#]*")
GUTENBERG = re.compile(
    r"^ *\*\*\* *(START|END) OF (?:THE|THIS) PROJECT GUTENBERG EBOOK\b[^*]*\*\*\*$", re.I | re.M
)
LEFT_OUT = re.compile(r"\[Illustration(?:: [^\]]*)?\]|(?<=\S)\[\d{1,3}\]|\u00ad")
"""Pictures, the numbers of footnotes, and places where a word may be divided."""
EAST = r"[\u3000-\u30ff\u3400-\u9fff\uff01-\uff60]"
NO_SPACE = re.compile(rf"(?<={EAST})[^\S\n]*\n\s*(?={EAST})")
"""The end of a line in Chinese or Japanese, where others have a space."""
ADDRESS = re.compile("[!-~]{40,}")
"""What cannot be wrapped, such as the address of a page."""
ENDED = re.compile(r"[.!?…:][\"'”’)\]_*]*$")
WORD = re.compile(r"[^\W_]")
BREAK = ""
"""Stands for a break between scenes."""


@dataclass
class Chapter:
    """`heading`: what stands above the first of its `paragraphs`; both are spoken. `title` is what
    a table of contents calls it, empty if there is none."""

    title: str = ""
    heading: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.title or " ".join(self.heading)

    def add(self, text: str) -> None:
        """A paragraph, unless it has no word, or a BREAK, which is nothing after another or before
        the first."""
        if WORD.search(text) or (text == BREAK != (self.paragraphs or [BREAK])[-1]):
            self.paragraphs.append(text)

    def under(self, other: Chapter) -> Chapter:
        """The same, below what has nothing but a heading."""
        title = ". ".join(filter(None, [other.title, self.title]))
        return Chapter(title, other.heading + self.heading, self.paragraphs)


def read(data: bytes) -> list[Chapter]:
    """The chapters of a text in UTF-8, or in UTF-16 with a byte order mark. Raises TextError."""
    marked = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise TextError("neither EPUB nor text in UTF-8") from None
    if "\0" in text:
        raise TextError("holds a NUL")
    return plain(text)


def plain(text: str) -> list[Chapter]:
    """The chapters of a plain text or of Markdown. Lines are joined to paragraphs, which are
    parted by an empty line, or begin with an indent after the end of a sentence. Raises TextError
    if there is no text."""
    chapters = [Chapter()]
    for headed, group in groupby(_blocks(text), lambda block: bool(_heading(block))):
        blocks = list(group)
        if not headed:
            for paragraph in (p for block in blocks for p in _paragraphs(block)):
                chapters[-1].add(paragraph)
        elif heading := _without_contents([_heading(block) for block in blocks]):
            chapters.append(Chapter(heading=heading))
    return whole(chapters)


def whole(chapters: Iterable[Chapter]) -> list[Chapter]:
    """The chapters that say something; one that has nothing but a heading is joined to the next.
    Raises TextError if there is none."""
    found: list[Chapter] = []
    for chapter in chapters:
        if chapter.paragraphs and chapter.paragraphs[-1] == BREAK:
            chapter.paragraphs.pop()
        if not chapter.heading + chapter.paragraphs:
            continue
        found.append(chapter.under(found.pop()) if found and not found[-1].paragraphs else chapter)
    if not found:
        raise TextError("no text")
    return found


def lines(chapters: Iterable[tuple[int, Chapter]]) -> Iterator[str]:
    """JSON lines of chapters with their numbers. Empty lines, each half a second of silence, stand
    between: one before a paragraph, two between scenes, four before a chapter."""
    space = 0
    for number, chapter in chapters:
        ordinal = 0
        for paragraph in [*chapter.heading, *chapter.paragraphs]:
            if paragraph == BREAK:
                space = 2
                continue
            yield from [""] * space
            for piece in _pieces(paragraph):
                ordinal += 1
                yield json.dumps({"id": f"{number}.{ordinal}", "text": piece}, ensure_ascii=False)
            space = 1
        space = 4


def spaced(text: str) -> str:
    """The text with one space between words, as if it had no lines."""
    return " ".join(NO_SPACE.sub("", text).split())


def _blocks(text: str) -> Iterator[str]:
    """What empty lines part. Where lines are as long as paragraphs, each is a block."""
    for block in re.split(r"\n(?:[^\S\n]*\n)+", _within(text).strip("\n")):
        rows = block.split("\n")
        if any(len(ADDRESS.sub("", row)) > UNWRAPPED for row in rows):
            yield from rows
        elif not _is_contents(rows):
            yield block


def _within(text: str) -> str:
    """The text without what Project Gutenberg puts around it, and what is not to be spoken."""
    text = re.sub(r"\r\n?|\f|[\u2028\u2029]", "\n", text)
    for match in reversed([*GUTENBERG.finditer(text)]):
        text = text[match.end() :] if match[1].upper() == "START" else text[: match.start()]
    return LEFT_OUT.sub("", text)


def _heading(block: str) -> str:
    """The heading that a block is, or nothing."""
    if len(block) > 2 * LONGEST_HEADING:
        return ""
    rows = [spaced(row) for row in block.strip().split("\n")]
    if len(rows) == 1 and (match := MARKDOWN.fullmatch(rows[0])):
        return match[1]
    joined = " ".join(row if row.endswith((".", ":", "-", "—")) else f"{row}." for row in rows)
    joined = joined if len(rows) > 1 else rows[0]
    return joined if len(joined) <= LONGEST_HEADING and HEADING.fullmatch(joined) else ""


def _is_contents(rows: list[str]) -> bool:
    """Whether lines that stand together are a table of contents, or its title."""
    title = " ".join(rows).strip(" .:#*_").casefold()
    return title in TITLES or sum(bool(_heading(row)) for row in rows) > CONTENTS


def _without_contents(headings: list[str]) -> list[str]:
    """Headings that follow each other, without a table of contents: what comes once more after it
    is where the text begins."""
    if len(headings) <= CONTENTS:
        return headings
    seen: set[str] = set()
    for at, heading in enumerate(headings):
        if heading.casefold() in seen:
            return _without_contents(headings[at:])
        seen.add(heading.casefold())
    return []


def _paragraphs(block: str) -> Iterator[str]:
    """The paragraphs in a block of lines."""
    rows: list[str] = []
    for row in block.split("\n"):
        said = spaced(row)
        if parts_scenes(said):
            yield from filter(None, ["".join(rows)])
            yield BREAK
            rows = []
        elif rows and row[:1].isspace() and ENDED.search(rows[-1]):
            yield "".join(rows)
            rows = [said]
        elif said:
            rows += [_between(rows[-1], said), said] if rows else [said]
    yield from filter(None, ["".join(rows)])


def _between(row: str, following: str) -> str:
    """What joins two lines of a paragraph."""
    words_go_on = re.search(r"(?:\w-|--|—)$", row[-2:])
    return "" if words_go_on or NO_SPACE.search(f"{row[-1:]}\n{following[:1]}") else " "


def _pieces(paragraph: str) -> list[str]:
    """A paragraph in pieces that are not too long, of whole sentences if these are not."""
    if extent(paragraph) <= LONGEST:
        return [paragraph]
    pieces = [""]
    for part in (p for sentence in sentences(paragraph) for p in fit(sentence, LONGEST)):
        if extent(f"{pieces[-1]} {part}") <= LONGEST:
            pieces[-1] = f"{pieces[-1]} {part}".strip()
        else:
            pieces.append(part)
    return pieces
