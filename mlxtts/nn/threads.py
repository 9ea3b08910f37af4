"""How many threads a BLAS takes for its products.

OpenBLAS's threads wait for each other by spinning. Where a product takes microseconds and other
programs want the same cores, such as the next one in a pipeline, that is most of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

from threadpoolctl import LibController, ThreadpoolController

LITTLE = 1 << 25
"""Multiplications that one thread does in some half a millisecond."""
READ = 32
"""Rows by which a matrix is multiplied in the time that it takes to read it."""


def is_little(rows: int, matrix: int) -> bool:
    """True if one thread is enough to multiply so many rows by a matrix of so many numbers."""
    return max(rows, READ) * matrix <= LITTLE


_alone = False


@contextmanager
def alone() -> Iterator[None]:
    """A context in which every BLAS of this process takes one thread; inside of another it changes
    nothing."""
    global _alone
    if _alone:
        yield
        return
    _alone = True
    for library, _ in _libraries():
        library.set_num_threads(1)
    try:
        yield
    finally:
        _alone = False
        for library, threads in _libraries():
            library.set_num_threads(threads)


def enough(rows: int, matrix: int) -> AbstractContextManager[None]:
    """A context for such products: of one thread if that is enough."""
    return alone() if is_little(rows, matrix) else nullcontext()


@cache
def _libraries() -> tuple[tuple[LibController, int], ...]:
    """Those that have been loaded, and the threads that they take otherwise."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple((library, library.num_threads) for library in found)
