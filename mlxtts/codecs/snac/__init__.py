"""SNAC: multi-scale neural audio codec (Siuzdak et al., 2024), 24 kHz architecture."""

from mlxtts.codecs.snac.codec import Codec, load

__all__ = ["Codec", "load"]
