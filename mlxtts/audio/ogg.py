"""The pages of an Ogg file (RFC 3533). libsndfile reads the first of the files that `cat` joins to
a chained one, and of one that is cut short what there is, and says nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

MAGIC = b"OggS"
HEADER = 27  # bytes of a page before the sizes of its segments
BEGIN = 2  # flag of a stream's first page


def parts(file: int) -> list[int]:
    """Where streams begin in an open file; those that begin together are one part. Nothing, if it
    is no Ogg file."""
    found: list[int] = []
    within = False
    for at, flags, _ in _pages(file):
        begins = bool(flags & BEGIN)
        if begins and (within or not found):
            found.append(at)
        within = not begins
    return found


def size(file: int) -> int:
    """How many bytes an open file should have, so that its last page is whole."""
    return max(end for _, _, end in _pages(file))


def _pages(file: int) -> Iterator[tuple[int, int, int]]:
    """Beginning, flags and end of each page."""
    at = 0
    while (page := os.pread(file, HEADER + 255, at)).startswith(MAGIC):
        flags, count = (page[5], page[HEADER - 1]) if len(page) >= HEADER else (0, 0)
        end = at + HEADER + count + sum(page[HEADER : HEADER + count])
        yield at, flags, end
        at = end
