"""English as it is read aloud: numbers, dates, money, units, abbreviations and signs in words.

`spoken` is a chain of rules, each a pattern and what becomes of a match, in the order in which they
stand below: what a rule leaves as figures or signs the later ones see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from mlxtts.text import english_tables as tables
from mlxtts.text.english_numbers import (
    MONEY,
    NUMBER,
    TIME,
    clock,
    counted,
    date,
    decade,
    digits,
    fraction,
    in_words,
    money,
    number,
    roman,
    year,
)

Rewrite = Callable[[re.Match[str]], str]

NEAR = 40  # characters around an abbreviation that tell what it means
RULES: list[tuple[re.Pattern[str], Rewrite]] = []


def spoken(text: str) -> str:
    """`text` in words. What is left beside them is punctuation that shapes the speech, and letters
    of other scripts, which are not this module's to read."""
    for pattern, rewrite in RULES:
        text = pattern.sub(rewrite, text)
    return text


def _any(words: object) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


def rule(pattern: str, flags: int = 0) -> Callable[[Rewrite], Rewrite]:
    """Append a rule to the chain."""

    def add(rewrite: Rewrite) -> Rewrite:
        RULES.append((re.compile(pattern, flags), rewrite))
        return rewrite

    return add


@rule(r"(?<=\d)(?=[¼½¾⅓⅔⅛])|[^\x00-\x7f]")
def _plain(match: re.Match[str]) -> str:
    """Typographic signs in ASCII, letters without accents."""
    text = unicodedata.normalize("NFKD", match[0].translate(tables.LETTERS)).replace("\u2044", "/")
    return "".join(char for char in text if not unicodedata.combining(char)) if match[0] else " "


@rule(r"\s\s+")
def _spaces(match: re.Match[str]) -> str:
    """One, or rules that begin with space would look at each again and again."""
    return " "


@rule(r"\b(?:https?://|www\.)[^\s<>\"]*[\w/]|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
def _address(match: re.Match[str]) -> str:
    text = re.sub(r"^https?://", "", match[0].rstrip("/")).replace("www", "w w w")
    for sign, word in {".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore"}.items():
        text = text.replace(sign, f" {word} ")
    return text


@rule(r"^(?![A-Z]{2,5}(?:, [A-Z]{2,5}){2,}\.?$)(?=(?:[^A-Za-z]*[A-Z]){7})(?=.*\s)[^a-z]+$")
def _loud(match: re.Match[str]) -> str:
    """A line in capitals is loud, not spelled, unless it lists initials."""
    return match[0].lower()


@rule(
    r"\b([Vv]ol\.|[Ff]ig\.|[A-Za-z]+) ((?=[IVX]+\b(?!'[dlmv]))X{0,3}(?:IX|IV|V?I{0,3}))(?<=[IVX])\b"
    r"(?=( (?!errors?\b|diabetes\b)[a-z])?)"
)
def _roman(match: re.Match[str]) -> str:
    word, numeral, more = match.groups()
    numbered = word.lower() in tables.ROMAN_AFTER
    named = word[0].isupper() and word.lower() not in tables.NO_NAMES and len(numeral) > 1
    pronoun = numeral == "I" and word.islower() and more  # the part I liked
    if pronoun or not (numbered or named):
        return match[0]
    value = roman(numeral)
    return f"{word} {in_words(value) if numbered else 'the ' + in_words(value, 'ordinal')}"


@rule(r"(?:(?<=\s)|^)[-\N{MINUS SIGN}](?=[$€£¥₹]?\.?\d)")
def _minus(match: re.Match[str]) -> str:
    return "minus "


@rule(r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?:T(?=\d\d:\d\d)|\b)")
@rule(r"\b(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4})\b")
def _numeric_date(match: re.Match[str]) -> str:
    month, day = int(match["m"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0].replace("/", " slash ").replace("-", " ").replace("T", ", ")
    time = ", " if match[0].endswith("T") else ""
    return date(day, tables.MONTHS[month - 1], match["y"]) + time


_MONTH = rf"(?!(?-i:may|mar|march|dec)\b)(?P<month>{_any(tables.MONTH_NAMES)})\b\.?"
_DAY = r"(?P<d>[0-3]?\d)(?:st|nd|rd|th)?\b"
_OF = r"(?:,? (?P<y>[12]\d{3})\b)?"
_COUNT = rf" (?!(?:{_any(tables.AFTER_DATES)})\b)(?-i:[a-z])"


@rule(rf"\b{_DAY} (?:of )?{_MONTH}{_OF}", re.IGNORECASE)
@rule(rf"\b{_MONTH} {_DAY}{_OF}(?!{_COUNT})", re.IGNORECASE)
def _named_date(match: re.Match[str]) -> str:
    return date(int(match["d"]), tables.MONTH_NAMES[match["month"].lower()], match["y"])


@rule(TIME + r"(\s?-\s?(?=\d\d?:\d\d))?", re.IGNORECASE)
def _clock(match: re.Match[str]) -> str:
    time = clock(int(match[1]), int(match[2]), int(match[3] or 0), match[4])
    return time + (" u t c" if match[5] else "") + (" to " if match[6] else "")


@rule(r"\b(\d{1,2})\s*([ap])\.?m\b\.?", re.IGNORECASE)
def _hour(match: re.Match[str]) -> str:
    return f"{number(match[1])} {match[2].lower()} m"


@rule(
    rf"(?<![\w.])(?:({_any(tables.ABBREVIATIONS)})\.(?=\W|$)|(mrs?|ms|dr)(?= [A-Z]))", re.IGNORECASE
)
def _abbreviation(match: re.Match[str]) -> str:
    short = (match[1] or match[2]).lower()
    start, end = match.span()
    before, after = match.string[max(0, start - NEAR) : start], match.string[end : end + NEAR]
    stop = "." if not after else ""  # the abbreviation's is also the sentence's
    in_address = re.search(r"\d(?:st|nd|rd|th)?( [A-Z]\w+)? $", before)
    before_name = re.match(r"\s+[A-Z]", after)
    if short == "st" and (in_address or not before_name):
        return "street" + stop
    named = re.search(r"\b([A-Z]\w*) $", before)
    if short == "dr" and not before_name and named and named[1].lower() not in tables.NO_NAMES:
        return "drive" + stop
    return tables.ABBREVIATIONS[short] + stop


@rule(rf"(?<![\w.,$€£¥₹])((?:{NUMBER})(?:\s?-\s?(?:{NUMBER}))?)\s?([$€£¥₹])(?!\s?\.?\d)")
def _sign_behind(match: re.Match[str]) -> str:
    return match[2] + match[1]


@rule(rf"(?-i:\b(?P<whose>{_any(tables.DOLLARS)})(?=\$)){MONEY}", re.IGNORECASE)
def _dollars(match: re.Match[str]) -> str:
    return _money(match).replace("dollar", f"{tables.DOLLARS[match['whose']]} dollar")


@rule(MONEY, re.IGNORECASE)
def _money(match: re.Match[str]) -> str:
    low, lows, amount, magnitude = match.group("low", "lows", "amount", "magnitude")
    names = tables.CURRENCIES[match["sign"]]
    words = money(amount, names, magnitude)
    if not low:
        return words
    whole = lows or (not magnitude and re.search(r"\.\d\d$", low))  # as a sum of its own
    return f"{money(low, names, lows) if whole else number(low)} to {words}"


@rule(rf"{tables.TELEPHONE}|(?<!\.)\b(?:0\d{{4,}}|\d{{16,}})\b")
def _long_number(match: re.Match[str]) -> str:
    """Telephone numbers and codes digit by digit, the groups apart; 500-1000 is a range."""
    return ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


@rule(rf"(?<!\d)((?:{NUMBER})%?)\s?-\s?(?=\.?\d)(?!\d+/)")
def _range(match: re.Match[str]) -> str:
    return f"{match[1]} to "


@rule(r"\b(?:version )?v(?=\d+\.\d)", re.IGNORECASE)
def _version_sign(match: re.Match[str]) -> str:
    return "version "


@rule(r"\b\d+(?:\.\d+){2,}\b")
def _version(match: re.Match[str]) -> str:
    return " point ".join(map(number, match[0].split(".")))


@rule(r"\b(\d)'(\d\d?)(?:\"|'')")
def _feet_and_inches(match: re.Match[str]) -> str:
    return f"{number(match[1])} foot {number(match[2])}"


@rule(rf"(?:\b(\d+)[ -])?\b({NUMBER})/({NUMBER})\b")
def _fraction(match: re.Match[str]) -> str:
    if match[0] == "24/7":
        return "24 7"
    whole = match[1]
    if not (match[2] + match[3]).isdigit() or not 1 < int(match[3]) <= 100:
        return match[0].replace("/", " over ")
    return fraction(whole, int(match[2]), int(match[3]))


_WHOSE = "|".join(rf"(?<=\b{word}[ -])" for word in tables.DECADES_AFTER)


@rule(rf"(?:'|{_WHOSE})'?\b([2-9]0|[12]\d\d0)'?s\b", re.IGNORECASE)
@rule(r"(?<!\d[.,])'?\b([7-9]0|[12]\d\d0)s\b")
@rule(r"(?<=[A-Za-z]-)(\d\d)s\b")
def _decade(match: re.Match[str]) -> str:
    """Decades, and several F-16s; other figures with an s are seconds."""
    return decade(match[1])


@rule(r"\b(\d{1,3}(?:,\d{3}){1,9}|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
def _ordinal(match: re.Match[str]) -> str:
    value = match[1].replace(",", "")
    return in_words(int(value), "ordinal") if len(value) <= 15 else digits(value)


@rule(rf"(?<![\w.])({NUMBER})\s?({_any(tables.UNITS)})(?![\w°])", re.IGNORECASE)
def _unit(match: re.Match[str]) -> str:
    first, _, rest = tables.UNITS[match[2].lower()].partition(" ")
    return f"{counted(match[1], first, tables.PLURALS.get(first, first + 's'))} {rest}".strip()


@rule(r"(?<=[A-Za-z])/([sh])\b")
def _rate(match: re.Match[str]) -> str:
    return " per second" if match[1] == "s" else " per hour"


@rule(r"\bno\. ?(?=\d)|#(?=\d)", re.IGNORECASE)
def _numbered(match: re.Match[str]) -> str:
    return "number "


@rule(r"(?<!\d[.,])\b(1[1-9]\d\d|20\d\d)\b(?![,.]\d)")
def _year(match: re.Match[str]) -> str:
    return year(int(match[1]))


@rule(NUMBER)
def _number(match: re.Match[str]) -> str:
    return f" {number(match[0])} "


@rule(r"\b((?:[A-Za-z]\.){2,})")
def _dotted_initials(match: re.Match[str]) -> str:
    return " ".join(match[1].split("."))


@rule(r"\b([A-Z]{2,5})(s?)\b")
def _initials(match: re.Match[str]) -> str:
    """Capitals are spelled, unless they can be read as a word, as in NASA."""
    word = match[1]
    if word in tables.INITIALS:
        return tables.INITIALS[word]
    vowel_inside = re.search(r"[AEIOU]", word[1:])
    if len(word) >= 4 and vowel_inside and not re.search(r"[^AEIOU]{4}", word):
        return match[0].lower()
    return " ".join(word.lower()) + ("'s" if match[2] else "")


@rule(r"(?:\s*(?:[()\[\]{}]|--+|(?<=\s)-(?=\s)))+\s*")
def _aside(match: re.Match[str]) -> str:
    return ", "


@rule(f"<[a-z]+>|[{re.escape(''.join(tables.SIGNS))}]")  # the first is a tag
def _sign(match: re.Match[str]) -> str:
    return f" {tables.SIGNS[match[0]]} " if match[0] in tables.SIGNS else match[0]


@rule(r"[\"*_`^|\\/]+")
def _silent(match: re.Match[str]) -> str:
    return " "


@rule(r"(?:,\s*)+(?=[.?!;:,])|^[\s,]+|(?<=[.?!;:])\s*,")
def _doubled_comma(match: re.Match[str]) -> str:
    return ""


@rule(r"^[\s-]+|(?<![\s-])[\s-]+$|\s+(?=[,.?!;:])|(\s+)")
def _space(match: re.Match[str]) -> str:
    return " " if match[1] else ""
