"""NVIDIA's run-time compiler, NVRTC, whose library MLX's CUDA backend has loaded.

MLX compiles kernels of others as well (`mx.fast.cuda_kernel`), but puts headers of its own and of
CUDA's libraries before each, which take 2 to 3 s to read. Ours need none.
"""

from __future__ import annotations

import ctypes
import functools

LIBRARIES = ("libnvrtc.so.13", "libnvrtc.so.12")
"""As the backends for CUDA 13 and 12 have loaded it."""


def compiled(source: str, architecture: str) -> bytes:
    """Machine code (a cubin) of CUDA C++ for a GPU such as "sm_90". Raises RuntimeError with what
    the compiler says."""
    library = _library()
    program = ctypes.c_void_p()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), None, 0, None, None))
    try:
        options = [f"--gpu-architecture={architecture}".encode()]
        arguments = (ctypes.c_char_p * len(options))(*options)
        if library.nvrtcCompileProgram(program, len(options), arguments):
            raise RuntimeError(_read("ProgramLog", program).rstrip(b"\0").decode())
        return _read("CUBIN", program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


@functools.cache
def _library() -> ctypes.CDLL:
    for name in LIBRARIES[:-1]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return ctypes.CDLL(LIBRARIES[-1])


def _read(what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(_library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    data = ctypes.create_string_buffer(size.value)
    _check(getattr(_library(), f"nvrtcGet{what}")(program, data))
    return data.raw


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"NVRTC: error {status}")
