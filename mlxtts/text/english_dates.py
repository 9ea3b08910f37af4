"""English dates and times in words."""

from __future__ import annotations

import re

from mlxtts.text import english_tables as tables
from mlxtts.text.english_numbers import TIME, clock, date, number
from mlxtts.text.english_rules import Rules, any_of, stop

DATES = Rules()


@DATES.rule(r"\b(?P<y>\d{4})(?P<by>[-/])(?P<m>\d\d?)(?P=by)(?P<d>\d\d?)(?:T(?=\d\d:\d\d)|\b)")
@DATES.rule(r"\b(?P<m>\d\d?)(?P<by>[-/])(?P<d>\d\d?)(?P=by)(?P<y>\d{4}|(?<=/)\d\d)\b(?!/)")
@DATES.rule(r"\b(?P<d>\d\d?)(?P<by>\.)(?P<m>\d\d?)\.(?P<y>\d{4})\b")
def _numeric_date(match: re.Match[str]) -> str:
    month, day, of = int(match["m"]), int(match["d"]), int(match["y"])
    if day <= 12 < month and match["by"] == "/":
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0].replace("/", " slash ").replace("-", " ").replace("T", ", ")
    if len(match["y"]) == 2:
        of += 2000 if of < 50 else 1900
    time = ", " if match[0].endswith("T") else ""
    return date([day], tables.MONTHS[month - 1], str(of)) + time


_NAME = rf"(?!(?-i:may|mar|march|dec)\b)(?:{any_of(tables.MONTH_NAMES)})\b"
_MONTH = rf"(?P<month>{_NAME})"
_FIGURE = r"[0-3]?\d(?:st|nd|rd|th)?\b"
_DAYS = rf"(?P<d>{_FIGURE})(?:\s?-\s?(?P<to>{_FIGURE}))?"
_OF = r"(?:,? (?P<y>[12]\d{3})\b)?"
_TILL = rf"(?P<till>\s?-\s?(?=(?:{_FIGURE} )?{_NAME}))?"
_COUNT = rf" (?!(?:{any_of(tables.AFTER_DATES)})\b)(?-i:[a-z])|\s?-\s?\d"
_DATED = "|".join(rf"(?<=\b{word} )" for word in tables.DATED)


@DATES.rule(rf"\b{_DAYS} (?P<of>of )?{_MONTH}\.?{_OF}{_TILL}", re.IGNORECASE)
@DATES.rule(rf"(?:{_DATED}){_MONTH} {_DAYS}{_OF}{_TILL}", re.IGNORECASE)
@DATES.rule(rf"\b{_MONTH}\. {_DAYS}{_OF}{_TILL}", re.IGNORECASE)
@DATES.rule(rf"\b{_MONTH} {_DAYS}{_OF}{_TILL}(?!{_COUNT})", re.IGNORECASE)
def _named_date(match: re.Match[str]) -> str:
    days = [int(day.rstrip("stndrhSTNDRH")) for day in match.group("d", "to") if day]
    month = tables.MONTH_NAMES[match["month"].lower()]
    before = match.string[max(0, match.start() - 5) : match.start()]
    named = match.start("d") < match.start("month") and re.search(r"\bth(?:e|is) $", before, re.I)
    day_first = bool(named or match.groupdict().get("of"))
    return date(days, month, match["y"], day_first) + (" to " if match["till"] else "")


@DATES.rule(r"\b(\d\d?)\.([0-5]\d)(?=\s?[ap]\.?m\b)", re.IGNORECASE)
def _british_clock(match: re.Match[str]) -> str:
    return f"{match[1]}:{match[2]}"


@DATES.rule(rf"(?:\b(\d\d?)\s?-\s?)?{TIME}(\s?-\s?(?=\d\d?\b))?", re.IGNORECASE)
def _clock(match: re.Match[str]) -> str:
    begin = f"{number(match[1])} to " if match[1] else ""
    time = begin + clock(int(match[2]), int(match[3]), int(match[4] or 0), match[5]) + stop(match)
    return time + (" u t c" if match[6] else "") + (" to " if match[7] else "")


@DATES.rule(r"\b(?:(\d\d?)\s?-\s?)?(\d\d?)\s*([ap])\.?m\b\.?(\s?-\s?(?=\d))?", re.IGNORECASE)
def _hour(match: re.Match[str]) -> str:
    begin = f"{number(match[1])} to " if match[1] else ""
    time = f"{begin}{number(match[2])} {match[3].lower()} m"
    return time + (" to " if match[4] else stop(match))


@DATES.rule(r"\b([A-Z][a-z]+ )?(\d{1,3}):(\d{1,3})\b(?!:)(\s?-\s?(?=\d))?")
def _ratio(match: re.Match[str]) -> str:
    """2 to 1, but chapter and verse of a book."""
    word, first, second, till = match.groups()
    verse = word and word.strip().lower() not in tables.NO_BOOKS
    said = (" " if verse else " to ").join(map(number, (first, second)))
    return (word or "") + said + (" to " if till else "")
