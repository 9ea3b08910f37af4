"""Whether this process can use MLX.

MLX's threads do not come along into the child of a fork, and whoever uses it there waits for them
for ever.
"""

from __future__ import annotations

import os

from mlxtts.errors import UsageError

_begun = _hung = False


def begin() -> None:
    """MLX is going to be used. Raises UsageError where it would hang."""
    global _begun
    if _hung:
        raise UsageError(
            "MLX was in use before this process was forked, and would hang in it: begin processes "
            'with multiprocessing.get_context("spawn")'
        )
    _begun = True


def _forked() -> None:
    global _hung
    _hung = _begun


os.register_at_fork(after_in_child=_forked)
