"""Rows of a transformer, for models that draw their codes from one: prompts are read, rows join and
leave, and each has its own sampling and its own noise. Knows nothing of what the codes mean."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from mlxtts.errors import OptionError
from mlxtts.nn import Module, cuda, mx, on_cpu, on_cuda
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import unpack
from mlxtts.nn.random import fold
from mlxtts.nn.sampling import Sampling, Settings, noise, penalise, sample
from mlxtts.nn.slots import Slots
from mlxtts.nn.step import Steps
from mlxtts.nn.transformer import Shape, Stack

KEPT = 4  # prefixes of prompts
PADDING = 64  # prompts that are read together are filled up to a multiple of this


class Prompt:
    """Implements models.Prompt: `length` inputs, the last of which is not read, but the row's first
    input.

    shared: what the first `prefix` of them depend on, if others may begin with the same. Those are
    always read apart, so that to find them read makes no difference.
    """

    def __init__(
        self,
        length: int,
        sampling: Sampling,
        keys: mx.array,
        prefix: int = 0,
        shared: Hashable = None,
    ) -> None:
        self.length = length
        self.sampling = sampling
        self.keys = keys
        self.prefix, self.shared = prefix, shared
        self.cache: Cache | None = None
        self.row = 0
        self.read = 0

    @property
    def left(self) -> int:
        return self.length - 1 - self.read

    def embed(self, start: int, stop: int) -> mx.array:
        """Some of its inputs, (1, stop - start, hidden_size)."""
        raise NotImplementedError


class Rows:
    """Most of a models.Batch.

    A frame is `codes` codes, drawn one after another; each is below `size`, or `size` where that
    means something. The repetition penalty looks `window` frames back.
    """

    def __init__(
        self,
        model: Module,
        stack: Stack,
        width: int,
        codes: int,
        size: int,
        window: int,
        cache_bits: int = 16,
    ) -> None:
        self._stack = stack
        self._codes, self._size, self._window = codes, size, window
        self._in_place = on_cuda() and cuda.fits(stack.shape.head_dim)
        self._cache: Cache | Slots = Cache(stack.shape.num_hidden_layers, rows=0)
        if on_cuda() and width > 1:
            unpack(model)
        if cache_bits != 16:
            self._check_packed(cache_bits, stack.shape)
        if self._in_place:
            self._cache = Slots(None if cache_bits == 16 else cache_bits)
            self._steps = Steps(stack)
        self._prompts: list[Prompt] = []
        self._prefixes: dict[Hashable, Cache] = {}
        self._changed = False
        self._frames = 0
        self._inputs: mx.array
        self._said: mx.array
        self._keys: mx.array

    def _check_packed(self, bits: int, shape: Shape) -> None:
        if not self._in_place:
            raise OptionError("cache_bits", "needs a GPU of NVIDIA's", bits)
        heads = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
        if not cuda.fits_packed(*heads):
            reason = "heads of 64 or 128 numbers, at most 4 of them for the same keys"
            raise OptionError("cache_bits", f"needs {reason}", bits)

    def read(self, pieces: Sequence[tuple[Prompt, int]]) -> None:
        whole = [
            prompt
            for prompt, tokens in pieces
            if not (prompt.read or prompt.prefix) and tokens == prompt.left
        ]
        if whole and not on_cpu():
            self._read_together(whole)
        for prompt, tokens in pieces:
            if prompt.left:
                self._read_on(prompt, tokens)

    def _read_on(self, prompt: Prompt, tokens: int) -> None:
        if prompt.cache is None:
            prompt.cache = Cache(self._stack.shape.num_hidden_layers)
            self._recall(prompt)
        stop = prompt.read + min(tokens, prompt.left)
        for end in (min(prompt.prefix, stop), stop):
            if prompt.read < end:
                self._stack.run(prompt.embed(prompt.read, end), prompt.cache)
                prompt.read = end
                self._keep(prompt)

    def _recall(self, prompt: Prompt) -> None:
        """Begin behind a prefix that has been read before."""
        if kept := self._prefixes.pop(prompt.shared, None):
            prompt.cache, prompt.read = kept.fork(), prompt.prefix
            self._prefixes[prompt.shared] = kept  # the last to go

    def _keep(self, prompt: Prompt) -> None:
        """Keep a prefix that has just been read, and few others."""
        if prompt.read == prompt.prefix:
            assert prompt.cache is not None
            self._prefixes[prompt.shared] = prompt.cache.fork()
            for shared in [*self._prefixes][:-KEPT]:
                del self._prefixes[shared]

    def _read_together(self, prompts: Sequence[Prompt]) -> None:
        """Whole prompts side by side; what is put behind the shorter ones is not looked at."""
        length = -(-max(prompt.left for prompt in prompts) // PADDING) * PADDING
        rows = [prompt.embed(0, prompt.left) for prompt in prompts]
        filled = [mx.pad(row, [(0, 0), (0, length - row.shape[1]), (0, 0)]) for row in rows]
        cache = self._caches(mx.concatenate(filled))
        for n, prompt in enumerate(prompts):
            prompt.cache, prompt.row, prompt.read = cache, n, prompt.left

    def _caches(self, x: mx.array) -> Cache:
        if self._in_place:
            return Cache.of(self._steps.read(x))
        cache = Cache(self._stack.shape.num_hidden_layers, rows=len(x))
        self._stack.run(x, cache)
        return cache

    def join(self, prompt: Prompt) -> None:
        assert prompt.cache is not None
        self._cache.append(prompt.cache, prompt.row, prompt.read)
        prompt.cache = None
        first = prompt.embed(prompt.length - 1, prompt.length)
        keys = fold(prompt.keys, -self._frames)  # each row counts its frames from here
        nothing = mx.full((1, self._window, self._codes), self._size + 1, dtype=mx.int32)
        if self._prompts:
            first = mx.concatenate([self._inputs, first])
            nothing = mx.concatenate([self._said, nothing])
            keys = mx.concatenate([self._keys, keys])
        self._inputs, self._said, self._keys = first, nothing, keys
        self._prompts.append(prompt)
        self._changed = True

    def leave(self, row: int) -> None:
        self._cache.remove(row)
        self._prompts[row] = self._prompts[-1]
        del self._prompts[-1]
        self._inputs, self._said = _without(self._inputs, row), _without(self._said, row)
        self._keys = _without(self._keys, row)
        self._changed = True

    def _hidden(self) -> mx.array:
        """The hidden states, (B, hidden_size), behind the inputs."""
        if isinstance(self._cache, Slots):
            return self._steps(self._inputs[:, 0], self._cache)
        return self._stack.run(self._inputs, self._cache)[:, -1]

    def _draws(self) -> mx.array:
        """The noise of this frame, (B, codes, size + 1), which begins with it."""
        if self._changed:
            self._settings = Settings([prompt.sampling for prompt in self._prompts])
            self._changed = False
        return noise(fold(self._keys, self._frames), self._codes, self._size + 1)

    def _chosen(self, logits: mx.array, place: int, draws: mx.array) -> mx.array:
        """The code at a place of the frame, (B,)."""
        if self._in_place and (table := self._settings.table) is not None:
            return cuda.choose(logits, table, draws, self._said, place)
        if self._settings.penalises:
            logits = penalise(logits, self._said[..., place], self._settings)
        return sample(logits, self._settings, draws[:, place, : logits.shape[1]])

    def _note(self, codes: mx.array) -> None:
        """That the frame's codes are (B, codes)."""
        if self._settings.penalises:
            self._said[:, self._frames % self._window] = codes
        self._frames += 1


def _without(x: mx.array, row: int) -> mx.array:
    """The rows of `x` but for one, whose place the last takes."""
    kept = [*range(len(x) - 1)]
    if row < len(kept):
        kept[row] = len(x) - 1
    return x[mx.array(kept, dtype=mx.int32)]
