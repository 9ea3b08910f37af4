"""English money, numbers and units in words."""

from __future__ import annotations

import re

from mlxtts.text import english_tables as tables
from mlxtts.text.english_numbers import (
    MONEY,
    NUMBER,
    counted,
    decade,
    digits,
    fraction,
    in_words,
    money,
    number,
    year,
)
from mlxtts.text.english_rules import Rules, any_of

FIGURES = Rules()


_PER = rf"(?:/(?P<per>{any_of(tables.PER)})\b)?"


@FIGURES.rule(rf"(?<![\w.,$€£¥₹])((?:{NUMBER})(?:\s?-\s?(?:{NUMBER}))?)\s?([$€£¥₹])(?!\s?\.?\d)")
def _sign_behind(match: re.Match[str]) -> str:
    return match[2] + match[1]


@FIGURES.rule(rf"(?-i:\b(?P<whose>{any_of(tables.DOLLARS)})(?=\$)){MONEY}{_PER}", re.IGNORECASE)
def _dollars(match: re.Match[str]) -> str:
    return _money(match).replace("dollar", f"{tables.DOLLARS[match['whose']]} dollar")


_PRICED = re.compile(rf"\s(?!(?:{any_of(tables.NO_NOUNS)})\b)[a-z]")


@FIGURES.rule(MONEY + _PER, re.IGNORECASE)
def _money(match: re.Match[str]) -> str:
    low, lows, amount, magnitude = match.group("low", "lows", "amount", "magnitude")
    names = tables.CURRENCIES[match["sign"]]
    before = match.string[max(0, match.start() - 7) : match.start()]
    of_noun = re.search(r"\b(?:an?|the|this|that|his|her|its|their|our|my|your)\s$", before, re.I)
    if (of_noun and _PRICED.match(match.string, match.end())) or (magnitude or "")[:1] == "-":
        names = (names[0], names[0], names[2], names[2])
    words = money(amount, names, magnitude)
    words += f" per {tables.PER[match['per'].lower()]}" if match["per"] else ""
    if not low:
        return words
    whole = lows or (not magnitude and re.search(r"\.\d\d$", low))  # as a sum of its own
    return f"{money(low, names, lows) if whole else number(low)} to {words}"


@FIGURES.rule(rf"{tables.TELEPHONE}|(?<!\.)\b(?:0\d{{4,}}|\d{{16,}})\b")
def _long_number(match: re.Match[str]) -> str:
    """Telephone numbers and codes digit by digit, the groups apart; 500-1000 is a range."""
    plus = "plus " if match[0][0] == "+" else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


@FIGURES.rule(r"\b((?:call|dial)(?:ed|ing|s)? )([1-9]\d\d)\b(?![-,.]?\d| [a-z]+s\b)", re.IGNORECASE)
def _short_number(match: re.Match[str]) -> str:
    return match[1] + digits(match[2])


@FIGURES.rule(rf"(?<!\d)((?:{NUMBER})%?)\s?-\s?(?=\.?\d)(?!\d+/)")
def _range(match: re.Match[str]) -> str:
    return f"{match[1]} to "


@FIGURES.rule(r"\b(?:version )?v(?=\d+\.\d)", re.IGNORECASE)
def _version_sign(match: re.Match[str]) -> str:
    return "version "


@FIGURES.rule(r"\b\d+(?:\.\d+){2,}\b")
def _version(match: re.Match[str]) -> str:
    parts = match[0].split(".")
    network = len(parts) == 4 and (parts[0] == "10" or any(len(part) == 3 for part in parts))
    return (" dot " if network else " point ").join(map(number, parts))


@FIGURES.rule(r"\b(\d)'\s?(\d\d?)(?:\"|'')")
def _feet_and_inches(match: re.Match[str]) -> str:
    return f"{number(match[1])} foot {number(match[2])}"


_PARTED = re.compile(r" (?:of|mile|inch)")


@FIGURES.rule(rf"(?:\b(\d+)[ -])?\b({NUMBER})/({NUMBER})\b")
def _fraction(match: re.Match[str]) -> str:
    whole, *parts = match.groups()
    if not all(part.isdigit() for part in parts):
        return match[0].replace("/", " over ")
    top, bottom = map(int, parts)
    alike = top == bottom or (top, bottom) == (9, 11) or 19 <= top == bottom - 1
    if not whole and (match[0] == "24/7" or alike):
        return f"{top} {bottom}"
    if not whole and len(parts[0]) == 4 and (top + 1) % 100 == bottom:  # a season
        return f"{top} to {bottom}"
    if not whole and bottom == 10 and not _PARTED.match(match.string, match.end()):
        return f"{top} out of 10"
    if not 1 < bottom <= 100 or (top > bottom and bottom > 16):
        return match[0].replace("/", " over ")
    return fraction(whole, top, bottom)


_WHOSE = "|".join(rf"(?<=\b{word}[ -])" for word in tables.DECADES_AFTER)


@FIGURES.rule(rf"(?:'|{_WHOSE})'?\b([2-9]0|[12]\d\d0)'?s\b", re.IGNORECASE)
@FIGURES.rule(r"(?<!\d[.,])'?\b([57-9]0|[12]\d\d0)s\b|\b([2-9]0)'s\b")
@FIGURES.rule(r"\b([2-9]0)s(?=(?:,| and| or| to) [2-9]0s\b)")
@FIGURES.rule(r"(?<=[A-Za-z]-)(\d\d)s\b")
def _decade(match: re.Match[str]) -> str:
    """Decades, and several F-16s; other figures with an s are seconds."""
    return decade(next(filter(None, match.groups())))


@FIGURES.rule(r"\b(\d{1,3}(?:,\d{3}){1,9}|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
def _ordinal(match: re.Match[str]) -> str:
    value = match[1].replace(",", "")
    return in_words(int(value), "ordinal") if len(value) <= 15 else digits(value)


@FIGURES.rule(r"\b(\d+)\s?h(?:rs?)?\s?(\d\d?)\s?m(?:ins?)?\b", re.IGNORECASE)
def _duration(match: re.Match[str]) -> str:
    hours, minutes = match.groups()
    return f"{counted(hours, 'hour', 'hours')} {counted(minutes, 'minute', 'minutes')}"


@FIGURES.rule(rf"(?<![\w.])({NUMBER})(?:(M)|\s?([bmt]n))\b")
def _large(match: re.Match[str]) -> str:
    return f"{number(match[1])} {tables.MAGNITUDES[(match[2] or match[3]).lower()]}"


@FIGURES.rule(r"(?<![\w.])(\d)G\b")
def _generation(match: re.Match[str]) -> str:
    return f"{number(match[1])} g"


@FIGURES.rule(rf"(?<![\w.])({NUMBER})\s?in\.(?=\s+[a-z(]|,)")
def _inches(match: re.Match[str]) -> str:
    return counted(match[1], "inch", "inches")


@FIGURES.rule(
    rf"(?<![\w.])({NUMBER})(\s|-)?({any_of(tables.UNITS)}){_PER}(?![\w°]|-\d)(?:\.(?=\s+(?-i:[a-z\d])))?",
    re.IGNORECASE,
)
def _unit(match: re.Match[str]) -> str:
    name = tables.UNITS[match[3].lower()]
    first, per, rest = name.partition(" per ")
    many = first if match[2] == "-" else tables.PLURALS.get(first, first + "s")
    if first.startswith("degree "):
        many = "degrees" + first[6:]
    over = f" per {tables.PER[match['per'].lower()]}" if match["per"] else ""
    return counted(match[1], first, many) + per + rest + over


@FIGURES.rule(r"(?<=[A-Za-z])/([sh])\b")
def _rate(match: re.Match[str]) -> str:
    return " per second" if match[1] == "s" else " per hour"


@FIGURES.rule(r"\bno\. ?(?=\d)|#(?=\d)", re.IGNORECASE)
def _numbered(match: re.Match[str]) -> str:
    return "number "


@FIGURES.rule(r"(?:(?<=\bin )|(?<=\bIn ))(10\d\d)\b(?![,.]\d| [a-z]+s\b)")
@FIGURES.rule(r"(?<!\d[.,])\b(1[1-9]\d\d|20\d\d)\b(?![,.]\d)")
def _year(match: re.Match[str]) -> str:
    return year(int(match[1]))


@FIGURES.rule(NUMBER)
def _number(match: re.Match[str]) -> str:
    return f" {number(match[0])} "
