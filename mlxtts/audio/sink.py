"""An output that is written in order, and where it is a file may be corrected afterwards."""

from __future__ import annotations

import fcntl
import os
from typing import Protocol


class Output(Protocol):
    """Where the bytes go; see output.Output. Without a descriptor nothing can be corrected."""

    @property
    def fd(self) -> int | None: ...

    def write(self, data: bytes) -> None: ...


class Sink:
    """Counts what is written. Positions are relative to where writing began. `correctable` is False
    for a pipe, and for a file that is appended to."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._end = 0
        self.correctable = False
        if output.fd is None:
            return
        self.correctable = not fcntl.fcntl(output.fd, fcntl.F_GETFL) & os.O_APPEND
        try:
            self._start = os.lseek(output.fd, 0, os.SEEK_CUR)
        except OSError:
            self.correctable = False

    def write(self, data: bytes) -> None:
        self._output.write(data)
        self._end += len(data)

    def correct(self, position: int, data: bytes) -> None:
        """Overwrite what was written at `position`, where that is possible."""
        if self.correctable:
            assert self._output.fd is not None
            os.lseek(self._output.fd, self._start + position, os.SEEK_SET)
            self._output.write(data)
            os.lseek(self._output.fd, self._start + self._end, os.SEEK_SET)

    @property
    def end(self) -> int:
        return self._end


class Spool:
    """A file object in memory for a library that wants one; `drain` hands on what it wrote.

    A library that calls back from C cannot pass on an error of the real output.
    """

    def __init__(self) -> None:
        self._position = self._end = 0
        self._written: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        data = bytes(data)
        self._written.append((self._position, data))
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def drain(self, sink: Sink) -> None:
        written, self._written = self._written, []
        for position, data in written:
            if position == sink.end:
                sink.write(data)
            else:
                sink.correct(position, data)
