"""Where a command's data go: a file descriptor, or a file or a folder that appears whole or not at
all.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from mlxtts.errors import UsageError, subject

DEADLY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_unfinished: set[Path] = set()
"""Temporary files and folders that are there or about to be."""


class Output:
    """Where a command's data go: stdout, or a file that appears whole or not at all.

    Use as a context manager: a file is written under a temporary name beside its own and renamed
    at the end, or removed if an exception passes. Each write goes out at once.
    """

    def __init__(self, fd: int, name: str, replaces: tuple[Path, Path] | None = None) -> None:
        self.fd = fd
        self.name = name
        self._replaces = replaces

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        with subject(self.name):
            while view:
                try:
                    view = view[os.write(self.fd, view) :]
                except BrokenPipeError:  # see expect_sockets
                    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                    signal.raise_signal(signal.SIGPIPE)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with subject(self.name):
            if self._replaces is None:
                os.close(self.fd)
                return
            temporary, path = self._replaces
            try:
                os.close(self.fd)
                if kind is None:
                    temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
                _unfinished.discard(temporary)


def descriptor(path: str) -> int | None:
    """The number of the open descriptor of which this is a name, such as /dev/stdout."""
    match = re.fullmatch(r"/dev/(stdin|stdout|stderr)|/(?:dev|proc/self)/fd/(\d+)", path)
    if not match:
        return None
    return int(match[2]) if match[2] else ("stdin", "stdout", "stderr").index(match[1])


def create(path: Path) -> Output:
    """An Output that replaces the content of `path` when all is written; a device or a pipe is
    written to."""
    with subject(str(path)):
        mode = None
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(mode):
                return Output(os.open(path, os.O_WRONLY), str(path))
        place = path.resolve()  # a link stays one
        temporary = _beside(place)
        _unfinished.add(temporary)  # before it is there: a signal may come at any time
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if mode is not None:
            os.fchmod(fd, stat.S_IMODE(mode))
        return Output(fd, str(path), (temporary, place))


def _beside(path: Path) -> Path:
    """A temporary name; with not all of a long one, since names have 255 bytes at most."""
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")


def expect_sockets() -> None:
    """From here on a socket's other end that vanishes is an error as others are. A vanished reader
    of an Output still ends the process."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """A folder to fill, under a temporary name; at the end it takes the place of `path`, where
    nothing may be but an empty folder, or is removed if an exception passes."""
    with subject(str(path)):
        place = path.resolve()  # a link stays one
        if place == Path.cwd().resolve():
            raise UsageError("the working directory: name a folder that is not there yet")
        if place.is_dir() and any(place.iterdir()):
            raise FileExistsError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        if place.exists() and not place.is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        temporary = _beside(place)
        _unfinished.add(temporary)
        temporary.mkdir()
    try:
        yield temporary
        with subject(str(path)):
            temporary.replace(place)
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


def discard_unfinished() -> None:
    """Remove what is left under temporary names when a signal ends the process."""
    for temporary in [*_unfinished]:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)
