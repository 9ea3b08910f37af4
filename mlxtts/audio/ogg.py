"""Where the parts of a chained Ogg file begin (RFC 3533), such as `cat` makes of several:
libsndfile reads the first alone, and says nothing."""

from __future__ import annotations

import os

MAGIC = b"OggS"
HEADER = 27  # bytes of a page before the sizes of its segments
BEGIN = 2  # flag of a stream's first page


def parts(file: int) -> list[int]:
    """Where streams begin in an open file; those that begin together are one part. Nothing, if it
    is no Ogg file."""
    found: list[int] = []
    at, within = 0, False
    while (page := os.pread(file, HEADER + 255, at))[:4] == MAGIC and len(page) >= HEADER:
        begins = bool(page[5] & BEGIN)
        if begins and (within or not found):
            found.append(at)
        within = not begins
        segments = page[HEADER : HEADER + page[HEADER - 1]]
        at += HEADER + len(segments) + sum(segments)
    return found
