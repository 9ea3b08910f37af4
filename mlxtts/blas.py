"""A fast matrix product for MLX on Linux CPUs.

The Linux build of MLX on PyPI is linked with the reference BLAS. A system OpenBLAS that is loaded
before MLX, with its symbols global, takes that one's place and makes products 20 to 40 times
faster. Where there is none, numpy's own multiplies what is large (`nn.linear`). MLXTTS_BLAS names
another library to load, or says `numpy`, or `none` for MLX's own and nothing else.

OpenBLAS chooses its kernels by the processor's model, and for one that is newer than itself it may
take those of 2004. They are therefore chosen here, by what the processor can do, unless
OPENBLAS_CORETYPE does.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

from mlxtts.errors import UsageError

NAMES = ("libopenblas.so.0", "libopenblas.so")
KERNELS = {
    "SkylakeX": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "Haswell": {"avx2", "fma"},
}
"""Names of OpenBLAS's kernels, the fastest first, and the instructions that they need."""
NUMPY = "numpy"


def preload() -> str | None:
    """Load the library, unless MLX is there; returns its name, NUMPY, or None for MLX's own.

    Raises UsageError if the library that MLXTTS_BLAS names cannot be loaded.
    """
    wanted = os.environ.get("MLXTTS_BLAS", "")
    if wanted == "none" or not sys.platform.startswith("linux"):
        return None
    if wanted == NUMPY:
        return NUMPY
    if "mlx.core" in sys.modules:
        return None if wanted else NUMPY
    if kernels := _kernels(Path("/proc/cpuinfo")):
        os.environ.setdefault("OPENBLAS_CORETYPE", kernels)
    for name in [wanted] if wanted else NAMES:
        try:
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            if wanted:
                raise UsageError(f"MLXTTS_BLAS: {error}") from None
        else:
            return name
    return NUMPY


def _kernels(cpuinfo: Path) -> str | None:
    """The best of KERNELS for this machine; None where none is known."""
    flags = re.search(r"^flags\s*:(.*)", cpuinfo.read_text() if cpuinfo.exists() else "", re.M)
    able = set(flags[1].split()) if flags else set()
    return next((name for name, needed in KERNELS.items() if needed <= able), None)
