"""Sentences, and pieces of them that fit a length."""

from __future__ import annotations

import re

BREAKS = (r"(?<=[;:])\s+", r"(?<=,)\s+", r"\s+")


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of `text`, without the space around them."""
    from sentencex import segment

    return [stripped for part in segment(language, text) if (stripped := part.strip())]


def fit(text: str, length: int) -> list[str]:
    """`text` in pieces of at most `length` characters, broken at the strongest break that gives
    pieces that fit: semicolons, then commas, then spaces, and only at last within a word."""
    if len(text) <= length:
        return [text]
    for pattern in BREAKS:
        parts = re.split(pattern, text)
        if len(parts) > 1:
            return [piece for part in _packed(parts, length) for piece in fit(part, length)]
    return [text[at : at + length] for at in range(0, len(text), length)]


def _packed(parts: list[str], length: int) -> list[str]:
    """Neighbours joined again while they fit, in lines of about the same length."""
    total = sum(map(len, parts)) + len(parts) - 1
    even = min(length, -(-total // -(-total // length)) + length // 8)
    packed = [parts[0]]
    for part in parts[1:]:
        joined = f"{packed[-1]} {part}"
        if len(joined) <= even:
            packed[-1] = joined
        else:
            packed.append(part)
    return packed
