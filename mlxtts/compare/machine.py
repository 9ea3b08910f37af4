"""What times are measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from mlxtts import __version__
from mlxtts.nn import BLAS, mx


def describe() -> str:
    """The processor, the system and the software, in a line."""
    device = "GPU" if mx.default_device() == mx.Device(mx.gpu) else "processor"
    return "; ".join(
        [
            f"{os.cpu_count()} cores, {platform.machine()}, {platform.platform(terse=True)}",
            f"MLX {version('mlx')} on the {device}, BLAS {BLAS or 'of its own'}",
            f"Python {platform.python_version()}, mlxtts {__version__}",
        ]
    )
