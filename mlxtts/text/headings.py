"""Headings in plain text and in Markdown, and tables of contents, which are not spoken."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import groupby

from mlxtts.text.lines import parts_scenes

LONGEST_HEADING = 120
ROWS = 3  # of a heading at most
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
NUMBERED = re.compile(rf"(?:{KINDS})\s+(?:{NUMBERS})", re.I)
HEADING = re.compile(
    rf"(?:{KINDS})\s+(?:{NUMBERS})(?:{TITLE})|(?:{ALONE})\.?|(?-i:[IVXLC]+)\.?"
    r"|第[\d一二三四五六七八九十百]+[章回節节話话卷部].*",
    re.I,
)
TITLES = {"contents", "table of contents"}
MARKDOWN = re.compile(r"#{1,3}\s+(.*?)[\s#]*")
PAGE = re.compile(r"(?:\s*(?:\. ?|…){2,}|\s{2,})\s*\d+\s*$")
"""Where a table of contents says that a chapter is."""
EAST = r"[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60]"
NO_SPACE = re.compile(rf"(?<={EAST})[^\S\n]*\n\s*(?={EAST})")
"""The end of a line in Chinese or Japanese, where others have a space."""


def spaced(text: str) -> str:
    """The text with one space between words, as if it had no lines."""
    return " ".join(NO_SPACE.sub("", text).split())


def markdown(row: str) -> re.Match[str] | None:
    """Whether it is a heading in Markdown, of which the first group is the text."""
    return MARKDOWN.fullmatch(row) if len(row) <= LONGEST_HEADING else None


def parts(blocks: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Headings, and the blocks under them, without a table of contents."""
    last = {_key(block): at for at, block in enumerate(blocks) if heading(block)}
    above: list[str] = []
    titled = False
    at = 0
    for headed, group in groupby(blocks, lambda block: bool(heading(block))):
        run = [*group]
        at += len(run)
        if headed:
            if titled or len(run) > CONTENTS:
                run = run[_begin([*map(_key, run)]) :]
                run = [block for block in run if last[_key(block)] < at]
            above = [*map(heading, run)]
            continue
        said = []
        for block in run:
            if not _is_contents(block, last, titled):
                said.append(block)
            titled = _is_title(block)
        yield above, said
        above = []
    yield above, []


def _begin(keys: list[str]) -> int:
    """Where in headings that follow each other the first is that comes once more, which is the
    first of the text."""
    seen: set[str] = set()
    begin = 0
    for at, key in enumerate(keys):
        if key in seen:
            begin, seen = at, set()
        seen.add(key)
    return begin


def _is_title(block: str) -> bool:
    return " ".join(block.split()).strip(" .:#*_").casefold() in TITLES


def _is_contents(block: str, headings: Container[str], titled: bool) -> bool:
    """Whether it is a table of contents or its title: lines that are nearly all headings or have
    the number of a page, with the title, or where one is a heading of the text."""
    rows = block.split("\n")
    if _is_title(rows[0]):
        titled = True
        del rows[0]
    short = [row for row in rows if len(row) <= LONGEST_HEADING]
    listed = [row for row in short if heading(row) or PAGE.search(row)]
    if len(listed) < 0.8 * len(rows):
        return False
    return titled or (len(listed) > CONTENTS and any(_key(row) in headings for row in listed))


def _key(block: str) -> str:
    """The same for a heading and where a table of contents has it."""
    text = PAGE.sub("", block.strip())
    return re.sub(r"[\W_]+", " ", heading(text) or text).strip().casefold()


def heading(block: str) -> str:
    """The heading that a block is, or nothing."""
    if len(block) > 2 * LONGEST_HEADING:
        return ""
    rows = [row for row in map(spaced, block.strip().split("\n")) if not parts_scenes(row)]
    if len(rows) > ROWS:
        return ""
    if len(rows) == 1 and (match := markdown(rows[0])):
        return match[1]
    if len(rows) > 1 and NUMBERED.fullmatch(rows[0]):
        rows[0] += "."
    joined = " ".join(rows)
    return joined if len(joined) <= LONGEST_HEADING and HEADING.fullmatch(joined) else ""
