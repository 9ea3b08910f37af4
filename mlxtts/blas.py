"""A fast matrix product for MLX on Linux CPUs.

The Linux build of MLX on PyPI is linked with the reference BLAS. A system OpenBLAS that is loaded
before MLX, with its symbols global, takes that one's place and makes products 20 to 40 times
faster. MLXTTS_BLAS names another library to load, or `none`.
"""

from __future__ import annotations

import ctypes
import os
import sys

from mlxtts.errors import UsageError

NAMES = ("libopenblas.so.0", "libopenblas.so")


def preload() -> str | None:
    """Load the library, unless MLX is there already; returns its name, or None for MLX's own.

    Raises UsageError if the library that MLXTTS_BLAS names cannot be loaded.
    """
    wanted = os.environ.get("MLXTTS_BLAS", "")
    if wanted == "none" or not sys.platform.startswith("linux") or "mlx.core" in sys.modules:
        return None
    for name in [wanted] if wanted else NAMES:
        try:
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            if wanted:
                raise UsageError(f"MLXTTS_BLAS: {error}") from None
        else:
            return name
    return None
