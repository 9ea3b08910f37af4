"""The pipeline of the kokoro package, with the same calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlxtts.api.speech import Array, Speech, load_model

Result = tuple[str, str, Array]


class KokoroPipeline:
    """A language and a model that speaks phonemes.

        pipeline = KokoroPipeline(lang_code="a")
        for graphemes, phonemes, audio in pipeline("Hello world!", voice="af_heart"):
            ...

    lang_code: a, b, e, f, h, i, p, j or z, or a name such as en-us.
    model: what `load_model` gave, in place of `repo_id`.
    repo_id: a short name, a folder or a repository.

    Raises UsageError for an unknown language or one that is not installed, ModelError.
    """

    def __init__(
        self, lang_code: str = "a", model: Speech | None = None, repo_id: str = "kokoro"
    ) -> None:
        self.model = model or load_model(repo_id)
        self.lang_code = lang_code
        self.model.check(None, lang_code)

    def __call__(
        self,
        text: str | Sequence[str],
        voice: str | None = None,
        speed: float = 1.0,
        split_pattern: str | None = r"\n+",
    ) -> Iterator[Result]:
        """Of each sentence: as it is written, its phonemes, and its sound, (n,) float32 at
        `model.sample_rate`.

        text: one text, divided where `split_pattern` is found, or several.
        voice: a voice or a blend of some; default: the first of the language.
        speed: 0.5 to 2.

        Raises TextError, VoiceError, UsageError.
        """
        parts = [text] if isinstance(text, str) else [*text]
        if isinstance(text, str) and split_pattern:
            parts = re.split(split_pattern, text.strip())
        for part in parts:
            if part.strip():
                line = " ".join(part.split())
                yield from self.model.phrases(
                    line, voice, language=self.lang_code, speed=float(speed)
                )
