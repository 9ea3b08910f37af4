"""Mimi's split residual quantiser: the first codes of a frame say what is spoken, the others how it
sounds. Each of the two parts adds up the vectors of its codes, one of each of its codebooks."""

from __future__ import annotations

from collections.abc import Sequence

from mlxtts.codecs.mimi.config import Config
from mlxtts.nn import Module, conv, mx
from mlxtts.nn.conv import Convolution


class Part(Module):
    """`codebooks`: (levels, codebook_size + 1, width); the last vector of each is zero, and is that
    of a code that is not there."""

    def __init__(self, config: Config, levels: int) -> None:
        super().__init__()
        width = config.vector_quantization_hidden_dimension
        self.codebooks = mx.zeros((levels, config.codebook_size + 1, width))
        self.output_proj = Convolution(width, config.hidden_size)

    def __call__(self, codes: mx.array) -> mx.array:
        """(B, F, levels) to (B, F, hidden_size)."""
        levels, size, width = self.codebooks.shape
        vectors = self.codebooks.reshape(-1, width)[codes + size * mx.arange(levels)]
        return conv.pointwise(vectors.sum(axis=-2), self.output_proj.weight)


class Quantizer(Module):
    """Codes to vectors."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._absent = config.codebook_size
        self._levels = config.num_quantizers
        self._semantic = config.num_semantic_quantizers
        self.semantic_residual_vector_quantizer = Part(config, self._semantic)
        self.acoustic_residual_vector_quantizer = Part(config, self._levels - self._semantic)

    def __call__(self, frames: Sequence[Sequence[Sequence[int]]]) -> mx.array:
        """Rows of frames of codes to (B, F, hidden_size); a frame may lack the last levels."""
        whole = [[self._whole(codes) for codes in row] for row in frames]
        semantic, acoustic = mx.split(mx.array(whole), [self._semantic], axis=-1)
        vectors: mx.array = self.semantic_residual_vector_quantizer(semantic)
        return vectors + self.acoustic_residual_vector_quantizer(acoustic)

    def _whole(self, codes: Sequence[int]) -> list[int]:
        return [*codes, *[self._absent] * (self._levels - len(codes))]


class SearchPart(Module):
    """`codebooks`: as in `Part`."""

    def __init__(self, config: Config, levels: int) -> None:
        super().__init__()
        width = config.vector_quantization_hidden_dimension
        self.codebooks = mx.zeros((levels, config.codebook_size + 1, width))
        self.input_proj = Convolution(config.hidden_size, width)

    def __call__(self, x: mx.array) -> mx.array:
        """(B, F, hidden_size) to (B, F, levels): of each codebook the vector nearest to what those
        before it leave."""
        rest = conv.pointwise(x, self.input_proj.weight)
        codes = []
        for vectors in self.codebooks[:, :-1]:
            far = 0.5 * mx.sum(vectors * vectors, axis=-1) - rest @ vectors.T
            codes.append(mx.argmin(far, axis=-1))
            rest = rest - vectors[codes[-1]]
        return mx.stack(codes, axis=-1)


class Search(Module):
    """Vectors to codes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        semantic = config.num_semantic_quantizers
        acoustic = config.num_quantizers - semantic
        self.semantic_residual_vector_quantizer = SearchPart(config, semantic)
        self.acoustic_residual_vector_quantizer = SearchPart(config, acoustic)

    def __call__(self, x: mx.array) -> mx.array:
        parts = self.semantic_residual_vector_quantizer, self.acoustic_residual_vector_quantizer
        return mx.concatenate([part(x) for part in parts], axis=-1)
