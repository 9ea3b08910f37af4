"""Headings in plain text and in Markdown, and tables of contents, which are not spoken."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import groupby

from mlxtts.text.lines import parts_scenes

LONGEST_HEADING = 120
ROWS = 3  # of a heading at most
CONTENTS = 3  # headings that may follow each other; more may be a table of contents

KINDS = (
    "chapter|part|book|act|scene|canto|letter|volume|stave|section|chapitre|partie|livre|tome|"
    "kapitel|teil|buch|cap[ií]tulo|parte|libro|livro|tomo|capitolo|अध्याय"
)
ORDINALS = (
    r"(?:the )?(?:\w+ty-)?(?:first|last|second|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|"
    r"twelf|\w+teen|\w+tie)th)|premi(?:er|ère)|primer[oa]?|prim[oa]"
)
NUMBERS = (
    r"\d+|[ivxlcdm]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen"
    rf"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|{ORDINALS}"
)
TITLE = r"(?:\s*[.:)—–-].*|(?-i:\s+(?=[\"“'A-Z]).*(?<![.,;]))|)"
ALONE = "prologue|epilogue|preface|introduction|foreword|afterword|conclusion|appendix(?: [a-z])?"
NUMERAL = r"(?-i:[IVXLC]+)"
NUMBERED = re.compile(rf"(?:{KINDS})\s+(?:{NUMBERS})", re.I)
LONE = re.compile(r"(?:[IVXLC]+|\d{1,3})\.?")
HEADING = re.compile(
    rf"(?:{KINDS})\s+(?:{NUMBERS}){TITLE}|(?:{ALONE})\.?"
    rf"|(?:\d+\.|\w+(?:ter?|tes|ère|ème)) (?:kapitel|teil|buch|partie){TITLE}"
    rf"|{NUMERAL}\.?|[—–-] ?{NUMERAL} ?[—–-]|\[ \d+ \]|{NUMERAL}\.\s+(?-i:(?=.*[A-Z]{{2}})[^a-z]+)"
    rf"|(?:(?-i:[A-Z ]+)\.? )?No\. (?:{NUMERAL}|\d+)\.?"
    r"|第\s*[\d〇零一二两三四五六七八九十百千]+\s*[章回節节話话卷部](?:[\s:：、.—-].*(?<![。！？]))?",  # noqa: RUF001
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
                run = _without_contents(run, last, at, titled)
            above = [*map(heading, run)]
            continue
        said = []
        for block in run:
            if not _is_contents(block, last, titled):
                said.append(block)
            titled = is_title(block)
        yield above, said
        above = []
    yield above, []


def _without_contents(run: list[str], last: dict[str, int], at: int, titled: bool) -> list[str]:
    """Headings that follow each other and end at `at`, without what a table of contents has of
    them: where the first that comes twice does so for the last time, the text begins; where none
    does, all may be a table. What is in one and comes again is left out. `last`: where each comes
    for the last time."""
    keys = [*map(_key, run)]
    final = {key: place for place, key in enumerate(keys)}
    begin = next((final[key] for place, key in enumerate(keys) if final[key] > place), 0)
    if not begin and (titled or last[keys[0]] >= at):
        begin = len(run)
    again = {key for key in keys[:begin] if last[key] >= at or key in keys[begin:]}
    return [block for block in run[:begin] if _key(block) not in again] + run[begin:]


def is_title(block: str) -> bool:
    """Whether it stands above a table of contents."""
    return " ".join(block.split()).strip(" .:#*_").casefold() in TITLES


def _is_contents(block: str, headings: Container[str], titled: bool) -> bool:
    """Whether it is a table of contents or its title: lines that are nearly all headings or have
    the number of a page, with the title, or where one is a heading of the text."""
    rows = block.split("\n")
    if is_title(rows[0]):
        titled = True
        del rows[0]
    short = [row for row in rows if len(row) <= LONGEST_HEADING]
    again = [row for row in short if _key(row) in headings]
    listed = sum(1 for row in short if row in again or heading(row) or PAGE.search(row))
    if listed < 0.8 * len(rows):
        return False
    return titled or (len(rows) >= CONTENTS and bool(again))


def _key(block: str) -> str:
    """The same for a heading and where a table of contents has it."""
    text = PAGE.sub("", block.strip())
    return re.sub(r"[\W_]+", " ", heading(text) or text).strip().casefold()


def heading(block: str) -> str:
    """The heading that a block is, or nothing."""
    if len(block) > 2 * LONGEST_HEADING:
        return ""
    if match := markdown(block.strip("\n")):
        return match[1]
    rows = [row for row in map(spaced, block.strip().split("\n")) if not parts_scenes(row)]
    if not 0 < len(rows) <= ROWS:
        return ""
    numeral = len(rows) > 1 and LONE.fullmatch(rows[0])
    if len(rows) > 2 and sum(bool(HEADING.fullmatch(row)) for row in rows) > 1:
        return ""
    if len(rows) > 1 and (numeral or NUMBERED.fullmatch(rows[0])):
        rows[0] = rows[0].rstrip(".") + "."
    joined = " ".join(rows)
    named = numeral and len(rows) == 2 and rows[1][:1].isupper() and rows[1][-1:] not in ",;:?!"
    return joined if len(joined) <= LONGEST_HEADING and (named or HEADING.fullmatch(joined)) else ""
