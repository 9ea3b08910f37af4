"""A model by name, and everything between a line of text and its token records."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlxtts import caches, codecs, hub, models
from mlxtts.engine.engine import Engine
from mlxtts.engine.example import Recording, listen
from mlxtts.engine.request import Request
from mlxtts.engine.synthesis import Synthesis
from mlxtts.errors import OptionError, UsageError
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Frontend
from mlxtts.text.lines import Utterance
from mlxtts.text.phonemes import letter_of
from mlxtts.text.phonetic import Phonetic
from mlxtts.wire.tokens import Header


class Speaker:
    """What is known of a model before its weights are loaded; `load` gives the engine.

    cache_bits: of keys and values, 16 or, on a GPU of NVIDIA's, 8.

    Raises ModelError if `name` is no model, HubError if it cannot be downloaded.
    """

    def __init__(self, name: str, access: hub.Access = hub.DEFAULT) -> None:
        self._access = access
        self._folder = hub.locate(name, access)
        self._module = models.find(self._folder)
        self.name = hub.address(name, self._folder, access)
        config = self._module.read_config(self._folder)
        if entry := hub.known(name):  # a published checkpoint does not say these
            config = replace(config, voices=entry.voices, languages=entry.languages)
        self.config: models.Config = config
        self.frontend = self._frontend()
        self.cache_bits = 16
        self.example: models.Example | None = None
        """Of the voice that it has taken."""

    def _frontend(self) -> Frontend:
        config = self.config
        if config.vocabulary is not None:
            return Phonetic(config.vocabulary, config.segment_length)
        form = config.tags, config.spoken_form, config.segment_length
        return Frontend(*form, config.languages[0], emphasis=config.emphasis)

    def header(self, voice: str | None, seed: int, language: str | None = None) -> Header:
        """The header of what it will say. Raises VoiceError for a voice it does not have."""
        own = hub.own_codec(self._folder) or not self.config.codec_path
        return Header(
            codec=self.config.codec,
            codec_path=self.name if own else self.config.codec_path,
            rate=self.config.sample_rate,
            model=self.name,
            voice=models.choose_voice(self.config, voice, self.accent(language)),
            seed=seed,
        )

    def accent(self, language: str | None) -> str | None:
        """What the model calls a language. Raises UsageError for one that it does not have."""
        if language is None:
            return None
        if self.config.vocabulary is not None:
            return letter_of(language)
        if language not in self.config.languages:
            languages = ", ".join(self.config.languages)
            raise UsageError(f"language {language!r}: {self.name} has {languages}")
        return language

    def foreign(self, voice: str | None, language: str | None) -> str | None:
        """What to warn of if a voice is to speak another language than its own."""
        accent = self.accent(language)
        name = models.choose_voice(self.config, voice, accent)
        if accent in (None, self.config.accent(name)):
            return None
        return f"voice {name} is of another language than {language}, and will have an accent"

    def load(self, width: int = 1) -> Engine:
        """An engine that speaks so many utterances at a time. The weights are loaded once."""
        caches.expect(width)
        return Engine(self.model, self.config, width, self.cache_bits)

    def synthesis(self, width: int = 1) -> Synthesis:
        """The same with its codec, which is loaded once, too."""
        return Synthesis(self.load(width), self.codec)

    @cached_property
    def model(self) -> models.Model:
        """The model itself, loaded once."""
        model: models.Model = self._module.load(self._folder, self.config)
        return model

    @cached_property
    def codec(self) -> codecs.Codec:
        """Its codec, loaded once."""
        return codecs.load(*self._located_codec())

    def _located_codec(self) -> tuple[str, Path]:
        """Its kind and its folder. A revision is one of the model's repository."""
        header = self.header(None, 0)
        access = replace(self._access, revision=None)
        return header.codec, hub.locate_codec(header.codec_path, access)

    def check(
        self,
        voice: str | None,
        language: str | None,
        recording: Recording | None = None,
        said: str | None = None,
    ) -> None:
        """Raises VoiceError, and UsageError for a language that the model does not have. What is
        spoken from now on has the voice of the recording, in which the words `said` are heard, if
        there is one: raises UsageError if the model cannot take it, and what `listen` raises."""
        models.choose_voice(self.config, voice, self.accent(language))
        if recording is None and said is not None:
            raise OptionError("ref_text", "needs the recording in which it is said")
        if recording is not None:
            self.example = self._listen(recording, said)

    def _listen(self, recording: Recording, said: str | None) -> models.Example:
        longest = self.config.example_seconds
        if not longest:
            raise UsageError(f"{self.name} cannot take the voice of a recording")
        if not (said and said.strip()):
            raise OptionError("ref_audio", "needs what is said in it")
        encoder = codecs.load_encoder(*self._located_codec())
        return listen(encoder, recording, said.strip(), self.config.sample_rate, longest)

    def sampling(self, **given: Any) -> Sampling:
        """The model's sampling, but for what is given and not None. Raises UsageError."""
        given = {name: x for name, x in given.items() if x is not None}
        if self.config.sampling is None and given:
            reason = f"{self.name} draws nothing, so nothing can be set for it"
            raise OptionError(next(iter(given)), reason)
        return replace(self.config.sampling or Sampling(), **given)

    def frames(self, max_tokens: int | None) -> int | None:
        """Whole frames in so many tokens. Raises UsageError if there is none."""
        size = self.config.frame_codes
        if max_tokens is not None and not size:
            raise OptionError("max_tokens", f"{self.name} speaks no tokens that could be counted")
        if max_tokens is not None and max_tokens < size:
            raise OptionError("max_tokens", f"must be at least {size}, the tokens of a frame")
        return max_tokens and max_tokens // size

    def request(
        self,
        utterance: Utterance,
        voice: str | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
        max_frames: int | None = None,
        language: str | None = None,
        speed: float | None = None,
    ) -> Request:
        """Raises TextError for a text without anything to speak, VoiceError for an unknown voice,
        UsageError for a speed that the model cannot speak at. `voice` and `sampling` are for what
        the utterance or the model do not say themselves, `language` for voices of another."""
        accent = self.accent(language)
        voice = models.choose_voice(self.config, utterance.voice or voice, accent)
        return Request(
            id=utterance.id,
            text=utterance.text,
            segments=self.speaking(self.frontend, voice, accent).segments(utterance.text),
            voice=voice,
            sampling=sampling or self.sampling(),
            seed=seed,
            pause=utterance.pause,
            max_frames=max_frames,
            extra=self.extra(voice, speed),
            example=self.example,
        )

    def speaking(self, frontend: Frontend, voice: str, accent: str | None = None) -> Frontend:
        """The frontend, now in the language of a voice, or in the other that is given."""
        if isinstance(frontend, Phonetic):
            frontend.speak(accent or self.config.accent(voice))
        return frontend

    def extra(self, voice: str, speed: float | None) -> dict[str, Any]:
        """What the codec wants to know of an utterance. Raises UsageError for a speed that the
        model cannot speak at."""
        speeds = self.config.speeds
        if speed is not None and speeds is None:
            raise OptionError("speed", f"{self.name} has one speed: see mlxtts-tempo")
        if speed is not None and speeds and not speeds[0] <= speed <= speeds[1]:
            raise OptionError("speed", f"must be {speeds[0]:g} to {speeds[1]:g}", f"{speed:g}")
        return self.config.extra(voice, speed)
