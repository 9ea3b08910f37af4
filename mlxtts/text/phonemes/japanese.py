"""Japanese as misaki says it for the first Kokoro: fugashi finds the words and their readings,
misaki's Cutlet writes them in the model's symbols."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import jaconv
from misaki import cutlet

from mlxtts.text.phonemes.latin import Latin
from mlxtts.text.phonemes.source import Mark, Part, Token, between, changed, figures

MARKS = ';:,.!?—…"“”'
STOP = "\u0294"  # before a long consonant, to which it belongs
CLOSED = '!",.:;?—…”'
COUNTED = 9  # the most figures that misaki's counting knows
FIGURE = re.compile(r"\d+")
SIGNS = {"%": "パーセント", "&": "アンド", "℃": "ど"}


class Japanese:
    """A language, see `phonemes.Language`."""

    def __init__(self) -> None:
        self._cutlet = Cutlet()
        self._latin = Latin()

    def rewrite(self, text: str) -> list[Part]:
        """`text` in parts, with figures in kana and each sign in its usual form."""
        said = figures(unicodedata.normalize("NFKC", text))
        said = re.sub(r"(?<=\d),(?=\d{3})", "", said)
        said = re.sub(r"(?<=\d)[.](?=\d)", "点", said)
        said = re.sub("[%&℃]", lambda sign: SIGNS[sign[0]], said)
        said = FIGURE.sub(lambda number: _countable(number[0]), said)
        return changed(text, self._cutlet._normalize_text(said))

    def tokens(self, said: str, marks: Sequence[Mark]) -> list[Token]:
        return between(said, marks, self._stretch, apart=True)

    def _stretch(self, said: str) -> list[Token]:
        found: list[Token] = []
        at = 0
        for surface, sound, space in self._cutlet.words(said):
            start = max(said.find(surface, at), at)
            at = start + len(surface)
            if re.search("[A-Za-z]", surface):
                found += self._latin.tokens(surface, start, space)
            else:
                found.append(Token(start, at, sound, space))
        return found


def _countable(number: str) -> str:
    """Longer numbers, and those with zeros before them, are read figure by figure."""
    code = len(number) > COUNTED or (len(number) > 1 and number[0] == "0")
    return " ".join(number) if code else number


class Cutlet(cutlet.Cutlet):
    """misaki's, that tells its words apart."""

    def words(self, text: str) -> list[tuple[str, str, bool]]:
        """Each word of a text in its usual form, its sound, and whether a space follows."""
        self._surfaces: list[str] = []
        read = [self._reading(word) for word in self.tagger(text)]
        tokens = self._romaji_tokens(read)
        sounds = [_symbols(token.surface) for token in tokens]
        spaces = [token.space for token in tokens]
        for at, (sound, after) in enumerate(zip(sounds, [*sounds[1:], ""], strict=True)):
            hard = after.startswith(STOP) and sound[-1:] not in [*CLOSED]
            if hard or (sound.endswith(STOP) and after[:1] not in [*'"“']):
                spaces[at] = False
        return [*zip(self._surfaces, sounds, spaces, strict=True)]

    def _reading(self, word: Any) -> cutlet.Word:
        feature = word.feature
        kana = jaconv.kata2hira(feature.pron or feature.kana or word.surface)
        known = word.char_type == 7 or not word.is_unk
        return cutlet.Word(word.surface, kana, 6 if known else word.char_type)

    def _romaji_word(self, word: cutlet.Word) -> str:
        self._surfaces.append(word.surface)
        sound: str = super()._romaji_word(word)
        return sound


def _symbols(sound: str) -> str:
    """Without what the model has no symbol for."""
    return (
        sound
        if any(char.isalpha() for char in sound)
        else "".join(char for char in sound if char in MARKS)
    )
