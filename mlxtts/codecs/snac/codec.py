"""SNAC frames to samples: the quantiser's tables, the decoder, and a stream through both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.codecs import Pending, Samples, Span, refused
from mlxtts.codecs.snac.checkpoint import sanitize
from mlxtts.codecs.snac.config import Config
from mlxtts.codecs.snac.decoder import Decoder
from mlxtts.codecs.snac.flow import Row, State, gather
from mlxtts.nn import Module, conv, mx, on_cpu, on_cuda
from mlxtts.nn.conv import Convolution
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.loading import read_checkpoint

UNIT = 16  # rows: on a GPU many streams are decoded in a multiple of it, few in a power of two


def load(path: Path) -> Codec:
    """The codec in the folder `path`: config.json and safetensors."""
    codec = Codec(Config.read(path / "config.json"))
    load_weights(codec, sanitize(read_checkpoint(path)), path)
    return codec


class Table(Module):
    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.weight = mx.zeros((size, width))


class Quantizer(Module):
    """One level: a code to its vector, and that to latents."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.codebook = Table(config.codebook_size, config.codebook_dim)
        self.out_proj = Convolution(config.codebook_dim, config.latents, bias=config.latents)

    def __call__(self, codes: mx.array) -> mx.array:
        return conv.pointwise(self.codebook.weight[codes], self.out_proj.weight, self.out_proj.bias)


class Quantizers(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.quantizers: list[Any] = [Quantizer(config) for _ in config.vq_strides]
        self._joined: tuple[mx.array, ...] | None = None

    def together(self, codes: mx.array) -> mx.array:
        """(B, T, levels) codes to the sum of the levels' latents, in a few operations."""
        if self._joined is None:  # weights are loaded before anything is computed
            outs = [level.out_proj for level in self.quantizers]
            self._joined = (
                mx.concatenate([level.codebook.weight for level in self.quantizers]),
                mx.concatenate([out.weight for out in outs]),
                mx.sum(mx.stack([out.bias for out in outs]), axis=0),
                len(self.quantizers[0].codebook.weight) * mx.arange(len(outs)),
            )
            mx.eval(self._joined)
        table, weight, bias, firsts = self._joined
        vectors = mx.take(table, codes + firsts, axis=0)
        return conv.pointwise(vectors.flatten(2), weight, bias)


class Codec(Module):
    """Implements codecs.Codec. A frame is one code of the coarsest level and those of the finer
    levels below it, in the order of `Config.layout`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.rate = config.sampling_rate
        self.frame_codes = len(config.layout)
        self.frame_samples = config.frame_samples
        self.quantizer = Quantizers(config)
        self.decoder = Decoder(config)
        self.lag = self.decoder.lag
        self._slots = [
            mx.array([slot for slot, at in enumerate(config.layout) if at == level])
            for level in range(len(config.vq_strides))
        ]
        layout = np.array(config.layout)
        above = [
            np.repeat(np.flatnonzero(layout == level), stride)
            for level, stride in enumerate(config.vq_strides)
        ]
        self._above = mx.array(np.stack(above, axis=1), dtype=mx.int32)
        """(frame_latents, levels): the slots of the codes of each latent."""

    def refusal(self, codes: Sequence[int] | str) -> str | None:
        return refused(codes, self.frame_codes, self.frame_codes, self.config.codebook_size)

    def stream(
        self,
        key: mx.array,
        lookahead: int | None = None,
        first: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Stream:
        return Stream(self, key, lookahead, first)

    def push(
        self, streams: Sequence[Stream], frames: Sequence[Sequence[Sequence[int]]]
    ) -> list[Samples]:
        return self.begin(streams, frames)()

    def flush(self, streams: Sequence[Stream]) -> list[Samples]:
        return self.begin(streams)()

    def begin(
        self,
        streams: Sequence[Stream],
        frames: Sequence[Sequence[Sequence[int]]] | None = None,
    ) -> Pending:
        if frames is None:
            return self._rest(streams, [stream.end for stream in streams])
        waits = [stream.wait for stream in streams]
        settled = self._decode(streams, frames)
        early = {n: wait for n, wait in enumerate(waits) if wait is not None}
        ends = [streams[n].end - wait * self.frame_samples for n, wait in early.items()]
        rest = self._rest([streams[n] for n in early], ends)

        def samples() -> list[Samples]:
            pieces = settled()
            for n, more in zip(early, rest(), strict=True):
                pieces[n] = np.concatenate([pieces[n], more])
            return pieces

        return samples

    def latents(self, frames: mx.array) -> mx.array:
        """(B, F, frame_codes) codes to (B, F * frame_latents, latents)."""
        batch = len(frames)
        if on_cuda():
            codes = mx.take(frames, self._above, axis=2).flatten(1, 2)
            return self.quantizer.together(codes)
        total = mx.zeros(())
        levels = zip(self._slots, self.config.vq_strides, self.quantizer.quantizers, strict=True)
        for slots, stride, level in levels:
            total = total + mx.repeat(level(frames[..., slots].reshape(batch, -1)), stride, axis=1)
        return total

    def _decode(
        self, streams: Sequence[Stream], frames: Sequence[Sequence[Sequence[int]]]
    ) -> Pending:
        """The samples that are settled by further frames."""
        before = _gather(streams)
        more = len(before.positions) - len(streams)
        latents = self.latents(mx.array([*frames, *[frames[-1]] * more]))
        decoded, start, after = self.decoder(latents, before)
        parts = []
        for row, stream in enumerate(streams):
            stream.place = after, row
            at = before.positions[row] * self.config.hop_length + start
            parts.append(stream.claim(at, at + decoded.shape[1]))
        return _begun(decoded, parts, after.carries)

    def _rest(self, streams: Sequence[Stream], ends: Sequence[int]) -> Pending:
        """The samples not sent yet before `ends`, as if the frames so far were all."""
        if all(end <= stream.sent for stream, end in zip(streams, ends, strict=True)):
            return lambda: [np.zeros(0, np.float32)] * len(streams)
        config = self.config
        state = _gather(streams)
        size = len(state.positions), -(-self.lag // config.hop_length), config.latents
        silence = mx.zeros(size)
        decoded, start, _ = self.decoder(silence, state, ended=True)
        there = zip(streams, ends, strict=True)
        return _begun(decoded, [stream.claim(stream.end + start, end) for stream, end in there])


def _begun(decoded: mx.array, parts: Sequence[slice], more: Sequence[mx.array] = ()) -> Pending:
    """Have samples, (B, n), and what else there is, computed; a part of each row."""
    (mx.eval if on_cpu() else mx.async_eval)(decoded, *more)

    def samples() -> list[Samples]:
        rows = np.asarray(decoded)
        return [rows[row, part] for row, part in enumerate(parts)]

    return samples


def _gather(streams: Sequence[Stream]) -> State:
    """The state of all streams; on a GPU with some rows more, which nobody hears, so that functions
    are compiled for few shapes."""
    rows = [stream.place for stream in streams]
    if on_cpu():
        return gather(rows)
    state, count = rows[0][0], len(rows)
    size = min(1 << (count - 1).bit_length(), -(-count // UNIT) * UNIT)
    spare = [(state, row) for row in range(count, len(state.positions))]
    return gather([*rows, *spare, *[rows[-1]] * size][:size])


class Stream:
    """Implements codecs.Stream.

    place: its row of a state that it may share with the streams it was pushed with.
    sent: how many samples have left.
    """

    def __init__(
        self, codec: Codec, key: mx.array | None, lookahead: int | None, first: int | None
    ) -> None:
        self._codec = codec
        self._lookahead = lookahead
        self._first = first
        self.place: Row = State((0,), key), 0
        self.sent = 0

    def push(self, frames: Sequence[Sequence[int]]) -> Samples:
        return self._codec.push([self], [frames])[0]

    def flush(self) -> Samples:
        return self._codec.flush([self])[0]

    def span(self, frame: int) -> Span:
        size = self._codec.frame_samples
        return Span(frame * size, (frame + 1) * size)

    @property
    def end(self) -> int:
        """Samples that belong to the frames so far."""
        state, row = self.place
        return state.positions[row] * self._codec.config.hop_length

    @property
    def wait(self) -> int | None:
        """The lookahead of the next push."""
        early = self._first is not None and not self.end
        return self._first if early else self._lookahead

    def claim(self, start: int, stop: int) -> slice:
        """Take those of samples start ... stop - 1 that have not been sent for sent: which ones
        they are, counted from `start`."""
        first = max(self.sent, start, 0)
        if first >= stop:
            return slice(0)
        self.sent = stop
        return slice(first - start, stop - start)
