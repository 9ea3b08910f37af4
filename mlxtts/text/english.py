"""English as it is read aloud: numbers, dates, money, units, abbreviations and signs in words.

`spoken` is a chain of rules, each a pattern and what becomes of a match, in the order in which they
stand below: what a rule leaves as figures or signs the later ones see. Numbers are num2words's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from mlxtts.text.english_tables import (
    ABBREVIATIONS,
    AFTER_DATES,
    CURRENCIES,
    DECADES_AFTER,
    DOLLARS,
    LETTERS,
    MAGNITUDES,
    MONTH_NAMES,
    MONTHS,
    NO_NAMES,
    PLURALS,
    ROMAN_AFTER,
    ROMANS,
    SIGNS,
    TELEPHONE,
    UNITS,
)

Rewrite = Callable[[re.Match[str]], str]

NUMBER = r"\d{1,3}(?:,\d{3}){1,9}(?:\.\d+)?|\d+(?:\.\d+)?|(?<![\w.])\.\d+"
NEAR = 40  # characters around an abbreviation that tell what it means
RULES: list[tuple[re.Pattern[str], Rewrite]] = []


def spoken(text: str) -> str:
    """`text` in words. What is left beside them is punctuation that shapes the speech, and letters
    of other scripts, which are not this module's to read."""
    for pattern, rewrite in RULES:
        text = pattern.sub(rewrite, text)
    return text


def number(text: str) -> str:
    """A plain number, with or without commas and decimals."""
    whole, _, decimals = text.replace(",", "").partition(".")
    code = len(whole) > 15 or (len(whole) > 1 and whole[0] == "0")
    words = digits(whole) if code else _words(int(whole)) if whole else ""
    return f"{words} point {digits(decimals)}".strip() if decimals else words


def digits(text: str) -> str:
    """Digit by digit."""
    return " ".join(_words(int(digit)) for digit in text)


def year(value: int) -> str:
    if 2000 <= value < 2010 or value % 1000 == 0:
        return _words(value)
    century, rest = divmod(value, 100)
    low = "hundred" if not rest else f"oh {_words(rest)}" if rest < 10 else _words(rest)
    return f"{_words(century)} {low}"


def counted(amount: str, singular: str, plural: str) -> str:
    return f"{number(amount)} {singular if amount == '1' else plural}"


def money(amount: str, one: str, many: str, small_one: str, small_many: str) -> str:
    whole, _, cents = amount.partition(".")
    if len(cents) != 2:
        return counted(amount, one, many)
    small = counted(str(int(cents)), small_one, small_many) if int(cents) else ""
    if whole in ("", "0") and small:
        return small
    return counted(whole or "0", one, many) + (f" and {small}" if small else "")


def date(day: int, month: str, of: str | None) -> str:
    return f"{month} {_words(day, 'ordinal')}" + (f", {year(int(of))}" if of else "")


@lru_cache(1000)
def _words(value: int, to: str = "cardinal") -> str:
    from num2words import num2words  # 30 ms that text without figures need not wait for

    words: str = num2words(value, to=to)
    return words.replace(",", "")


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
    text = unicodedata.normalize("NFKD", match[0].translate(LETTERS)).replace("\u2044", "/")
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


@rule(
    r"^(?![A-Z]{2,5}(?:, [A-Z]{2,5}){2,}\.?$)"
    r"(?=(?:[^A-Za-z]*[A-Z]){7})(?=.*\s)[^a-z]+$"
)
def _loud(match: re.Match[str]) -> str:
    """A line in capitals is loud, not spelled, unless it lists initials."""
    return match[0].lower()


@rule(
    r"\b([Vv]ol\.|[Ff]ig\.|[A-Za-z]+) ((?=[IVX]+\b(?!'[dlmv]))X{0,3}(?:IX|IV|V?I{0,3}))(?<=[IVX])\b"
    r"(?=( (?!errors?\b|diabetes\b)[a-z])?)"
)
def _roman(match: re.Match[str]) -> str:
    word, numeral, more = match.groups()
    numbered = word.lower() in ROMAN_AFTER
    named = word[0].isupper() and word.lower() not in NO_NAMES and len(numeral) > 1
    pronoun = numeral == "I" and word.islower() and more  # the part I liked
    if pronoun or not (numbered or named):
        return match[0]
    values = [ROMANS[char] for char in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    value = sum(-value if value < following else value for value, following in pairs)
    return f"{word} {_words(value) if numbered else 'the ' + _words(value, 'ordinal')}"


@rule(r"(?:(?<=\s)|^)[-\N{MINUS SIGN}](?=[$€£¥₹]?\.?\d)")
def _minus(match: re.Match[str]) -> str:
    return "minus "


@rule(r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?:T(?=\d\d:\d\d)|\b)")
@rule(r"\b(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4})\b")
def _numeric_date(match: re.Match[str]) -> str:
    month, day = int(match["m"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0].replace("/", " slash ").replace("-", " ").replace("T", ", ")
    return date(day, MONTHS[month - 1], match["y"]) + (", " if match[0].endswith("T") else "")


_MONTH = rf"(?!(?-i:may|mar|march|dec)\b)(?P<month>{_any(MONTH_NAMES)})\b\.?"
_DAY = r"(?P<d>[0-3]?\d)(?:st|nd|rd|th)?\b"
_OF = r"(?:,? (?P<y>[12]\d{3})\b)?"
_COUNT = rf" (?!(?:{_any(AFTER_DATES)})\b)(?-i:[a-z])"


@rule(rf"\b{_DAY} (?:of )?{_MONTH}{_OF}", re.IGNORECASE)
@rule(rf"\b{_MONTH} {_DAY}{_OF}(?!{_COUNT})", re.IGNORECASE)
def _named_date(match: re.Match[str]) -> str:
    return date(int(match["d"]), MONTH_NAMES[match["month"].lower()], match["y"])


@rule(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s*([ap])\.?m\b\.?|(Z)\b)?", re.IGNORECASE)
def _clock(match: re.Match[str]) -> str:
    hour, minute, second = _words(int(match[1])), int(match[2]), int(match[3] or 0)
    end = f" and {counted(str(second), 'second', 'seconds')}" if second else ""
    end += f" {match[4].lower()} m" if match[4] else " u t c" if match[5] else ""
    if minute == 0:
        return hour + (end if match[4] else " o'clock" + end)
    return f"{hour} {'oh ' if minute < 10 else ''}{_words(minute)}{end}"


@rule(r"\b(\d{1,2})\s*([ap])\.?m\b\.?", re.IGNORECASE)
def _hour(match: re.Match[str]) -> str:
    return f"{number(match[1])} {match[2].lower()} m"


@rule(rf"(?<![\w.])(?:({_any(ABBREVIATIONS)})\.(?=\W|$)|(mrs?|ms|dr)(?= [A-Z]))", re.IGNORECASE)
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
    if short == "dr" and not before_name and named and named[1].lower() not in NO_NAMES:
        return "drive" + stop
    return ABBREVIATIONS[short] + stop


@rule(rf"(?<![\w.,$€£¥₹])((?:{NUMBER})(?:\s?-\s?(?:{NUMBER}))?)\s?([$€£¥₹])(?!\s?\.?\d)")
def _sign_behind(match: re.Match[str]) -> str:
    return match[2] + match[1]


_MONEY = (
    rf"(?P<sign>[$€£¥₹])\s?(?:(?P<low>{NUMBER})\s?-\s?(?P=sign)?(?=\.?\d))?(?P<amount>{NUMBER})"
    r"(?:\s?(?P<magnitude>thousand|million|billion|trillion|bn|[kmbt])\b(?<!\s\w(?=-)))?"
)  # a letter apart, with a hyphen behind it, is no magnitude, as in $5 t-shirt


@rule(rf"(?-i:\b(?P<whose>{_any(DOLLARS)})(?=\$)){_MONEY}", re.IGNORECASE)
def _dollars(match: re.Match[str]) -> str:
    return _money(match).replace("dollar", f"{DOLLARS[match['whose']]} dollar")


@rule(_MONEY, re.IGNORECASE)
def _money(match: re.Match[str]) -> str:
    low, amount, magnitude = match.group("low", "amount", "magnitude")
    names = CURRENCIES[match["sign"]]
    words = money(amount, *names)
    if magnitude:
        words = (
            f"{number(amount)} {MAGNITUDES.get(magnitude.lower(), magnitude.lower())} {names[1]}"
        )
    if not low:
        return words
    cents = not magnitude and re.search(r"\.\d\d$", low)
    return f"{money(low, *names) if cents else number(low)} to {words}"


@rule(rf"{TELEPHONE}|(?<!\.)\b(?:0\d{{4,}}|\d{{16,}})\b")
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
    top, bottom = int(match[2]), int(match[3])
    part = {2: "half", 4: "quarter"}.get(bottom) or _words(bottom, "ordinal")
    if top != 1:
        part = "halves" if bottom == 2 else part + "s"
    lead = f"{number(whole)} and " if whole else ""
    return f"{lead}{'a' if whole and top == 1 else _words(top)} {part}"


_WHOSE = "|".join(rf"(?<=\b{word}[ -])" for word in DECADES_AFTER)


@rule(rf"(?:'|{_WHOSE})'?\b([2-9]0|[12]\d\d0)'?s\b", re.IGNORECASE)
@rule(r"(?<!\d[.,])'?\b([7-9]0|[12]\d\d0)s\b")
@rule(r"(?<=[A-Za-z]-)(\d\d)s\b")
def _decade(match: re.Match[str]) -> str:
    """Decades, and several F-16s; other figures with an s are seconds."""
    words = year(int(match[1])) if len(match[1]) == 4 else number(match[1])
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


@rule(r"\b(\d{1,3}(?:,\d{3}){1,9}|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
def _ordinal(match: re.Match[str]) -> str:
    value = match[1].replace(",", "")
    return _words(int(value), "ordinal") if len(value) <= 15 else digits(value)


@rule(rf"(?<![\w.])({NUMBER})\s?({_any(UNITS)})(?![\w°])", re.IGNORECASE)
def _unit(match: re.Match[str]) -> str:
    first, _, rest = UNITS[match[2].lower()].partition(" ")
    return f"{counted(match[1], first, PLURALS.get(first, first + 's'))} {rest}".strip()


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
    vowel_inside = re.search(r"[AEIOU]", word[1:])
    if len(word) >= 4 and vowel_inside and not re.search(r"[^AEIOU]{4}", word):
        return match[0].lower()
    return " ".join(word.lower()) + ("'s" if match[2] else "")


@rule(r"(?:\s*(?:[()\[\]{}]|--+|(?<=\s)-(?=\s)))+\s*")
def _aside(match: re.Match[str]) -> str:
    return ", "


@rule(f"<[a-z]+>|[{re.escape(''.join(SIGNS))}]")  # the first is a tag
def _sign(match: re.Match[str]) -> str:
    return f" {SIGNS[match[0]]} " if match[0] in SIGNS else match[0]


@rule(r"[\"*_`^|\\/]+")
def _silent(match: re.Match[str]) -> str:
    return " "


@rule(r"(?:,\s*)+(?=[.?!;:,])|^[\s,]+|(?<=[.?!;:])\s*,")
def _doubled_comma(match: re.Match[str]) -> str:
    return ""


@rule(r"^[\s-]+|(?<![\s-])[\s-]+$|\s+(?=[,.?!;:])|(\s+)")
def _space(match: re.Match[str]) -> str:
    return " " if match[1] else ""
