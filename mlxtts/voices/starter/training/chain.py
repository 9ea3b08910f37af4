"""A voice as mlxtts runs it, in several processes: text through the engine and the codec, or codes
through the codec alone.

Imports mlxtts and nothing of the training, so that what is measured is what a listener gets.
"""

import multiprocessing
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlxtts import codecs
from mlxtts.codecs.decoding import Decoding, Options
from mlxtts.engine import Speaker
from mlxtts.nn.random import key
from mlxtts.text.lines import Utterance
from mlxtts.wire.tokens import Codes, End

RATE = 24000
_voice = None


@dataclass
class Spoken:
    """An utterance: its audio (T,) if it was decoded, its frames, how it ended, what it took."""

    audio: np.ndarray | None
    frames: int
    end: str
    model_seconds: float
    codec_seconds: float


class Voice:
    """One process's speaker and codec."""

    def __init__(self, folder, temperature=None, top_p=None):
        self.speaker = Speaker(str(folder))
        self.engine = self.speaker.load()
        self.codec = codecs.load("snac", Path(folder) / "codec")
        changes = {"temperature": temperature, "top_p": top_p}
        changes = {key: value for key, value in changes.items() if value is not None}
        self.sampling = replace(self.speaker.config.sampling, **changes)

    def speak(self, number, voice, line, seed, aloud):
        """Say ``line``; only counted, not decoded, if not ``aloud``."""
        begin = time.perf_counter()
        utterance = Utterance(str(number), line, voice)
        self.engine.add(self.speaker.request(utterance, sampling=self.sampling, seed=seed))
        records = list(self.engine.run())
        spoke = time.perf_counter()
        audio = self._decode(records, voice, seed) if aloud else None
        frames = sum(isinstance(record, Codes) for record in records)
        end = next(record.reason for record in records if isinstance(record, End))
        return Spoken(audio, frames, end, spoke - begin, time.perf_counter() - spoke)

    def _decode(self, records, voice, seed):
        decoding = Decoding(lambda *_: self.codec, Options())
        sound = decoding.run([self.speaker.header(voice, seed), *records])
        return np.frombuffer(b"".join(frame.payload for frame in sound), np.float32)

    def sound(self, frames):
        """Audio (T,) of codes (n, 7)."""
        stream = self.codec.stream(key(0, "codec"))
        parts = [stream.push(frames.tolist()), stream.flush()]
        return np.concatenate([np.array(part) for part in parts])


def _start(folder, temperature, top_p):
    global _voice
    _voice = Voice(folder, temperature, top_p)


def _speak(job):
    return _voice.speak(*job)


def _sound(frames):
    return _voice.sound(frames)


class Voices:
    """``cores`` processes that speak with the voice in ``folder``; a context manager."""

    def __init__(self, folder, cores, temperature=None, top_p=None):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the processes share the cores
        context = multiprocessing.get_context("spawn")
        self.pool = context.Pool(cores, _start, (str(folder), temperature, top_p))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.terminate()

    def speak(self, jobs, seed=0, aloud=True, first=0):
        """``Spoken`` for each (voice, line) in ``jobs`` from the ``first`` on, in order, as they
        come.
        """
        numbered = [(number, *job, seed, aloud) for number, job in enumerate(jobs)]
        return self.pool.imap(_speak, numbered[first:], chunksize=4)

    def sound(self, codes):
        """Audio (T,) of each array of codes (n, 7)."""
        return self.pool.map(_sound, codes, chunksize=4)
