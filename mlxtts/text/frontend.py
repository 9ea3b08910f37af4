"""A line of text to the segments that a model speaks one after another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlxtts.errors import TextError
from mlxtts.text import english, markup
from mlxtts.text.emphasis import Marked
from mlxtts.text.lexicon import Lexicon
from mlxtts.text.sentences import fit, sentences
from mlxtts.wire.tokens import MAX_PAUSE

TAG = re.compile(r"<(/?[a-z]+)>")
SPACE, SPACE_AND_STARS, EDGE = map(re.compile, (r"\s+", r"[\s*]+", r"^ | $"))


@dataclass(frozen=True)
class Segment:
    """What is spoken in one go. `pause`: seconds of silence before it, 0 for what is usual.
    `phonemes`: how it sounds, for a model that speaks these, and `words` what is written for each
    group of them; see wire.tokens.Codes."""

    text: str
    pause: float = 0.0
    phonemes: str = ""
    words: tuple[str, ...] = ()


class Frontend:
    """What text must be like for one model: `tags` it acts out, whether it needs everything in
    words (`spoken_form`), how much it speaks in one go (`length`, as of sentences.extent), the
    language in which sentences are told apart, whether it speaks `phonemes`, and whether it knows
    `emphasis`. If it speaks phonemes, a segment's text is as it was written, with the markup of
    pronunciations, for text.phonemes to read. If it knows emphasis, each emphasised word is within
    asterisks and no others are left; for all other models it is a word as any.

    `lexicon` says how words are pronounced; for a model that speaks phonemes it is not used here.
    """

    def __init__(
        self,
        tags: tuple[str, ...],
        spoken_form: bool,
        length: int,
        language: str = "en",
        phonemes: bool = False,
        emphasis: bool = False,
    ) -> None:
        self._tags = tags
        self._spoken_form = spoken_form and not phonemes
        space = SPACE_AND_STARS if emphasis else SPACE
        as_written = [(space, lambda _: " "), (EDGE, lambda _: "")]
        self._rules = english.RULES if self._spoken_form else as_written
        self._length = length
        self._phonemes = phonemes
        self._emphasis = emphasis
        self.language = language
        self.lexicon = Lexicon()
        self._removed: set[str] = set()
        self._told: set[str] = set()

    def fresh(self) -> Frontend:
        """The same, that has seen no tags."""
        form = self._tags, self._spoken_form, self._length
        made = Frontend(*form, self.language, self._phonemes, self._emphasis)
        made.lexicon = self.lexicon
        return made

    def segments(self, text: str) -> tuple[Segment, ...]:
        """Raises TextError if there is nothing in `text` that can be spoken, or a pause that cannot
        be read. A pause at the end is nothing."""
        segments, _ = self.parts(text)
        if not segments:
            raise TextError(f"nothing to speak in {_short(text)!r}")
        return segments

    def parts(self, text: str) -> tuple[tuple[Segment, ...], float]:
        """What there is to speak in `text`, and the seconds of silence that it wants after that.
        Raises TextError for a NUL, or a pause that cannot be read."""
        if "\0" in text:
            raise TextError("holds a NUL")
        segments: list[Segment] = []
        pause = 0.0
        for seconds, part in markup.pauses(text):
            pause = min(pause + seconds, MAX_PAUSE)
            for piece in self._pieces(part):
                segments.append(Segment(piece, pause))
                pause = 0.0
        return tuple(segments), pause

    def leave_out(self, what: str) -> None:
        """Have `new_tags` tell of something else that the model cannot say."""
        self._removed.add(what)

    def new_tags(self) -> list[str]:
        """What was left out, because the model does not know it, for the first time: tags, and
        pronunciations of words that were said without."""
        new = sorted(self._removed - self._told)
        self._told |= self._removed
        return new

    def _pieces(self, text: str) -> list[str]:
        if self._phonemes:
            text, hidden = markup.hide(text)
            pieces = [markup.show(piece, hidden) for piece in self._divided(Marked.read(text))]
        else:
            marked = Marked.read(markup.plain(text, self._removed.add))
            pieces = self._divided(marked.edited(self.lexicon.respellings(marked.text)))
        return [piece for piece in pieces if self._speakable(piece)]

    def _divided(self, text: Marked) -> list[str]:
        pieces: list[str] = []
        text = text.sub(TAG, self._tag)
        for words in text.parts(sentences(text.text, self.language)):
            for pattern, rewrite in self._rules:
                words = words.sub(pattern, rewrite)
            parts = words.parts(fit(words.text, self._length))
            pieces += [part.written(self._emphasised) for part in parts]
        return pieces

    def _tag(self, match: re.Match[str]) -> str:
        if match[1] in self._tags:
            return match[0]
        self._removed.add(match[0])
        return " "

    def _emphasised(self, word: str) -> bool:
        return self._emphasis and self._speakable(word) and not TAG.search(word)

    def _speakable(self, text: str) -> bool:
        if TAG.search(text):
            return True
        letters = "".join(char for char in text if char.isalnum())
        return bool(re.search("[A-Za-z]", letters) if self._spoken_form else letters)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
