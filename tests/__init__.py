"""Tests, and what they share."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # of these there are as many as cores and more
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before what reads them is loaded
        os.environ.setdefault(name, "1")
