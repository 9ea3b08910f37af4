"""How much sound the headers of a WAV, RF64, W64, AIFF, AU, Ogg or MP3 file announce; libsndfile
takes what is there for all there was to be, and says nothing.

A program that writes to a pipe cannot know the length: it announces nothing, or about the largest
number there is, and means `until the end`. Not of all such headers does libsndfile know that.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any

from mlxtts.audio import ogg

CHUNKS = {b"RIFF": "<4sI", b"RF64": "<4sI", b"RIFX": ">4sI", b"FORM": ">4sI"}
"""How kinds of files pack the name and size of a chunk, which the first is, too: of all others."""
MOST = 1000  # chunks before the sound
FIRST = 64  # bytes of an MP3's first frame, in which its length stands if it does
TELLING = (b"Xing", b"Info")  # before that length
BOTH = 3  # flags: frames and bytes follow
TAG = 128  # bytes of a tag at the end


@dataclass(frozen=True)
class Announced:
    """`begin`: where the sound begins; `size`: how many bytes of it there should be, None for
    `until the end`. `mend`: what must stand where, so that libsndfile reads to the end, too."""

    begin: int
    size: int | None
    mend: tuple[int, bytes] | None = None


def announced(file: int) -> Announced | None:
    """What an open file says; None if it is of another kind, or its header is cut short."""
    try:
        (magic,) = _unpack(file, 0, "4s")
        if magic == b".snd":
            begin, size = _unpack(file, 4, ">II")
            return Announced(begin, None if _endless(size) else size)
        if magic == b"riff":
            return _of_w64(file)
        if magic == ogg.MAGIC:
            return Announced(0, ogg.size(file))
        return _in_chunks(file, magic) if magic in CHUNKS else _of_mp3(file)
    except struct.error:
        return None


def estimated(file: int) -> bool:
    """Whether the length of an MP3 is only guessed, from its size: no first frame tells it."""
    return not any(name in _first_frame(file)[1] for name in (*TELLING, b"VBRI"))


def _first_frame(file: int) -> tuple[int, bytes]:
    """Where an MP3's first frame begins, after a tag of ID3, and its first bytes."""
    tag, size = os.pread(file, 3, 0), os.pread(file, 4, 6)
    begin = 0
    if tag == b"ID3":
        begin = 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(size)))
    return begin, os.pread(file, FIRST, begin)


def _of_mp3(file: int) -> Announced | None:
    """With what hides the length of an MP3 that has others behind it, since it is only its own."""
    begin, first = _first_frame(file)
    at = max(first.find(name) for name in TELLING)
    if at < 0 or not _is_mp3(first):
        return None
    flags, _, size = _unpack(file, begin + at + 4, ">III")
    end = begin + size
    if os.pread(file, 3, end) == b"TAG":
        end += TAG
    if flags & BOTH == BOTH and _is_mp3(os.pread(file, 3, end)):
        return Announced(begin, None, (begin + at, bytes(4)))
    return None


def _is_mp3(data: bytes) -> bool:
    return data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] >= 0xE0)


def _in_chunks(file: int, magic: bytes) -> Announced | None:
    form = CHUNKS[magic]
    _, whole = _unpack(file, 0, form)
    at, long = 12, 0
    for _ in range(MOST):
        name, size = _unpack(file, at, form)
        at += 8
        if name == b"SSND":  # two numbers come first
            return Announced(at + 8, None if size <= 8 or _endless(size) else size - 8)
        if name == b"data":
            return _of_rf64(file, at, long) if long else _of_wav(at, size, whole)
        if name == b"ds64":
            long = at
        at += size + size % 2
    return None


def _of_wav(begin: int, size: int, whole: int) -> Announced:
    if size:
        return Announced(begin, None if _endless(size) else size)
    if begin < 8 + whole and not _endless(whole):
        return Announced(begin, 0)  # and other chunks
    return Announced(begin, None, (begin - 4, b"\xff" * 4))


def _of_rf64(file: int, begin: int, long: int) -> Announced:
    """`long`: where the size of all and that of the sound stand."""
    _, size = _unpack(file, long, "<QQ")
    if 0 < size < 1 << 62:
        return Announced(begin, size)
    end = os.fstat(file).st_size
    return Announced(begin, None, (long, struct.pack("<QQ", end - 8, end - begin)))


def _of_w64(file: int) -> Announced | None:
    """Sizes are of 64 bits and count their own chunk's header; chunks begin at multiples of 8."""
    at = 40
    for _ in range(MOST):
        name, size = _unpack(file, at, "<4s12xQ")
        if name == b"data":
            return Announced(at + 24, None if size >= 1 << 62 else max(size - 24, 0))
        at += max(size + -size % 8, 24)
    return None


def _endless(size: int) -> bool:
    """Whether it is what is written for want of a size: about the most of 31 bits, or of 32."""
    return 0x7F000000 <= size <= 0x80000000 or size >= 0xFFFF0000


def _unpack(file: int, at: int, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, os.pread(file, struct.calcsize(form), at))
