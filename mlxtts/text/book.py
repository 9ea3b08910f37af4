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

from mlxtts.errors import TextError
from mlxtts.text.headings import NO_SPACE, heading, markdown, parts, spaced
from mlxtts.text.lines import parts_scenes
from mlxtts.text.sentences import extent, fit, sentences

LONGEST = 1000  # letters of an utterance; a longer paragraph is divided between sentences
UNWRAPPED = 120  # letters of a line that is a whole paragraph
UNDERLINE = re.compile(r"={3,}\s*")
SMALL = re.compile(r"#{4,6}\s+")  # begins a heading of less than a chapter
FENCE = re.compile(r"\s*```")
GUTENBERG = re.compile(
    r"^[^\S\n]*\*\*\* *(START|END) OF (?:THE|THIS) PROJECT GUTENBERG EBOOK\b"
    r"(?:.|\n){0,300}?\*\*\*[^\S\n]*$",
    re.I | re.M,
)
GUTENBERG_END = re.compile(r"^End of (?:the |this )?Project Gutenberg.*$", re.I | re.M)
LEFT_OUT = re.compile(r"\[Illustration(?::\s(?:[^][]|\[[^][]{0,300}\]){0,2000})?\]|\u00ad", re.I)
"""Pictures, and places where a word may be divided."""
NOTE = re.compile(r"(?<=\S)\[\d{1,3}\]")
NOTES = re.compile(r"^[^\S\n]*\[(?:Footnote )?\d{1,3}[\]:]", re.M)
"""A footnote's number, and where there are such."""
ADDRESS = re.compile("[!-~]{40,}")
"""What cannot be wrapped, such as the address of a page."""
ENDED = re.compile(r"[.!?…:。！？：][\"'”’)\]_*」』）》]*$")
WIDE = "\u3000"  # the space that begins a paragraph in Chinese or Japanese
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
    for above, blocks in parts([*_blocks(_within(text))]):
        if above:
            chapters.append(Chapter(heading=above))
        for paragraph in (p for block in blocks for p in _paragraphs(block)):
            chapters[-1].add(paragraph)
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


def _within(text: str) -> str:
    """The text without what Project Gutenberg puts around it, and what is not to be spoken."""
    text = re.sub(r"\r\n?|\f|[\u2028\u2029]", "\n", text)
    books: list[str] = []
    at: int | None = 0
    for match in GUTENBERG.finditer(text):
        if match[1].upper() == "START":
            at = match.end()
        elif at is not None:
            books.append(text[at : match.start()])
            at = None
    if at is not None:
        books.append(text[at:])
    text = LEFT_OUT.sub("", GUTENBERG_END.sub("", "\n\n".join(books)))
    return NOTE.sub("", text) if NOTES.search(text) else text


def _blocks(text: str) -> Iterator[str]:
    """What empty lines part, and headings in Markdown or above an indented line. Where lines are as
    long as paragraphs, each is a block."""
    rows: list[str] = []
    every = [*text.split("\n"), ""]
    fences = sum(bool(FENCE.match(row)) for row in every)
    pairs = fences - fences % 2  # the last may be alone
    fenced = False
    for row in every:
        if FENCE.match(row) and pairs:
            fenced, pairs = not fenced, pairs - 1
        headed = not fenced and (markdown(row) or SMALL.match(row))
        under = bool(rows) and _indented(row) and not _indented(rows[-1]) and heading(rows[-1])
        if headed or under or not (row.strip() or fenced):
            above = [rows.pop()] if under else []
            yield from rows if any(map(_is_paragraph, rows)) else filter(None, ["\n".join(rows)])
            yield from above
            rows = []
        if headed:
            yield SMALL.sub("", row)
        elif len(rows) == 1 and UNDERLINE.fullmatch(row):
            yield f"# {rows.pop()}"
        elif row.strip():
            rows.append(row)
    yield from filter(None, ["\n".join(rows)])


def _indented(row: str) -> bool:
    return row[:1].isspace()


def _is_paragraph(row: str) -> bool:
    return extent(ADDRESS.sub("", row)) > UNWRAPPED


def _paragraphs(block: str) -> Iterator[str]:
    """The paragraphs in a block of lines."""
    rows: list[str] = []
    for row in block.split("\n"):
        said = spaced(row)
        if parts_scenes(said):
            yield from filter(None, ["".join(rows)])
            yield BREAK
            rows = []
        elif rows and said and (row[0] == WIDE or (_indented(row) and ENDED.search(rows[-1]))):
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
