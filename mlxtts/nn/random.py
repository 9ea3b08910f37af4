"""Random numbers that depend on where they are used, not on how many were drawn before: the same
seed gives the same sound in any chunking, alone or in a batch."""

from __future__ import annotations

import hashlib
import struct

from mlxtts.nn import mx

_normal = mx.vmap(mx.vmap(lambda key: mx.random.normal((), key=key)))


def key(seed: int, *names: str) -> mx.array:
    """The key, (1, 2) uint32, of whatever the names tell apart under one seed."""
    digest = hashlib.blake2b("\0".join([str(seed), *names]).encode(), digest_size=8).digest()
    return mx.array([struct.unpack("<2I", digest)], dtype=mx.uint32)


def fold(keys: mx.array, number: int) -> mx.array:
    """The keys of step `number` of what has `keys`, (B, 2)."""
    return keys + mx.array([0, number % 2**32], dtype=mx.uint32)


def normal_at(keys: mx.array, start: int | mx.array, length: int) -> mx.array:
    """Standard normal numbers at the positions start ... start + length - 1 of each row's own
    endless sequence. `keys`: (B, 2); `start`: one for all, or (B, 1); returns (B, length)."""
    positions = (start + mx.arange(length)).astype(mx.uint32)
    second = keys[:, 1:] + positions
    return _normal(mx.stack([mx.broadcast_to(keys[:, :1], second.shape), second], axis=-1))
