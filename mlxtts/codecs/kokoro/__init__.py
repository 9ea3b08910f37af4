"""Kokoro's network, as a codec: phonemes to sound."""

from mlxtts.codecs.kokoro.codec import Codec, load

__all__ = ["Codec", "load"]
