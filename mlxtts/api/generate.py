"""Text to sound files, arrays and callbacks: the functions of mlxtts's Python interface.

Nothing is printed unless it is asked for; what goes wrong is an exception of mlxtts.errors.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.api import process
from mlxtts.api.speech import Array, Chunk, Speech, load_model
from mlxtts.audio import files
from mlxtts.audio.playback import Player, aloud
from mlxtts.audio.recording import record
from mlxtts.audio.resample import Samples
from mlxtts.audio.tempo import Tempo
from mlxtts.codecs.utterance import Options
from mlxtts.engine.example import Recording
from mlxtts.errors import OptionError, UsageError
from mlxtts.output import create
from mlxtts.wire.pcm0 import RATES, Frame, utterances


@dataclass(frozen=True)
class Metadata:
    """What a callback is told of a chunk.

    chunk_index: from 0.
    sample_rate: samples a second.
    start, end: seconds of sound before it, and with it.
    elapsed: seconds since the work began.
    utterance: which line that says something, from 0; text: that line.
    segment: which sentence, or piece of a long one, of the line it begins in, from 0; spoken: that
        piece, in the form in which it is spoken.
    """

    chunk_index: int
    sample_rate: int
    start: float
    end: float
    elapsed: float
    utterance: int
    text: str
    segment: int
    spoken: str


def generate_audio(
    text: str,
    model_path: str | Path | Speech = "starter",
    voice: str | None = None,
    speed: float = 1.0,
    lang_code: str | None = None,
    file_prefix: str = "audio",
    audio_format: str = "wav",
    sample_rate: int | None = None,
    join_audio: bool = False,
    play: bool = False,
    ref_audio: Recording | None = None,
    ref_text: str | None = None,
    stream: bool = False,
    verbose: bool = False,
    *,
    width: int = 1,
    **manner: Any,
) -> list[Path]:
    """Speak `text` into sound files; returns their paths.

    model_path: a folder, a short name, a repository, or what `load_model` gave.
    voice: default: the model's first.
    speed: 0.5 to 2 times the usual, at the same pitch.
    lang_code: a language of the model's; default: the voice's.
    file_prefix: the files are PREFIX_000.wav ..., one for each line that says something, or with
        join_audio the one file PREFIX.wav. Folders must be there.
    audio_format: wav, flac, ogg, opus or mp3.
    sample_rate: in Hz; default: the model's, or the next higher one that the format has.
    play: to the loudspeaker, too: each line when it is complete, or with stream as it comes.
    ref_audio, ref_text: a recording whose voice is to be taken, a sound file or (n,) samples at the
        model's rate, and what is said in it; CSM can do so.
    verbose: say on stderr what was written.
    width: work on so many lines at a time.
    manner: seed, max_tokens, temperature, top_k, top_p, min_p, repetition_penalty; see man
        mlxtts-tokens.

    Raises TextError, VoiceError, UsageError and ModelError before anything is written; OSError.
    """
    speech = _speech(model_path, lang_code)
    form = files.form_of(None, audio_format)
    if sample_rate is not None and sample_rate not in RATES:
        limits = f"{RATES.start} to {RATES.stop - 1}"
        raise UsageError(f"sample_rate {sample_rate}: must be {limits}")
    manner |= {"width": width, "language": lang_code}
    with speech.having(ref_audio, ref_text):
        frames = _frames(_speak(speech, text, voice, speed, Options(), **manner))
    paths = []
    with Player() if play else nullcontext() as player:
        if player:
            frames = aloud(frames, player, whole=not stream)
        for number, part in enumerate([frames] if join_audio else utterances(frames)):
            name = file_prefix if join_audio else f"{file_prefix}_{number:03}"
            paths.append(Path(f"{name}.{audio_format}"))
            with create(paths[-1]) as out:
                record(part, out, form, sample_rate)
            if verbose:
                sys.stderr.write(f"{paths[-1]}\n")
    return paths


def generate_audio_streaming(
    text: str,
    model_path: str | Path | Speech = "starter",
    voice: str | None = None,
    speed: float = 1.0,
    lang_code: str | None = None,
    streaming_chunk_tokens: int = 21,
    ultra_low_latency: bool = True,
    output_chunk_duration_ms: float | None = 150,
    respect_source_boundaries: bool = False,
    **manner: Any,
) -> Generator[Array, None, None]:
    """Speak `text` as arrays, (n,) float32, mono, at the model's rate, as they come.

    streaming_chunk_tokens: codes to decode at once; a multiple of a frame's, 7 with SNAC; without
        a meaning for a model whose frames are whole sentences.
    ultra_low_latency: the first chunk does not wait for the codec's lookahead, which costs its end
        some accuracy.
    output_chunk_duration_ms: length of the arrays; None: as the codec gives them.
    respect_source_boundaries: no array spans two chunks of the codec.
    The others: see `generate_audio`.
    """
    speech = _speech(model_path, lang_code)
    options = _options(
        streaming_chunk_tokens if speech.frame_codes else None,
        ultra_low_latency,
        output_chunk_duration_ms,
        respect_source_boundaries,
    )
    chunks = _speak(speech, text, voice, speed, options, language=lang_code, **manner)
    return (chunk.samples for chunk in chunks)


def generate_audio_with_callback(
    text: str,
    callback: Callable[[Array, Metadata], object],
    model_path: str | Path | Speech = "starter",
    voice: str | None = None,
    speed: float = 1.0,
    lang_code: str | None = None,
    streaming_chunk_tokens: int = 21,
    ultra_low_latency: bool = True,
    output_chunk_duration_ms: float | None = 150,
    respect_source_boundaries: bool = False,
    **manner: Any,
) -> bool:
    """Call `callback(samples, metadata)` with what `generate_audio_streaming` yields. One that
    returns False stops the work. Returns whether all was spoken."""
    speech = _speech(model_path, lang_code)
    options = _options(
        streaming_chunk_tokens if speech.frame_codes else None,
        ultra_low_latency,
        output_chunk_duration_ms,
        respect_source_boundaries,
    )
    begin = time.perf_counter()
    for chunk in _speak(speech, text, voice, speed, options, language=lang_code, **manner):
        metadata = Metadata(
            chunk.index,
            chunk.sample_rate,
            chunk.start,
            chunk.end,
            time.perf_counter() - begin,
            chunk.utterance,
            chunk.text,
            chunk.segment,
            chunk.spoken,
        )
        answer = callback(chunk.samples, metadata)
        if isinstance(answer, (bool, np.bool_)) and not answer:
            return False
    return True


_worker: list[ThreadPoolExecutor] = []


async def generate_audio_async(
    text: str, model_path: str = "starter", *arguments: Any, **options: Any
) -> AsyncGenerator[Array, None]:
    """`generate_audio_streaming` for programs that run on asyncio. The work is done in a thread of
    its own, one stream after another; a stream that is not wanted any more stops with the next
    chunk."""
    process.begin()
    if not _worker:
        _worker.append(ThreadPoolExecutor(1, "mlxtts"))
    do = partial(asyncio.get_running_loop().run_in_executor, _worker[0])
    chunks = await do(partial(generate_audio_streaming, text, model_path, *arguments, **options))
    try:
        while (chunk := await do(next, chunks, None)) is not None:
            yield chunk
    finally:
        await do(chunks.close)


def _speech(model: str | Path | Speech, language: str | None) -> Speech:
    speech = model if isinstance(model, Speech) else load_model(model)
    speech.check(None, language)
    return speech


SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


NAMES = {"chunk_tokens": "streaming_chunk_tokens", "chunk_ms": "output_chunk_duration_ms"}
"""Of arguments here that Options calls otherwise."""


def _speak(
    speech: Speech, text: str, voice: str | None, speed: float, options: Options, **manner: Any
) -> Iterator[Chunk]:
    given = {name: manner.pop(name) for name in SAMPLING if name in manner}
    tempo = Tempo(speed)
    sampling = speech.sampling(**given)
    own = speed if speech.speeds else None
    try:
        chunks = speech.speak(text, voice, sampling=sampling, options=options, speed=own, **manner)
    except OptionError as error:
        raise error.called(NAMES.get(error.option, error.option)) from None
    return chunks if speed == 1 or speech.speeds else _at_tempo(chunks, tempo)


def _at_tempo(chunks: Iterator[Chunk], tempo: Tempo) -> Iterator[Chunk]:
    """The same at another speed, each line through the filter from its beginning to its end."""
    index, seconds = 0, 0.0
    for _, line in itertools.groupby(chunks, lambda chunk: chunk.utterance):
        for chunk, samples in _filtered(line, tempo):
            if len(samples):
                yield replace(chunk, samples=samples[:, 0], index=index, start=seconds)
                index, seconds = index + 1, seconds + len(samples) / chunk.sample_rate


def _filtered(line: Iterator[Chunk], filter: Tempo) -> Iterator[tuple[Chunk, Samples]]:
    last = None
    for chunk in line:
        if last is None:
            filter.start(chunk.sample_rate, 1)
        yield chunk, filter.push(chunk.samples[:, None])
        last = chunk
    if last:
        yield last, filter.flush()


def _options(
    tokens: int | None, early: bool, milliseconds: float | None, boundaries: bool
) -> Options:
    return Options(
        first=0 if early else None,
        chunk_tokens=tokens,
        chunk_ms=milliseconds,
        respect_boundaries=boundaries,
    )


def _frames(chunks: Iterator[Chunk]) -> Iterator[Frame]:
    """With an end after each line."""
    for _, line in itertools.groupby(chunks, lambda chunk: chunk.utterance):
        for chunk in line:
            yield Frame(chunk.sample_rate, chunk.samples.astype("<f4").tobytes())
        yield Frame(chunk.sample_rate)
