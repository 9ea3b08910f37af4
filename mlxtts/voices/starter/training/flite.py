"""Debian's flite as a library: text in, 16 kHz samples and timed phones out.

Knows the C functions it needs and nothing about files or training. flite draws the noise of its
excitation from the C library's rand(), so a seed before each utterance makes it repeatable, and
another seed gives another realisation of the same speech: same timing, same pitch, other noise.

What a voice is asked to stress (expression.py) it says more slowly by a feature of the token; the
pitch is bent in the parameters that it has predicted, from which flite makes the samples anew.
That needs a voice that predicts them, as all here do but ``kal16``, whose pitch stays.
"""

import ctypes
import os
from pathlib import Path

import numpy as np

from . import expression
from .expression import Phone

RATE = 16000
VOICES = ("slt", "rms")
MORE = ("awb", "kal16")
LIBRARY_DIR = os.environ.get(
    "FLITE_LIBS", ""
)  # where the shared libraries are, if not where the system looks
PHONES = (
    "pau aa ae ah ao aw ax axr ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t "
    "th uh uw v w y z zh"
).split()


class Wave(ctypes.Structure):
    """flite's cst_wave."""

    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class Track(ctypes.Structure):
    """flite's cst_track: frames of 5 ms, each of several channels, the first of which is pitch."""

    _fields_ = [
        ("type", ctypes.c_char_p),
        ("num_frames", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("times", ctypes.POINTER(ctypes.c_float)),
        ("frames", ctypes.POINTER(ctypes.POINTER(ctypes.c_float))),
    ]


FUNCTIONS = {  # name: result, arguments
    "new_utterance": "p",
    "utt_set_input_text": "_ps",
    "utt_init": "ppp",
    "default_tokenization": "pp",
    "utt_synth_tokens": "pp",
    "utt_wave": "wp",
    "utt_relation": "pps",
    "relation_head": "pp",
    "item_next": "pp",
    "item_feat_string": "sps",
    "item_feat_float": "fps",
    "item_set_float": "_psf",
    "path_to_item": "pps",
    "ffeature_string": "sps",
    "feat_val": "pps",
    "mlpg": "ppp",
    "mlsa_resynthesis": "wppppi",
    "delete_track": "_p",
    "delete_wave": "_w",
    "delete_utterance": "_p",
}
C = {
    "_": None,
    "p": ctypes.c_void_p,
    "s": ctypes.c_char_p,
    "f": ctypes.c_float,
    "i": ctypes.c_int,
    "w": ctypes.POINTER(Wave),
}
TOKEN = b"R:SylStructure.parent.parent.R:Token.parent"


def _load(name):
    try:
        return ctypes.CDLL(str(Path(LIBRARY_DIR) / name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise OSError(f"{error}; in Debian the package libflite1 has it") from None


class Flite:
    """The library; one object a process. Voices are loaded when they are first asked for."""

    def __init__(self):
        self.lib = _load("libflite.so.1")
        for name in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):
            _load(name)
        self.lib.flite_init()
        for name, (result, *arguments) in FUNCTIONS.items():
            function = getattr(self.lib, name)
            function.restype, function.argtypes = C[result], [C[a] for a in arguments]
        self.libc = ctypes.CDLL(None)
        self._voices = {}

    def _voice(self, name):
        if name not in self._voices:
            register = getattr(_load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
            self._voices[name] = register(None)
        return self._voices[name]

    def speak(self, text, voice, seed=1, how=None):
        """Samples (int16, 16 kHz) and phones [Phone] of ``text``, or of the expression ``how``."""
        how = how or expression.Expression(text)
        utterance = self._utterance(how, self._voice(voice), seed)
        try:
            phones = list(self._phones(utterance))
            wave = self.lib.utt_wave(utterance)
            if wave.contents.sample_rate != RATE:
                rate = wave.contents.sample_rate
                raise ValueError(f"voice {voice} speaks at {rate} Hz, not {RATE}")
            if how.plain:
                return _samples(wave), phones
            samples = self._bent(utterance, seed, lambda times: how.pitch(times, phones))
            samples = _samples(wave) if samples is None else samples
            loud = samples * how.loudness(np.arange(len(samples)) / RATE, phones)
            return np.clip(loud, -32768, 32767).astype(np.int16), phones
        finally:
            self.lib.delete_utterance(utterance)

    def _utterance(self, how, voice, seed):
        self.libc.srand(seed)
        utterance = self.lib.new_utterance()
        self.lib.utt_set_input_text(utterance, how.text.encode())
        self.lib.utt_init(utterance, voice)
        self.lib.default_tokenization(utterance)
        for n, token in enumerate(self._items(utterance, b"Token")):
            if n in how.emphasised:
                self.lib.item_set_float(token, b"local_duration_stretch", expression.STRETCH)
        self.lib.utt_synth_tokens(utterance)
        return utterance

    def _items(self, utterance, relation):
        item = self.lib.relation_head(self.lib.utt_relation(utterance, relation))
        while item:
            yield item
            item = self.lib.item_next(item)

    def _phones(self, utterance):
        tokens = {item: n for n, item in enumerate(self._items(utterance, b"Token"))}
        for item in self._items(utterance, b"Segment"):
            yield Phone(
                self.lib.item_feat_string(item, b"name").decode(),
                self.lib.item_feat_float(item, b"end"),
                tokens.get(self.lib.path_to_item(item, TOKEN), -1),
                self.lib.ffeature_string(item, b"R:SylStructure.parent.stress") == b"1",
            )

    def _bent(self, utterance, seed, factor):
        """The samples with another pitch; None from a voice that predicts none."""
        names = (b"param_track", b"str_track", b"cg_db")
        track, strengths, voice = (self._feature(utterance, name) for name in names)
        if track is None:
            return None
        there = Track.from_address(track)
        times = np.ctypeslib.as_array(there.times, (there.num_frames,))
        for frame, by in zip(range(there.num_frames), factor(times), strict=True):
            there.frames[frame][0] *= by
        self.libc.srand(seed)
        smooth = self.lib.mlpg(track, voice)
        wave = self.lib.mlsa_resynthesis(smooth, strengths, voice, None, 0)
        samples = _samples(wave)
        self.lib.delete_track(smooth)
        self.lib.delete_wave(wave)
        return samples

    def _feature(self, utterance, name):
        """The address of what an utterance's feature points to; None if it has none."""
        features = ctypes.c_void_p.from_address(utterance).value
        value = self.lib.feat_val(features, name)
        return ctypes.c_void_p.from_address(value + 8).value if value else None


def _samples(wave):
    return np.ctypeslib.as_array(wave.contents.samples, (wave.contents.num_samples,)).copy()
