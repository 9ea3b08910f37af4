"""English abbreviations, initials and what is left of signs in words."""

from __future__ import annotations

import re

from mlxtts.text import english_tables as tables
from mlxtts.text.english_rules import Rules, any_of, stop

NEAR = 40  # characters around an abbreviation that tell what it means
ABBREVIATIONS = Rules()
LETTERS = Rules()


@ABBREVIATIONS.rule(
    rf"(?<![\w.])(?:({any_of(tables.ABBREVIATIONS)})\.(?=\W|$)|(mrs?|dr)(?= [A-Z])"
    r"|((?-i:Ms|St|Mt|Prof|Sgt|Capt|Lt))(?-i:(?= [A-Z])))",
    re.IGNORECASE,
)
def _abbreviation(match: re.Match[str]) -> str:
    written = match[1] or match[2] or match[3]
    short = written.lower()
    start, end = match.span()
    before, after = match.string[max(0, start - NEAR) : start], match.string[end : end + NEAR]
    if short in tables.COUNTING and not re.match(r"\s?\d", after):
        return match[0]
    follows = r"\s+\d" if written in ("apt", "fig") else r"\s+(?:\d|[A-Z][a-z])"
    if short in tables.CAPITALISED and not written.istitle() and not re.match(follows, after):
        return match[0]
    if short == "ms" and re.search(r"\d\s?$", before):  # milliseconds
        return match[0]
    stop = "." if not after else ""  # the abbreviation's is also the sentence's
    in_address = re.search(r"\d(?:st|nd|rd|th)?( [A-Z]\w+)? $", before)
    before_name = re.match(r"\s+[A-Z]", after)
    if short == "st" and (in_address or not before_name):
        return "street" + stop
    named = re.search(r"\b([A-Z]\w*) $", before)
    if short == "dr" and not before_name and named and named[1].lower() not in tables.NO_NAMES:
        return "drive" + stop
    return tables.ABBREVIATIONS[short] + stop


@ABBREVIATIONS.rule(rf"\b(?:{any_of(tables.WITHOUT_STOP)})\b")
def _without_stop(match: re.Match[str]) -> str:
    return tables.WITHOUT_STOP[match[0]]


@LETTERS.rule(r"\b((?:[A-Za-z]\.){2,})")
def _dotted_initials(match: re.Match[str]) -> str:
    return " ".join(match[1].split(".")).rstrip() + (stop(match) or " ")


@LETTERS.rule(
    r"\b(?:[A-Z]{1,7}N'T|[A-Z]{1,5}'(?:RE|LL|VE|M|D)|(?:IT|HE|SHE|THAT|WHAT|THERE|LET|WHO)'S)\b"
)
def _contraction(match: re.Match[str]) -> str:
    return match[0].lower()


@LETTERS.rule(r"\b([A-Z]{2,5})(s?)\b")
def _initials(match: re.Match[str]) -> str:
    """Capitals are spelled, unless they can be read as a word, as in NASA."""
    word = match[1]
    if word in tables.INITIALS:
        return tables.INITIALS[word]
    if word in tables.WORDS and match.string[match.end() : match.end() + 1] != "&":
        return match[0].lower()
    vowel_inside = re.search(r"[AEIOU]", word[1:])
    if len(word) >= 4 and vowel_inside and not re.search(r"[^AEIOU]{4}", word):
        return match[0].lower()
    return " ".join(word.lower()) + ("'s" if match[2] else "")


@LETTERS.rule(r"(?:\s*(?:[()\[\]{}]|--+|(?<=\s)-(?=\s)))+\s*")
def _aside(match: re.Match[str]) -> str:
    return ", " if match.end() < len(match.string) else ""


@LETTERS.rule(f"<[a-z]+>|[{re.escape(''.join(tables.SIGNS))}]")  # the first is a tag
def _sign(match: re.Match[str]) -> str:
    return f" {tables.SIGNS[match[0]]} " if match[0] in tables.SIGNS else match[0]


@LETTERS.rule(r"[\"*_`^|\\/]+")
def _silent(match: re.Match[str]) -> str:
    return " "


@LETTERS.rule(r"(?:,\s*)+(?=[.?!;:,])|^[\s,]+|(?<=[.?!;:])\s*,")
def _doubled_comma(match: re.Match[str]) -> str:
    return ""


@LETTERS.rule(r"^[\s-]+|(?<![\s-])[\s-]+$|\s+(?=[,.?!;:])|(\s+)")
def _space(match: re.Match[str]) -> str:
    return " " if match[1] else ""
