"""What English text looks like, as words or plain signs: typography, markup, addresses, capitals,
Roman numerals, powers and minus signs."""

from __future__ import annotations

import html
import re
import unicodedata

from mlxtts.text import english_tables as tables
from mlxtts.text.english_numbers import in_words, roman
from mlxtts.text.english_rules import Rules

WRITTEN = Rules()


@WRITTEN.rule(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6});")
def _entity(match: re.Match[str]) -> str:
    return html.unescape(match[0])


@WRITTEN.rule(rf"[{tables.RAISED}]+|(?<=\d)(?=[¼½¾⅓⅔⅛])|[^\x00-\x7f]")
def _plain(match: re.Match[str]) -> str:
    """Typographic signs in ASCII, letters without accents."""
    if match[0][:1] in {*tables.RAISED}:
        return "^" + unicodedata.normalize("NFKD", match[0]).replace("\N{MINUS SIGN}", "-")
    text = unicodedata.normalize("NFKD", match[0].translate(tables.LETTERS)).replace("\u2044", "/")
    return "".join(char for char in text if not unicodedata.combining(char)) if match[0] else " "


@WRITTEN.rule(r"\s\s+")
def _spaces(match: re.Match[str]) -> str:
    """One, or rules that begin with space would look at each again and again."""
    return " "


@WRITTEN.rule(
    r"^\s*(?:#{1,6}|>)\s+|~~|\[\d{1,3}\]|\[([^\[\]\n]+)\]\((?:https?:|mailto:|[/#.])[^()\s]*\)"
)
def _markdown(match: re.Match[str]) -> str:
    """Headings, quotations, notes; of a link what it says."""
    return match[1] or ""


@WRITTEN.rule(r"(?<=[A-Za-z])`(?=[A-Za-z])")
def _apostrophe(match: re.Match[str]) -> str:
    return "'"


@WRITTEN.rule(r"\b([CF])#(?!\w)")
def _sharp(match: re.Match[str]) -> str:
    return f"{match[1]} sharp"


_FILES = "com|org|net|edu|gov|io|dev|ai|co\\.uk|py|js|json|txt|md|html|css|csv|pdf|exe|zip|jpg|png"


@WRITTEN.rule(
    r"\b(?:https?://|www\.)[^\s<>\"]*[\w/]|\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    rf"|(?<![\w.-])(?:[A-Za-z][\w-]{{0,63}}\.){{1,8}}(?:{_FILES})\b(?:/[\w./-]*\w)?(?!\.?\w)"
)
def _address(match: re.Match[str]) -> str:
    text = re.sub(r"^https?://", "", match[0].rstrip("/")).replace("www", "w w w")
    for sign, word in tables.IN_ADDRESSES.items():
        text = text.replace(sign, f" {word} ")
    return text


@WRITTEN.rule(r"^(?![A-Z]{2,5}(?:, [A-Z]{2,5}){2,}\.?$)(?=(?:[^A-Za-z]*[A-Z]){7})(?=.*\s)[^a-z]+$")
def _loud(match: re.Match[str]) -> str:
    """A line in capitals is loud, not spelled, unless it lists initials."""
    return re.sub(_ROMAN, _roman, match[0]).lower()


_NUMERAL = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXL])\b"
_ROMAN = (
    rf"\b([Vv]ol\.|[Ff]ig\.|[A-Za-z]+) ({_NUMERAL})(?!'[dlmv])"
    r"(?=( (?!errors?\b|diabetes\b)[a-z])?)"
)


@WRITTEN.rule(_ROMAN)
def _roman(match: re.Match[str]) -> str:
    word, numeral, more = match.groups()
    numbered = word.lower() in tables.ROMAN_AFTER
    named = word[0].isupper() and word.lower() not in tables.NO_NAMES and len(numeral) > 1
    named = named and "L" not in numeral
    if word in tables.REIGNED and (numeral != "I" or _REIGN.match(match.string, match.end())):
        named = True
    pronoun = numeral == "I" and word.islower() and more  # the part I liked
    if pronoun or not (numbered or named):
        return match[0]
    value = roman(numeral)
    if numbered and word.isupper():  # not initials
        word = word.lower()
    return f"{word} {in_words(value) if numbered else 'the ' + in_words(value, 'ordinal')}"


_REIGN = re.compile(r"$|[^\s\w]|\s+(?:and|became|died|had|is|of|or|reigned|ruled|was)\b")


@WRITTEN.rule(rf"\b{_NUMERAL}(?= centur)")
def _century(match: re.Match[str]) -> str:
    return in_words(roman(match[0]), "ordinal")


@WRITTEN.rule(r"\b(\d+(?:\.\d+)?)e([+-]?)(\d{1,3})\b")
def _exponent(match: re.Match[str]) -> str:
    minus = "minus " if match[2] == "-" else ""
    return f"{match[1]} times 10 to the {minus}{match[3]}"


@WRITTEN.rule(r"(?<=[\w)])\^\{?([+-]?)(\d+|[a-z]\b)\}?")
def _power(match: re.Match[str]) -> str:
    named = {"2": " squared ", "3": " cubed "}.get(match[2]) if match[1] != "-" else None
    return named or f" to the {'minus ' if match[1] == '-' else ''}{match[2]} "


@WRITTEN.rule(r"(?<=\d)\s?(?:\N{MINUS SIGN}\s?(?=\.?\d)|-\s?(?=\d[\d.,]*\s?=))")
@WRITTEN.rule(r"(?:(?<=\s)|^)[-\N{MINUS SIGN}](?=[$€£¥₹]?\.?\d)")
def _minus(match: re.Match[str]) -> str:
    return " minus " if match.start() and match.string[match.start() - 1].isdigit() else "minus "
