"""Mimi: Moshi's streaming codec (Défossez et al., 2024, arXiv:2410.00037), which CSM speaks."""

from mlxtts.codecs.mimi.codec import Codec, load
from mlxtts.codecs.mimi.encoder import Encoder, load_encoder

MODEL_TYPES = ("mimi",)

__all__ = ["MODEL_TYPES", "Codec", "Encoder", "load", "load_encoder"]
