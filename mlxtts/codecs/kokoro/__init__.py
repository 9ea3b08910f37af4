"""Kokoro's network, as a codec: phonemes to sound."""

from mlxtts.codecs.kokoro.codec import Codec, load

MODEL_TYPES = ()

__all__ = ["MODEL_TYPES", "Codec", "load"]
