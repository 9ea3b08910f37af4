"""What a writer can put into any text to say how it is to be spoken.

    [pause:0.5s]  [pause:500ms]              silence
    <break time="500ms"/>  <break/>          the same as SSML 1.1 has it, also with a strength
    [Kokoro](/kˈOkəɹO/)                      a word and how it sounds, in the model's phonemes
    [word](+1)  [word](-0.5)                 a word and how much it is stressed
    *word*  **two words**                    words that are emphasised

This module knows how they are written. What becomes of a pronunciation or of emphasis is for others
to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mlxtts.errors import TextError
from mlxtts.wire.tokens import MAX_PAUSE

STRENGTHS = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.2,
    "medium": 0.4,
    "strong": 0.8,
    "x-strong": 1.2,
}
"""Seconds; SSML leaves them open."""
PAUSE = re.compile(
    r"\[pause(?::[^\]\n]*)?\]|\[pause:[^\]\n]*|<break\b[^>\n]*>?(?:</break\s*>)?", re.I
)
BRACKETS = re.compile(r"\[pause:([^\]]*)\]", re.I)
ELEMENT = re.compile(
    r"<break((?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*/?>(?:</break\s*>)?", re.I
)
ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*[\"']([^\"']*)[\"']")
TIME = re.compile(r"\+?(\d+\.?\d*|\.\d+)(ms|s)")
SPEAK = re.compile(r"^\s*<speak\b[^>]*>|</speak\s*>\s*$", re.I)

PRONUNCIATION = re.compile(r"\[([^\[\]\n]+)\]\(/([^\[\n]*?)/\)")
STRESS = re.compile(r"\[([^\[\]\n]+)\]\(([+-]?(?:\d|0?\.5))\)")
WORD = re.compile(f"{PRONUNCIATION.pattern}|{STRESS.pattern}")
BEGUN = r"\[[^\]\n]{0,200}$|\[[^\[\]\n]+\](?:\([^)\n]{0,200})?$|<b[^>\n]{0,200}$"

EMPHASIS = re.compile(
    r"(?<![^\W_])(?<!\*)(?P<stars>\*{1,3})(?![\s*])(?P<words>[^*\n]+)(?<!\s)(?P=stars)(?!\*|[^\W_])"
)
"""As in Markdown, but only of whole words, and in one line."""
EMPHASIS_BEGUN = r"(?<![^\W_])(?<!\*)\*{1,3}(?![\s*])[^*\n]{0,200}\**$"

HIDDEN = 0x100000  # a plane for private use: each character of it stands for something hidden
HIDE = re.compile(f"{WORD.pattern}|{PAUSE.pattern}|[\U00100000-\U0010ffff]", re.I)
WHOLE = re.compile(f"{HIDE.pattern}|{EMPHASIS.pattern}", re.I)
WHOLE_BEGUN = re.compile(f"{WHOLE.pattern}|{BEGUN}|{EMPHASIS_BEGUN}", re.I)


def pauses(text: str) -> list[tuple[float, str]]:
    """The text between pauses, each part with the seconds of silence before it; the last part may
    be empty. Raises TextError for a pause that cannot be read, or is too long."""
    parts = [(0.0, "")]
    at = 0
    text = SPEAK.sub(" ", text)
    for match in PAUSE.finditer(text):
        seconds = _seconds(match[0])
        between = text[at : match.start()]
        at = match.end()
        before, said = parts.pop()
        if not seconds:
            parts.append((before, f"{said}{between} "))
        elif (said + between).strip():
            parts += [(before, said + between), (seconds, "")]
        else:
            parts.append((_within(before + seconds, match[0]), ""))
    before, said = parts.pop()
    return [*parts, (before, said + text[at:])]


def _seconds(markup: str) -> float:
    if match := BRACKETS.fullmatch(markup):
        return _time(match[1].strip(), markup)
    match = ELEMENT.fullmatch(markup)
    given = dict(ATTRIBUTE.findall(match[1])) if match else {"?": ""}
    strength = given.pop("strength", "medium")
    time = given.pop("time", None)
    if given or strength not in STRENGTHS:
        raise TextError(f"{markup!r} is not a pause: <break/> may have time and strength")
    return STRENGTHS[strength] if time is None else _time(time.strip(), markup)


def _time(time: str, markup: str) -> float:
    if not (match := TIME.fullmatch(time)):
        raise TextError(f"{markup!r} is not a pause: its time must be as 0.5s or 500ms")
    return _within(float(match[1]) / (1000 if match[2] == "ms" else 1), markup)


def _within(seconds: float, markup: str) -> float:
    if seconds > MAX_PAUSE:
        raise TextError(f"{markup!r}: a pause has at most {MAX_PAUSE:g} seconds")
    return seconds


def plain(text: str, left_out: Callable[[str], object]) -> str:
    """The words alone, for a model that is not told how they sound; `left_out` hears what is not
    said of them, such as `(/kˈOkəɹO/)`."""

    def word(match: re.Match[str]) -> str:
        said: str = match[1] or match[3]
        left_out(match[0][len(said) + 2 :])
        return said

    return WORD.sub(word, text)


def hide(text: str, what: re.Pattern[str] = HIDE) -> tuple[str, list[str]]:
    """The text with a character in place of each markup, so that nothing divides it, and what
    `show` needs. `what`: HIDE; WHOLE also in place of emphasised words; WHOLE_BEGUN also of what
    has an end that is still to come."""
    hidden: list[str] = []

    def one(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return chr(HIDDEN + min(len(hidden) - 1, 0xFFFD))

    text = what.sub(one, text)
    if len(hidden) > 0xFFFD:
        raise TextError("too much markup in one text")
    return text, hidden


def show(text: str, hidden: list[str]) -> str:
    """The text with its markup again."""
    return re.sub("[\U00100000-\U0010ffff]", lambda match: hidden[ord(match[0]) - HIDDEN], text)
