"""A line of text to the segments of a model that speaks phonemes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from mlxtts.text.frontend import Frontend, Segment
from mlxtts.text.lexicon import Lexicon

if TYPE_CHECKING:
    from mlxtts.text.phonemes import G2P, Word

SENTENCES = {
    "a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "p": "pt", "j": "ja",
    "z": "zh",
}  # fmt: skip
"""By which rules the sentences of a language of text.phonemes are told apart."""
EARLY = 60  # phonemes, some four seconds
CLAUSES = tuple(",;:.!?—…")
OPENERS = "¿¡([{«“‘\"'"


class Phonetic(Frontend):
    """As Frontend, in the language of a voice, `accent`, a letter of text.phonemes. `vocabulary`
    holds the phonemes that the model has: others are left out, and so are words that have none."""

    def __init__(self, vocabulary: frozenset[str], length: int, accent: str = "a") -> None:
        super().__init__((), spoken_form=False, length=length, phonemes=True)
        self._vocabulary = vocabulary
        self._begun = False  # whether there has been a segment of what is being said
        self.speak(accent)

    def segments(self, text: str) -> tuple[Segment, ...]:
        self._begun = False
        return super().segments(text)

    def speak(self, accent: str) -> None:
        """Change the language."""
        self._accent = accent
        self.language = SENTENCES[accent]

    def fresh(self) -> Phonetic:
        made = Phonetic(self._vocabulary, self._length, self._accent)
        made.lexicon = self.lexicon
        return made

    def parts(self, text: str) -> tuple[tuple[Segment, ...], float]:
        """Raises UsageError if the language is not installed."""
        segments, pause = super().parts(text)
        said: list[Segment] = []
        for segment in segments:
            said += self._phonemes_of(segment)
            self._begun |= bool(said)
        return tuple(said), pause

    def _phonemes_of(self, segment: Segment) -> Iterator[Segment]:
        from mlxtts.text.phonemes import split, unspoken

        words = _g2p(self._accent, self.lexicon).words(segment.text)
        self._removed |= {*unspoken(words)}
        pause = segment.pause
        for piece in split(words) if self._begun else _early(words):
            phonemes, written = groups(piece)
            self._removed |= set(map(repr, phonemes)) - set(map(repr, self._vocabulary))
            phonemes = "".join(symbol for symbol in phonemes if symbol in self._vocabulary)
            if phonemes.strip():
                yield Segment(" ".join(filter(None, written)), pause, phonemes, written)
                pause = 0.0


def _early(words: Sequence[Word]) -> list[list[Word]]:
    """As `split`, but if it begins with a clause that is much shorter, that comes alone, so that
    there is something to hear soon."""
    from mlxtts.text.phonemes import split, string

    whole = len(string(words))
    for limit in (EARLY, 2 * EARLY) if whole > 2 * EARLY else ():
        first = split(words, limit)[0]
        if string(first).endswith(CLAUSES) and 2 * len(string(first)) < whole:
            return [first, *split(words[len(first) :])]
    return split(words)


@cache
def _g2p(accent: str, lexicon: Lexicon) -> G2P:
    from mlxtts.text.phonemes import load

    return load(accent, lexicon)


def groups(words: Sequence[Word]) -> tuple[str, tuple[str, ...]]:
    """The phonemes of words, and what is written for each group of them between spaces: see
    wire.tokens.Codes."""
    sounds, written, place = [""], [""], 0
    for word in words:
        first, *more = word.phonemes.split(" ")
        sounds[-1] += first
        written[place] += word.text
        sounds += more
        written += [""] * len(more)
        if word.space:
            place = len(sounds)
            sounds.append("")
            written.append("")
    return _merged(sounds, written)


def _merged(sounds: Sequence[str], written: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Without groups that have no sound: what is written there goes with the group before, or if it
    opens something, with the next."""
    pairs: list[tuple[str, str]] = []
    coming = ""  # what stands before the next group, as an opening bracket does
    for sound, text in zip(sounds, written, strict=True):
        if sound:
            pairs.append((sound, coming + text))
            coming = ""
        elif text and (not pairs or text[-1] in OPENERS):
            coming += text
        elif text:
            pairs[-1] = pairs[-1][0], f"{pairs[-1][1]} {coming}{text}".strip()
            coming = ""
    if coming and pairs:
        pairs[-1] = pairs[-1][0], f"{pairs[-1][1]} {coming}".strip()
    return " ".join(sound for sound, _ in pairs), tuple(text for _, text in pairs)
