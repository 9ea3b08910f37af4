"""English as misaki says it, American or British.

misaki looks words up by their part of speech, which it takes from spaCy's model en_core_web_sm.
Where that is not installed, spaCy's rules find the tokens and `tagger` their tags. A word that
misaki does not know is espeak-ng's to say, or is spelled where that is not installed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import spacy
from misaki import en

from mlxtts.text import english
from mlxtts.text.phonemes import tagger, tagger_cases
from mlxtts.text.phonemes.source import Mark, Part, Token

MODEL = "en_core_web_sm"
THEIRS = {"_loud", "_ordinal", "_year", "_number", "_dotted_initials", "_initials", "_aside"}
THEIRS |= {"_plain", "_silent", "_doubled_comma", "_space", "_spaces", "_dollars"}
QUANTITY = re.compile(r"(?<![\d.,])(?:[3-9]\d{3}|2[1-9]\d\d)(?![\d,]|\.\d)")
"""Four figures that are no year, which misaki would read as one."""
DASH = re.compile(r"--+")
LOUD = next(pattern for pattern, rule in english.RULES if rule.__name__ == "_loud")
INITIALS = re.compile(r"\b([a-z](?: [a-z])+)\b\.?")
POSSESSIVES = ("'s", "’s")


def _words(match: re.Match[str], rule: Callable[[re.Match[str]], str]) -> str:
    """What a rule makes of a match, in words; letters that are spelled as initials."""
    said = english.spoken(rule(match)).replace("et cetera", "etc")
    return INITIALS.sub(lambda found: found[1].upper().replace(" ", ".") + ".", said)


SAY: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (DASH, lambda match: "—"),
    *((pattern, partial(_words, rule=rule)) for pattern, rule in english.RULES
      if rule.__name__ not in THEIRS),
    (QUANTITY, partial(_words, rule=lambda match: match[0])),
]  # fmt: skip
"""What misaki cannot read of itself, or loses: times, dates, units, addresses, most signs."""


@dataclass
class Piece:
    """A token of spaCy's, or what is left of it beside a mark, or all that a mark is about."""

    start: int
    end: int
    text: str
    space: str
    tag: str = ""
    mark: Mark | None = None
    respelled: str | None = None


class English:
    """A language, see `phonemes.Language`."""

    def __init__(self, *, british: bool) -> None:
        self._g2p = G2P(british)

    def rewrite(self, text: str) -> list[Part]:
        """`text` in parts, with words for what misaki cannot read."""
        parts = [Part(text, text)]
        for pattern, say in SAY:
            parts = [new for part in parts for new in _rewritten(part, pattern, say)]
        return parts

    def tokens(self, said: str, marks: Sequence[Mark]) -> list[Token]:
        if LOUD.search(said) and len(said.lower()) == len(said):
            said = said.lower()
        _, found = self._g2p(said, lambda text: (text, [], marks))
        tokens = []
        at = 0
        for token in found:
            start = max(said.find(token.text, at), at)
            at = start + len(token.text)
            tokens.append(Token(start, at, token.phonemes or "", bool(token.whitespace)))
        return tokens


def _rewritten(
    part: Part, pattern: re.Pattern[str], say: Callable[[re.Match[str]], str]
) -> Iterator[Part]:
    if not part.plain:
        yield part
        return
    at = 0
    for match in pattern.finditer(part.said):
        said = say(match)
        if said and said != match[0].strip():
            yield from _plain(part.said[at : match.start()])
            yield Part(match[0], said)
            at = match.end()
    yield from _plain(part.said[at:])


def _plain(text: str) -> Iterator[Part]:
    if text:
        yield Part(text, text)


class G2P(en.G2P):
    """misaki's, with tags of ours where spaCy's model is not installed."""

    def __init__(self, british: bool) -> None:  # and not misaki's own, which downloads the model
        self.version = None
        self.british = british
        self.unk = ""
        self.lexicon = en.Lexicon(british)
        self.fallback = Fallback(british, self.lexicon)
        self.full = spacy.util.is_package(MODEL)
        self.nlp = (
            spacy.load(MODEL, enable=["tok2vec", "tagger"]) if self.full else spacy.blank("en")
        )

    def tokenize(self, text: str, tokens: Any, features: Sequence[Mark]) -> list[Any]:
        pieces = [*self._pieces(text, features)]
        if not self.full:
            self._tag(pieces)
        return [self._token(piece) for piece in pieces]

    def ambiguous(self, word: str) -> bool:
        """Whether the part of speech changes the sound of the word."""
        for known in (word, word.removesuffix("s")):
            sounds = self.lexicon.golds.get(known)
            if isinstance(sounds, dict):
                return bool({*sounds} - {"DEFAULT", "None"}) and len({*sounds.values()}) > 1
        return False

    def _pieces(self, text: str, marks: Sequence[Mark]) -> Iterator[Piece]:
        last: Piece | None = None
        for token in self.nlp(text):
            edges = {edge - token.idx for mark in marks for edge in (mark.start, mark.end)}
            cuts = [0, *sorted(edge for edge in edges if 0 < edge < len(token)), len(token)]
            for begin, end in pairwise(cuts):
                start = token.idx + begin
                mark = next((m for m in marks if m.start <= start < m.end), None)
                space = token.whitespace_ if end == len(token) else ""
                piece = Piece(
                    start, token.idx + end, token.text[begin:end], space, token.tag_, mark
                )
                if last and _continues(last, piece):
                    last.text += last.space + piece.text
                    last.end, last.space = piece.end, space
                    continue
                if last:
                    yield last
                last = piece
        if last:
            yield last

    def _tag(self, pieces: Sequence[Piece]) -> None:
        words = [piece.text for piece in pieces]
        found = tagger.tags(words, self.ambiguous)
        for at, piece in enumerate(pieces):
            joined = piece.text == "-" and at and not pieces[at - 1].space and not piece.space
            piece.tag = "HYPH" if joined else found[at]
            piece.respelled = tagger_cases.respelling(words, found, at)

    def _token(self, piece: Piece) -> Any:
        extra = en.MToken.Underscore(is_head=True, num_flags="", prespace=False)
        token = en.MToken(text=piece.text, tag=piece.tag, whitespace=piece.space, _=extra)
        if piece.mark and piece.mark.phonemes is not None:
            token.phonemes, extra.rating = piece.mark.phonemes, 5
            if piece.text.endswith(POSSESSIVES) and piece.end > piece.mark.end:
                token.phonemes = self.lexicon._s(token.phonemes)
        elif piece.mark and piece.mark.stress is not None:
            extra.stress = piece.mark.stress
        else:
            extra.alias = piece.respelled
        return token


def _continues(last: Piece, piece: Piece) -> bool:
    """Whether it has one sound with the last, which is given."""
    given = last.mark is not None and last.mark.phonemes is not None
    possessive = piece.text in POSSESSIVES and not last.space
    return given and (piece.mark is last.mark or (piece.mark is None and possessive))


class Fallback:
    """For words that are in no list."""

    def __init__(self, british: bool, lexicon: Any) -> None:
        self._lexicon = lexicon
        try:
            from mlxtts.text.phonemes.espeak import Unknown

            self._espeak: Unknown | None = Unknown(british)
        except (ImportError, OSError, RuntimeError):
            self._espeak = None

    def __call__(self, token: Any) -> tuple[str | None, int]:
        if self._espeak:
            return self._espeak(token.text), 2
        return self._spelled(token.text), 1

    def _spelled(self, word: str) -> str | None:
        """Letter by letter; None if there is none that has a name."""
        letters = unicodedata.normalize("NFKD", word)
        sound, _ = self._lexicon.get_NNP("".join(c for c in letters if c.isascii()))
        return sound or None
