"""Figures as they are read in English: amounts, years, dates, times and fractions. Numbers are
num2words's."""

from __future__ import annotations

from functools import lru_cache

from mlxtts.text.english_tables import MAGNITUDES, ROMANS

NUMBER = r"\d{1,3}(?:,\d{3}){1,9}(?:\.\d+)?|\d+(?:\.\d+)?|(?<![\w.])\.\d+"
MAGNITUDE = (
    r"(?:\s?(?:thousand|million|billion|trillion|crore|lakh|bn|mn|tn|mm|[kmbt])"
    r"|-(?:million|billion|trillion))\b(?<!\s\w(?=-))"
)
"""A letter apart, with a hyphen behind it, is none, as in $5 t-shirt."""
MONEY = (
    rf"(?P<sign>[$€£¥₹])\s?"
    rf"(?:(?P<low>{NUMBER})(?P<lows>{MAGNITUDE})?\s?-\s?(?P=sign)?(?=\.?\d))?"
    rf"(?P<amount>{NUMBER})(?P<magnitude>{MAGNITUDE})?"
)
TIME = r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s*([ap])\.?m\b\.?|(Z)\b)?"


def number(text: str) -> str:
    """A plain number, with or without commas and decimals."""
    whole, _, decimals = text.replace(",", "").partition(".")
    code = len(whole) > 15 or (len(whole) > 1 and whole[0] == "0")
    words = digits(whole) if code else in_words(int(whole)) if whole else ""
    return f"{words} point {digits(decimals)}".strip() if decimals else words


def digits(text: str) -> str:
    """Digit by digit."""
    return " ".join(in_words(int(digit)) for digit in text)


def year(value: int) -> str:
    if 2000 <= value < 2010 or value % 1000 == 0:
        return in_words(value)
    century, rest = divmod(value, 100)
    low = "hundred" if not rest else f"oh {in_words(rest)}" if rest < 10 else in_words(rest)
    return f"{in_words(century)} {low}"


def counted(amount: str, singular: str, plural: str) -> str:
    return f"{number(amount)} {singular if amount == '1' else plural}"


def money(amount: str, names: tuple[str, ...], magnitude: str | None = None) -> str:
    """`names`: of one and of many, and of the hundredth part; `magnitude`: such as m."""
    one, many, small_one, small_many = names
    if magnitude:
        word = magnitude.strip(" -").lower()
        return f"{number(amount)} {MAGNITUDES.get(word, word)} {many}"
    whole, _, cents = amount.partition(".")
    if len(cents) != 2:
        return counted(amount, one, many)
    small = counted(str(int(cents)), small_one, small_many) if int(cents) else ""
    if whole in ("", "0") and small:
        return small
    return counted(whole or "0", one, many) + (f" and {small}" if small else "")


def date(days: list[int], month: str, of: str | None, day_first: bool = False) -> str:
    """`days`: one, or the first and the last of several; `of`: the year."""
    day = " to ".join(in_words(day, "ordinal") for day in days)
    said = f"{day} of {month}" if day_first else f"{month} {day}"
    return said + (f", {year(int(of))}" if of else "")


def decade(figures: str) -> str:
    """Of two or four figures."""
    words = year(int(figures)) if len(figures) == 4 else number(figures)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def clock(hour: int, minute: int, second: int, half: str | None) -> str:
    """`half`: of the day, a or p."""
    end = f" and {counted(str(second), 'second', 'seconds')}" if second else ""
    end += f" {half.lower()} m" if half else ""
    if minute == 0:
        return in_words(hour) + (end if half else " o'clock" + end)
    return f"{in_words(hour)} {'oh ' if minute < 10 else ''}{in_words(minute)}{end}"


def fraction(whole: str | None, top: int, bottom: int) -> str:
    part = {2: "half", 4: "quarter"}.get(bottom) or in_words(bottom, "ordinal")
    if top != 1:
        part = "halves" if bottom == 2 else part + "s"
    lead = f"{number(whole)} and " if whole else ""
    return f"{lead}{'a' if whole and top == 1 else in_words(top)} {part}"


def roman(numeral: str) -> int:
    values = [ROMANS[char] for char in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)


@lru_cache(1000)
def in_words(value: int, to: str = "cardinal") -> str:
    from num2words import num2words  # 30 ms that text without figures need not wait for

    words: str = num2words(value, to=to)
    return words.replace(",", "")
