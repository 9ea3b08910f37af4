"""A model that has been loaded, and what it says as arrays.

Text is taken as `mlxtts-tokens` takes it: each line that says something is an utterance, an empty
line is a pause; so the same text, voice and seed give the sound that the commands give.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import mlxtts
from mlxtts import hub
from mlxtts.api import process
from mlxtts.codecs.utterance import Options
from mlxtts.engine import Request, Speaker, Synthesis
from mlxtts.engine.example import Recording
from mlxtts.engine.order import Order
from mlxtts.engine.synthesis import Event, Sound
from mlxtts.errors import TextError, UsageError, subject
from mlxtts.models import Model
from mlxtts.nn import mx
from mlxtts.nn.loading import read_json
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from mlxtts.text import lines
from mlxtts.text.lexicon import Lexicon
from mlxtts.wire.tokens import End

PACKAGE = str(Path(mlxtts.__file__).parent) + os.sep

Array = npt.NDArray[np.float32]


class SpeechWarning(UserWarning):
    """Something was not said as it stands in the text: it was cut short, or has a tag that the
    model does not know."""


class CutShortWarning(SpeechWarning):
    """Not all of a text was spoken."""


@dataclass(frozen=True)
class Chunk:
    """The next of the sound.

    samples: (n,) float32, mono, full scale 1.
    sample_rate: samples a second.
    index: counts the chunks, from 0.
    start: seconds of sound before it.
    utterance: which line that says something it belongs to, from 0.
    text: that line.
    segment: which of the pieces that the line is spoken in it begins in, from 0.
    spoken: that piece, in the form in which it is spoken.
    """

    samples: Array
    sample_rate: int
    index: int
    start: float
    utterance: int
    text: str
    segment: int = 0
    spoken: str = ""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def end(self) -> float:
        """Seconds of sound with it."""
        return self.start + self.duration


class Speech:
    """A model and its codec in memory. It belongs to the thread that made it."""

    def __init__(self, speaker: Speaker) -> None:
        process.begin()
        self._speaker = speaker
        speaker.synthesis()  # loads
        self.name = speaker.name
        self.sample_rate = speaker.config.sample_rate
        self.voices = speaker.config.voices
        self.languages = speaker.config.languages
        self.frame_codes = speaker.config.frame_codes
        self.speeds = speaker.config.speeds
        """The slowest and the fastest that it speaks of itself, if it can."""

    @property
    def model(self) -> Model:
        """The model itself, as quantize_model takes it."""
        process.begin()
        return self._speaker.model

    @property
    def config(self) -> dict[str, Any]:
        """The object in its config.json."""
        folder = hub.locate(self.name, hub.Access(offline=True))
        return read_json(folder / "config.json")

    def check(
        self,
        voice: str | None = None,
        language: str | None = None,
        recording: Recording | None = None,
        said: str | None = None,
    ) -> None:
        """Raises VoiceError, and UsageError for a language that the model does not have. What it
        speaks from now on has the voice of the recording, a sound file or (n,) samples, in which
        the words `said` are heard; raises UsageError if it cannot take it."""
        process.begin()
        self._speaker.check(voice, language, recording, said)

    @contextmanager
    def having(self, recording: Recording | None, said: str | None) -> Iterator[None]:
        """A context in which `speak` has the voice of a recording, if there is one; see `check`."""
        before = self._speaker.example
        try:
            self.check(None, None, recording, said)
            yield
        finally:
            self._speaker.example = before

    def sampling(self, **given: float | None) -> Sampling:
        """The model's sampling, but for what is given. Raises UsageError."""
        return self._speaker.sampling(**given)

    def speak(
        self,
        text: str,
        voice: str | None = None,
        *,
        seed: int = 0,
        sampling: Sampling | None = None,
        max_tokens: int | None = None,
        options: Options | None = None,
        width: int = 1,
        language: str | None = None,
        speed: float | None = None,
    ) -> Iterator[Chunk]:
        """What is spoken of `text`, as it comes.

        voice: one of `voices`, by default the first.
        seed: one seed, one sound.
        sampling: in place of the model's own.
        max_tokens: limit for each sentence.
        options: how the sound is cut, see codecs.utterance.Options.
        width: so many lines are worked on at a time; they come in their order.
        language: of the text, by default the voice's.
        speed: within `speeds`.

        Raises TextError for a line without anything to speak, VoiceError, UsageError, all before
        anything is spoken. Warns with SpeechWarning of what is cut short or left out.
        """
        if width < 1:
            raise UsageError(f"width {width}: must be 1 or more")
        frames = self._speaker.frames(max_tokens)
        requests = self._requests(text, voice, sampling, seed, frames, language, speed)
        synthesis = self._speaker.synthesis(width)
        for request in requests:
            synthesis.add(request, options or Options())
        return self._chunks(synthesis, requests)

    def phrases(
        self,
        text: str,
        voice: str | None = None,
        *,
        seed: int = 0,
        language: str | None = None,
        speed: float | None = None,
    ) -> Iterator[tuple[str, str, Array]]:
        """What is spoken of `text` in one go each: as it is written, its phonemes, and its sound,
        (n,) float32, without the pauses between. Raises UsageError for a model that does not speak
        phonemes, and what `speak` raises."""
        if self._speaker.config.vocabulary is None:
            raise UsageError(f"{self.name} does not speak phonemes")
        for request in self._requests(text, voice, None, seed, None, language, speed):
            stream = self._speaker.codec.stream(key(seed, request.id, "0"), extra=request.extra)
            for segment in request.segments:
                samples = stream.push([segment.phonemes])
                yield segment.text, segment.phonemes, np.array(samples)

    def _requests(self, text: str, *manner: Any) -> list[Request]:
        process.begin()
        requests = []
        self._speaker.frontend = self._speaker.frontend.fresh()  # each text is told of on its own
        for line in lines.read(iter([text.encode(errors="replace")])):
            with subject(f"line {line.number}"):
                requests.append(self._speaker.request(line.plain(), *manner))
        if not requests:
            raise TextError("no text")
        for tag in self._speaker.frontend.new_tags():
            warn(f"{tag} left out: {self.name} does not know it")
        return requests

    def _chunks(self, synthesis: Synthesis, requests: Sequence[Request]) -> Iterator[Chunk]:
        places = {request.id: place for place, request in enumerate(requests)}
        order: Order[Event] = Order(matters=True)
        index = samples = 0
        while not synthesis.idle:
            process.begin()
            for event in order.push(synthesis.step()):
                place = places[event.id]
                if isinstance(event, Sound):
                    array = np.frombuffer(event.data, "<f4").copy()  # theirs to change
                    start = samples / self.sample_rate
                    request = requests[place]
                    spoken = request.segments[event.segment].text
                    where = place, request.text, event.segment, spoken
                    yield Chunk(array, self.sample_rate, index, start, *where)
                    index, samples = index + 1, samples + len(array)
                elif isinstance(event, End) and event.reason == "length":
                    text = requests[place].text
                    warn(f"cut short at the limit of tokens: {text!r}", CutShortWarning)


def warn(message: str, kind: type[SpeechWarning] = SpeechWarning) -> None:
    """As of the line outside this package that asked for the speech."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, kind, stacklevel=level)


class Thread(threading.local):
    """What a thread keeps: the last model that it loaded, and by what it was asked for."""

    speech: Speech | None = None
    wanted: object = None

    def __init__(self) -> None:
        self.streams = Streams()


class Streams:
    """Goes when its thread ends, and MLX's streams of that thread with it: one that is left makes
    the process end with an abort now and then (mlx 0.32)."""

    def __del__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            mx.clear_streams()


_thread = Thread()


def load_model(
    model_path: str | Path = "starter",
    *,
    revision: str | None = None,
    offline: bool = False,
    lexicon: str | Path | None = None,
) -> Speech:
    """The model `model_path`: a folder, a short name (see mlxtts-models) or a repository on Hugging
    Face, which is downloaded if it is not here. The last one of each thread is kept. `lexicon`: a
    file of words and how they are pronounced, see man mlxtts-text.

    Raises ModelError, HubError for what cannot be downloaded, and TextError for a lexicon that
    cannot be read.
    """
    said = Lexicon.read(lexicon)
    model_path = os.fspath(model_path)
    wanted = model_path, revision, offline, said
    if _thread.speech is None or _thread.wanted != wanted:
        _thread.speech = None  # so that two are never in memory at once
        speaker = Speaker(model_path, hub.Access(revision, offline))
        speaker.frontend.lexicon = said
        _thread.speech = Speech(speaker)
        _thread.wanted = wanted
    return _thread.speech
