"""SNAC: multi-scale neural audio codec (Siuzdak et al., 2024), 24 kHz architecture."""

from mlxtts.codecs.snac.codec import Codec, load

MODEL_TYPES = ()

__all__ = ["MODEL_TYPES", "Codec", "load"]
