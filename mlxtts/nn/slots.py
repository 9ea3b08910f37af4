"""Keys and values of many rows on CUDA, where each row writes at its own position and nothing is
moved at a step (nn.cuda); nn.cache is for other devices."""

from __future__ import annotations

from mlxtts.nn import cuda, mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.cuda.kernels import FEWEST

STEP = 256  # columns come in so many
FEW = 64  # rows are doubled up to so many, and then come in so many


class Slots:
    """Without rows. The rows of all layers are in `layers`, in 8 bits if `packed`; see
    nn.cuda.Held.

    bits: 8, or None for the model's own type.
    """

    def __init__(self, bits: int | None = None) -> None:
        self.packed = bits == 8
        self.layers: list[cuda.Held] = []
        self._lengths: list[int] = []
        self._positions: mx.array | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._lengths)

    @property
    def positions(self) -> mx.array:
        """The next position of each row, (B or more,) int32, as for `constants`."""
        if self._positions is None:
            more = [0] * (FEWEST - len(self))
            self._positions = mx.array([*self._lengths, *more], dtype=mx.int32)
        return self._positions

    def begin(self) -> None:
        """Make room for a position of each row."""
        self._make_room(len(self), max(self._lengths) + 1)

    def advance(self) -> None:
        """Say that all layers have been given it."""
        self._positions = self.positions + 1
        self._lengths = [length + 1 for length in self._lengths]

    def append(self, cache: Cache, row: int, length: int) -> None:
        """Add the first positions of a cache's row as the last row."""
        if not self.layers:
            self.layers = [self._empty((1, *held.shape[1:]), held.dtype) for held in cache.layers]
        self._make_room(len(self) + 1, length + 1)
        if self.packed:
            if not len(self):  # the first that leaves is not to wait for the kernels of `_copy`
                self._copy([held for held, _ in self.layers], 0, 0, 1)
            mx.async_eval(cuda.pack_row(cache.layers, row, self.layers, len(self), length))
        else:
            self._copy(cache.layers, row, len(self), length)
        self._lengths.append(length)
        self._positions = None

    def remove(self, row: int) -> None:
        """Give a row up; the last one takes its place."""
        last = self._lengths.pop()
        if row < len(self):
            self._copy([held for held, _ in self.layers], len(self), row, last)
            self._lengths[row] = last
        self._positions = None

    def _copy(self, sources: list[mx.array], row: int, to: int, length: int) -> None:
        """Copy a row of each layer, before anything else that is evaluated."""
        done = cuda.copy_row(sources, row, [held for held, _ in self.layers], to, length)
        if self.packed:
            scales = [scales.reshape(*scales.shape[:2], -1, 8) for _, scales in self.layers]
            done += cuda.copy_row(scales, row, scales, to, -(-length // 8))
        mx.async_eval(done)

    def _empty(self, shape: tuple[int, ...], kind: mx.Dtype) -> cuda.Held:
        if self.packed:
            return mx.zeros(shape, dtype=mx.int8), mx.zeros(shape[:3])
        return mx.zeros(shape, kind), mx.zeros((1,))

    def _make_room(self, rows: int, columns: int) -> None:
        there, heads, wide, dim = self.layers[0][0].shape
        if rows <= there and columns <= wide:
            return
        if rows > there:
            rows = 2 * there if there < FEW else there + FEW
        shape = (max(rows, there), heads, max(wide, -(-columns // STEP) * STEP), dim)
        for n, (held, scales) in enumerate(self.layers):
            grown, more = self._empty(shape, held.dtype)
            grown[:there, :, :wide] = held
            if self.packed:
                more[:there, :, :wide] = scales
            self.layers[n] = grown, more
            mx.eval(grown, more)  # before the next, so that there are never two of all layers
