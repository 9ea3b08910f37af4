"""Mandarin as misaki says it for the first Kokoro: jieba finds the words, pypinyin their sounds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

import cn2an
import jieba
from misaki.zh import ZHG2P

from mlxtts.text.phonemes.latin import Latin
from mlxtts.text.phonemes.source import Mark, Part, Token, between, changed, figures

RUN = re.compile(r"(?P<han>[\u4e00-\u9fff]+)|(?P<latin>[A-Za-z](?:[A-Za-z\'’ -]*[A-Za-z])?)|[^\s]")
USUAL = (
    (re.compile(r"(?<=\d),(?=\d{3})"), ""),
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), r"\1年\2月\3日"),
    (re.compile(r"(?<![\d:])(\d{1,2}):00(?![\d:])"), r"\1点"),
    (re.compile(r"(?<![\d:])(\d{1,2}):([0-5]\d)(?![\d:])"), r"\1点\2分"),
    (re.compile(r"(?<![\d\w])[-\u2212](?=\d)"), "负"),
)
"""Ways to write numbers that cn2an does not read, and ones that it does."""
CODE = re.compile(r"(?<![\d.])(?:0\d+|1\d{10}|\d{16,})(?![\d.])")
"""Figures that count nothing, such as those of a telephone."""
MARKS = ';:,.!?—…"()“”'
TIE = "\u032f"


class Mandarin:
    """A language, see `phonemes.Language`."""

    def __init__(self) -> None:
        jieba.default_logger.disabled = True
        jieba.dt.tmp_dir = "/dev/null"  # no cache, which would be where anybody may write
        self._latin = Latin()

    def rewrite(self, text: str) -> list[Part]:
        """`text` in parts, with figures in characters and punctuation that has a symbol."""
        said = figures(text)
        for pattern, usual in USUAL:
            said = pattern.sub(usual, said)
        said = CODE.sub(_one_by_one, said)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of what it leaves as it is
            said = cn2an.transform(said, "an2cn")
        parts = changed(text, said)
        return [new for part in parts for new in (_mapped(part) if part.plain else [part])]

    def tokens(self, said: str, marks: Sequence[Mark]) -> list[Token]:
        return between(said, marks, lambda text: [*self._stretch(text)], apart=True)

    def _stretch(self, said: str) -> Iterator[Token]:
        for match in RUN.finditer(said):
            start, end = match.span()
            after = said[end : end + 1]
            if match["han"]:
                yield from _words(match[0], start, after)
            elif match["latin"]:
                yield from self._latin.tokens(match[0], start, after not in MARKS)
            else:
                yield Token(start, end, match[0] if match[0] in MARKS else "", after.isspace())


def _one_by_one(match: re.Match[str]) -> str:
    return "".join("零一二三四五六七八九"[int(figure)] for figure in match[0])


def _mapped(part: Part) -> Iterator[Part]:
    for piece in re.findall(r"\w+|.", part.said):
        said = ZHG2P.map_punctuation(f"x{piece}x")[1:-1]
        yield Part(piece, said)


def _words(text: str, start: int, after: str) -> Iterator[Token]:
    begin = start
    for word in jieba.lcut(text, cut_all=False):
        end = start + len(word)
        space = len(text) > end - begin or after.isspace() or after.isalnum()
        yield Token(start, end, _sound(word), space)
        start = end


def _sound(word: str) -> str:
    try:
        sound: str = ZHG2P.word2ipa(word).replace(TIE, "")
    except (ValueError, AssertionError, KeyError):  # a character that pypinyin does not know
        return ""
    return sound
