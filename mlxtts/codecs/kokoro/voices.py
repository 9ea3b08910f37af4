"""Kokoro's voices: packs of styles, one for each length of what is said, and blends of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mlxtts.errors import ModelError, UsageError, VoiceError
from mlxtts.nn import mx
from mlxtts.nn.loading import read_safetensors
from mlxtts.nn.pickled import read as read_torch

SUFFIXES = (".safetensors", ".pt", ".npz", ".npy")
ARRAYS = (".npz", ".bin", ".npy")
FOLDER = "voices"


def parse(blend: str) -> dict[str, float]:
    """`af_heart:0.7+af_bella:0.3` to the share of each voice; they are made to add up to 1, and
    those without a number are equal. A comma does for the plus, as in the kokoro package. Raises
    UsageError."""
    shares: dict[str, float] = {}
    for part in blend.replace(",", "+").split("+"):
        name, colon, number = (piece.strip() for piece in part.partition(":"))
        try:
            share = float(number) if colon else 1.0
        except ValueError:
            share = math.nan
        if not name or not 0 < share < math.inf or name in shares:
            raise UsageError(f"voice {blend!r}: a blend is like af_heart:0.7+af_bella:0.3")
        shares[name] = share
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def listed(folder: Path) -> tuple[str, ...]:
    """The names of the voices in the folder of a model, in their order."""
    return tuple(sorted(Voices(folder).paths))


class Voices:
    """Those in the folder of a model: a file each in `voices`, or arrays in a file voices.npz or
    voices-v1.0.bin, which is one under another name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[str, mx.array] = {}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Where each is found."""
        files = sorted((self._folder / FOLDER).glob("*"), key=lambda p: p.suffix, reverse=True)
        alone = {path.stem: path for path in files if path.suffix in SUFFIXES}
        for name in ("voices.npz", "voices-v1.0.bin"):
            path = self._folder / name
            if path.is_file():
                return dict.fromkeys(_names(path), path) | alone
        return alone

    def style(self, shares: dict[str, float], length: int) -> mx.array:
        """The style of a blend for what has so many phonemes, (2 * style_dim,)."""
        packs = [share * self._pack(name) for name, share in shares.items()]
        pack = sum(packs[1:], packs[0])
        return pack[min(length, len(pack)) - 1]

    def check(self, shares: dict[str, float]) -> None:
        """Raises VoiceError for one that is not here."""
        for name in shares:
            if name not in self.paths:
                raise VoiceError(name, sorted(self.paths))

    def _pack(self, name: str) -> mx.array:
        """(lengths, 2 * style_dim)."""
        if name not in self._packs:
            self.check({name: 1})
            path = self.paths[name]
            pack = _read(path, name).astype(mx.float32)
            if pack.ndim == 3 and pack.shape[1] == 1:
                pack = pack[:, 0]
            if pack.ndim != 2 or not len(pack):
                raise ModelError(f"{path}: a voice cannot have shape {pack.shape}")
            self._packs[name] = pack
        return self._packs[name]


def saved(folder: Path) -> Iterator[tuple[str, dict[str, mx.array]]]:
    """The voices in the folder of a model that are not in safetensors, as files of these: the name
    and the tensors of each."""
    for name, path in Voices(folder).paths.items():
        if path.suffix != ".safetensors":
            yield f"{FOLDER}/{name}.safetensors", {"voice": _read(path, name)}


def _names(path: Path) -> list[str]:
    """Of the arrays in an archive; none may lead elsewhere when it names a file."""
    with _arrays(path) as arrays:
        for name in arrays:
            if not name or Path(name).name != name:
                raise ModelError(f"{path}: {name!r} is no name of a voice")
        return [*arrays]


def _read(path: Path, name: str) -> mx.array:
    if path.suffix in ARRAYS:
        with _arrays(path) as arrays:
            if name not in arrays and len(arrays) != 1:
                raise ModelError(f"{path}: {len(arrays)} arrays, where a voice has one")
            return mx.array(arrays[name] if name in arrays else next(iter(arrays.values())))
    tensors = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    if len(tensors) != 1:
        raise ModelError(f"{path}: {len(tensors)} tensors, where a voice has one")
    return next(iter(tensors.values()))


@contextlib.contextmanager
def _arrays(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an .npz, each read when it is asked for, or that of an .npy under its name; no
    objects, which may hold code."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            yield {path.stem: loaded}
        else:
            with loaded:
                yield loaded
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise ModelError(f"{path}: {error}") from None
