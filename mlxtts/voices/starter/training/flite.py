"""Debian's flite as a library: text in, 16 kHz samples and timed phones out.

Knows the C functions it needs and nothing about files or training. flite draws the noise of its
excitation from the C library's rand(), so a seed before each utterance makes it repeatable, and
another seed gives another realisation of the same speech: same timing, same pitch, other noise.
"""

import ctypes
import os
from pathlib import Path

import numpy as np

RATE = 16000
VOICES = ("slt", "rms")
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


def _load(name):
    return ctypes.CDLL(str(Path(LIBRARY_DIR) / name), mode=ctypes.RTLD_GLOBAL)


class Flite:
    """The library with its voices loaded; one object a process."""

    def __init__(self, voices=VOICES):
        self.lib = _load("libflite.so.1")
        for name in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):
            _load(name)
        self.lib.flite_init()
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        self._declare("flite_synth_text", pointer, text, pointer)
        self._declare("utt_wave", ctypes.POINTER(Wave), pointer)
        self._declare("utt_relation", pointer, pointer, text)
        self._declare("relation_head", pointer, pointer)
        self._declare("item_next", pointer, pointer)
        self._declare("item_feat_string", text, pointer, text)
        self._declare("item_feat_float", ctypes.c_float, pointer, text)
        self._declare("delete_utterance", None, pointer)
        self.libc = ctypes.CDLL(None)
        self.voices = {name: self._voice(name) for name in voices}

    def _declare(self, name, result, *arguments):
        function = getattr(self.lib, name)
        function.restype, function.argtypes = result, list(arguments)

    def _voice(self, name):
        register = getattr(_load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
        register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        return register(None)

    def speak(self, text, voice, seed=1):
        """Samples (int16, 16 kHz) and phones [(name, end in seconds)] of ``text``."""
        self.libc.srand(seed)
        utterance = self.lib.flite_synth_text(text.encode(), self.voices[voice])
        try:
            wave = self.lib.utt_wave(utterance).contents
            if wave.sample_rate != RATE:
                raise ValueError(f"voice {voice} speaks at {wave.sample_rate} Hz, not {RATE}")
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            return samples, list(self._phones(utterance))
        finally:
            self.lib.delete_utterance(utterance)

    def _phones(self, utterance):
        item = self.lib.relation_head(self.lib.utt_relation(utterance, b"Segment"))
        while item:
            name = self.lib.item_feat_string(item, b"name").decode()
            yield name, self.lib.item_feat_float(item, b"end")
            item = self.lib.item_next(item)
