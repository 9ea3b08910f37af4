"""How many threads a BLAS takes for its products.

OpenBLAS's threads wait for each other by spinning. Where a product takes microseconds and other
programs want the same cores, such as the next one in a pipeline, that is most of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import LibController, ThreadpoolController

LITTLE = 1 << 25
"""Multiplications that one thread does in some half a millisecond."""
READ = 32
"""Rows by which a matrix is multiplied in the time that it takes to read it."""


@contextmanager
def enough(rows: int, matrix: int) -> Iterator[None]:
    """A context in which every BLAS of this process takes one thread, if that is enough to multiply
    so many rows by a matrix of so many numbers."""
    libraries = _libraries() if max(rows, READ) * matrix <= LITTLE else ()
    for library, _ in libraries:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in libraries:
            library.set_num_threads(threads)


@cache
def _libraries() -> tuple[tuple[LibController, int], ...]:
    """Those that have been loaded, and the threads that they take otherwise."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple((library, library.num_threads) for library in found)
