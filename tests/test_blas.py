import subprocess
import sys
from pathlib import Path

import pytest

from mlxtts import blas
from tests.conftest import ROOT, environment

ASK = "import mlxtts.nn; print(mlxtts.nn.BLAS)"


def ask(code: str = ASK, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(**more),
    )


def test_none_leaves_it_at_mlx() -> None:
    assert ask(MLXTTS_BLAS="none").stdout == "None\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is MLX's own slow")
def test_numpy_where_it_is_asked_for_or_there_is_nothing_else() -> None:
    assert ask(MLXTTS_BLAS="numpy").stdout == "numpy\n"
    assert ask(f"from mlxtts import blas; blas.NAMES = ['libnosuch.so']; {ASK}").stdout == "numpy\n"
    assert ask(f"import mlx.core; {ASK}").stdout == "numpy\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a BLAS loaded")
def test_a_library_by_name() -> None:
    assert ask(MLXTTS_BLAS="libm.so.6").stdout == "libm.so.6\n"
    done = ask(MLXTTS_BLAS="libnosuch.so")
    assert "UsageError: MLXTTS_BLAS: libnosuch.so: cannot open shared object file" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a BLAS loaded")
def test_it_is_too_late_when_mlx_is_there() -> None:
    code = f"import mlx.core; {ASK}"
    assert ask(code, MLXTTS_BLAS="libm.so.6").stdout == "None\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags\t\t: fpu sse2 avx2 fma avx512f avx512bw avx512dq avx512vl amx\n", "SkylakeX"),
        ("processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma avx512f\n", "Haswell"),
        ("flags\t\t: fpu sse2 avx fma avx2x\n", None),
        ("Features\t: fp asimd\n", None),
        (None, None),
    ],
)
def test_kernels_follow_what_the_processor_can_do(
    cpuinfo: str | None, expected: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    assert blas._kernels(path) == expected


KERNELS_IN_USE = """
import ctypes, sys, mlxtts.nn
if mlxtts.nn.BLAS in (None, "numpy"): sys.exit()
name = ctypes.CDLL(mlxtts.nn.BLAS).openblas_get_corename
name.restype = ctypes.c_char_p
print(name().decode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a BLAS loaded")
def test_openblas_uses_them_unless_told_otherwise() -> None:
    found = blas._kernels(Path("/proc/cpuinfo"))
    assert ask(KERNELS_IN_USE, OPENBLAS_CORETYPE="Nehalem").stdout in ("Nehalem\n", "")
    if found:
        environ = {"OPENBLAS_CORETYPE": ""}
        code = "import os; del os.environ['OPENBLAS_CORETYPE']" + KERNELS_IN_USE
        assert ask(code, **environ).stdout in (f"{found}\n", "")


def test_a_command_says_so_in_one_line() -> None:
    done = subprocess.run(
        ["mlxtts-tokens", "Hello"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(MLXTTS_BLAS="libnosuch.so"),
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mlxtts-tokens: MLXTTS_BLAS: libnosuch.so: cannot open shared object file: "
        "No such file or directory\n"
    )
