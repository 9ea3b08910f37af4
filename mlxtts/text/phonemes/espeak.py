"""Spanish, French, Hindi, Italian and Portuguese, and English words that are in no list, as
espeak-ng says them; misaki writes that in the model's symbols.

What espeak-ng says belongs to whole sentences, since words run into each other (les amis); so
sounds and words are told apart afterwards, as far as their numbers agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from misaki.espeak import EspeakFallback, EspeakG2P

from mlxtts.text.phonemes.source import Mark, Part, Token, between

POINT = {"es": "coma", "fr-fr": "virgule", "it": "virgola", "pt-br": "vírgula", "hi": "दशमलव"}
NUMBER = r"(?<![\d.,:]){}(?![\d:])(?!,\d|\.\d)"
LONG = r"(?P<whole>\d{{1,3}}(?:[{0}]\d{{3}})+|\d+)(?:[{1}](?P<rest>\d+))?"
TIME = re.compile(r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?![\d:])")
ITEM = re.compile(r"""(?P<mark>[;:,.!?¡¿—…"«»“”(){}\[\]])|[^\s;:,.!?¡¿—…"«»“”(){}\[\]]+""")
QUOTES = str.maketrans("«»", "“”")
DECORATION = str.maketrans(dict.fromkeys("*_`^|\\", " "))
"""Marks that are seen and not heard."""
SILENT = str.maketrans("", "", "¿¡{}[]")
"""Marks without a symbol."""
FLAG = re.compile(r"\([A-Za-z]{2,3}(?:-[A-Za-z]+)*\)")
"""Says which language a part of a word is taken for."""
HAN = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")


class Unknown:
    """English words, said by their spelling."""

    def __init__(self, british: bool) -> None:
        self._fallback = EspeakFallback(british)
        _hush(self._fallback)

    def __call__(self, word: str) -> str | None:
        """None for what espeak-ng does not read in English, but for calling it a letter."""
        if HAN.search(word):
            return None
        sound, _ = self._fallback(SimpleNamespace(text=word))
        return FLAG.sub("", sound or "").strip() or None


class Espeak:
    """A language, see `phonemes.Language`; `name` is espeak-ng's for it."""

    def __init__(self, name: str) -> None:
        self._g2p = EspeakG2P(name)
        _hush(self._g2p)
        thousands, point = (",", ".") if name == "hi" else (".\u202f\u00a0 ", ",.")
        self._number = re.compile(NUMBER.format(LONG.format(thousands, point)))
        self._point = POINT[name]

    def rewrite(self, text: str) -> list[Part]:
        """`text` in parts, in which no sign within a number looks like the end of a sentence."""
        parts: list[Part] = []
        at = 0
        found = [*TIME.finditer(text), *self._number.finditer(text)]
        for match in sorted(found, key=re.Match.start):
            said = self._said(match)
            if match.start() >= at and said != match[0]:
                parts += [Part(text[at : match.start()], text[at : match.start()])]
                parts.append(Part(match[0], said))
                at = match.end()
        return [part for part in [*parts, Part(text[at:], text[at:])] if part.written]

    def tokens(self, said: str, marks: Sequence[Mark]) -> list[Token]:
        return between(said, marks, self._stretch)

    def _said(self, match: re.Match[str]) -> str:
        given = match.groupdict()
        if "hour" in given:
            return f"{given['hour']} {given['minute']}"
        whole = re.sub(r"\D", "", given["whole"])
        rest = given["rest"]
        return whole if rest is None else f"{whole} {self._point} {rest}"

    def _stretch(self, said: str) -> list[Token]:
        sound = self._say(said)
        words, sounds = _clauses(said.translate(QUOTES)), _clauses(sound)
        if [clause[-1][0] for clause in words] != [clause[-1][0] for clause in sounds]:
            return [Token(0, len(said), sound, False)]
        found: list[Token] = []
        for written, sounding in zip(words, sounds, strict=True):
            found += self._paired(said, sound, written[:-1], sounding[:-1])
            found += [_token(written[-1], sounding[-1], sound)] if written[-1][0] else []
        return found

    def _paired(
        self, said: str, sound: str, written: Sequence[Item], sounding: Sequence[Item]
    ) -> Iterator[Token]:
        """The words and the sounds of a clause, one to one, or as many sounds to each word as it
        has alone; else all of it is one."""
        if not written or not sounding:
            return
        counts = [1] * len(written)
        if len(written) != len(sounding):
            counts = [len(self._say(said[start:end]).split()) for _, start, end in written]
        if sum(counts) != len(sounding):
            written = [("", written[0][1], written[-1][2])]
            counts = [len(sounding)]
        at = 0
        for item, count in zip(written, counts, strict=True):
            group = sounding[at : at + count]
            where = (group[0][1], group[-1][2]) if group else (len(sound), len(sound))
            yield _token(item, ("", *where), sound)
            at += count

    def _say(self, said: str) -> str:
        sound, _ = self._g2p(said.translate(DECORATION))
        return (sound or "").strip()


Item = tuple[str, int, int]
"""A mark, or nothing for a word, and where it begins and ends."""


def _clauses(text: str) -> list[list[Item]]:
    """The words up to each mark, and the mark; the last has none."""
    clauses: list[list[Item]] = [[]]
    for match in ITEM.finditer(text):
        clauses[-1].append((match["mark"] or "", match.start(), match.end()))
        if match["mark"]:
            clauses.append([])
    clauses[-1].append(("", len(text), len(text)))
    return clauses


def _token(word: Item, sound: Item, sounds: str) -> Token:
    _, start, end = sound
    return Token(
        word[1], word[2], sounds[start:end].translate(SILENT), sounds[end : end + 1] == " "
    )


def _hush(g2p: Any) -> None:
    """phonemizer tells stderr of words of other languages, which it says all the same."""
    g2p.backend.logger.disabled = True
