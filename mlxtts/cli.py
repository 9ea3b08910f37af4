"""Manners: what every command does alike. Standard library only, so that --help is instant.

A command in bin/ is a parser and a function:

    def run(args, tool): ...            # heavy imports in here
    cli.main(parser(), run)

`main` turns whatever happens into one line on stderr and an exit status: 0 done, 1 failed or partly
failed, 2 usage. A vanished reader ends the command by SIGPIPE, Ctrl-C by SIGINT, as a shell
expects. While `run` runs, file descriptor 1 leads to stderr, so that nothing a library prints gets
into the data; the command writes to `tool.output()`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from mlxtts import output
from mlxtts.ahead import PATIENCE
from mlxtts.errors import MlxttsError, UsageError, describe, subject
from mlxtts.options import Parser, count, patience, place, port, positive
from mlxtts.output import Output

if TYPE_CHECKING:
    from mlxtts.wire.pcm0 import Frame

__all__ = ["Parser", "Tool", "count", "main", "patience", "place", "port", "positive", "subject"]

CHUNK = 1 << 16
STDIN, STDOUT, STDERR = 0, 1, 2


class Tool:
    """The running command: its inputs, its output, and what it says on stderr."""

    def __init__(
        self, prog: str, quiet: bool, verbose: bool, stdout: int, closed: set[int]
    ) -> None:
        self.prog = prog
        self.quiet = quiet
        self.verbose = verbose
        self.failed = False
        self._stdout = stdout
        self._closed = closed
        self._live = False  # whether an unfinished line stands on the terminal
        self._given = False  # whether stdout is an output's
        self._places: set[Path] = set()  # where other outputs go

    @property
    def terminal(self) -> bool:
        """Whether what is printed is read as it is, and not by another program."""
        return os.isatty(self._stdout)

    @property
    def progress(self) -> bool:
        """Whether to show how a long job gets on."""
        return not self.quiet and os.isatty(STDERR)

    def error(self, error: object) -> None:
        """Report a failure and go on; the exit status will be 1."""
        self.failed = True
        self._say(error)

    def warn(self, message: object) -> None:
        if not self.quiet:
            self._say(message)

    def info(self, message: object) -> None:
        if self.verbose:
            self._say(message)

    @contextlib.contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """With -v, say how long this took."""
        start = time.perf_counter()
        yield
        self.info(f"{what} in {time.perf_counter() - start:.2f} s")

    def report(self, line: str) -> None:
        """Write what the command has to tell beside its data, as it is, with -q as well."""
        self._write(f"{line}\n")
        self._live = False

    def live(self, line: str) -> None:
        """Show how things stand now, in place of how they stood, if somebody is watching. An empty
        line takes it away."""
        if self.progress and (line or self._live):
            self._write(line)
            self._live = bool(line)

    def _say(self, message: object) -> None:
        self.report(f"{self.prog}: {' '.join(str(message).split())}")

    def _write(self, text: str) -> None:
        over = "\r\x1b[K" if self._live else ""
        with contextlib.suppress(OSError):
            os.write(STDERR, (over + text).encode(errors="backslashreplace"))

    def output(self, path: str | None = None, *, binary: bool = True) -> Output:
        """Open `path`, or stdout for None and `-`, which only one output can have. No binary data
        are written to a terminal."""
        fd = output.descriptor(path) if path else None
        if fd not in (None, STDOUT):
            return Output(os.dup(fd), str(path))
        if path is not None and path != "-" and fd is None:
            place = Path(path).resolve()
            if place in self._places and (place.is_file() or not place.exists()):
                raise UsageError(f"{path}: two outputs cannot go there")
            self._places.add(place)
            return output.create(Path(path))
        if self._given:
            raise UsageError("stdout: two outputs cannot go there: name a file for one")
        self._given = True
        return self._standard(binary)

    def _standard(self, binary: bool) -> Output:
        with subject("stdout"):
            if STDOUT in self._closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            if binary and os.isatty(self._stdout):
                raise UsageError("a terminal: pipe it into another command, or give -o FILE")
        return Output(self._stdout, "stdout")

    @contextlib.contextmanager
    def beside(self, path: str | None) -> Iterator[Output | None]:
        """Open a file of text that is written beside the output, if one is wanted."""
        if path is None:
            yield None
        else:
            with self.output(path, binary=False) as out:
                yield out

    def print(self, text: str) -> None:
        """Write lines that the user asked for, such as a list, to stdout."""
        self._standard(binary=False).write(os.fsencode(text) + b"\n")

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows: under their heading, aligned, on a terminal; else with tabs between cells."""
        lines = ["\t".join(row) for row in rows]
        if self.terminal:
            rows = [[name.upper() for name in heading], *rows]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            cells = [[*map(str.ljust, row, widths)] for row in rows]
            lines = ["  ".join(row).rstrip() for row in cells]
        if lines:
            self.print("\n".join(lines))

    def inputs(
        self, paths: list[str], *, binary: bool = True
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        """For each file, or stdin for `-` or no file: its name and its bytes as they come."""
        for path in paths or ["-"]:
            yield ("stdin" if path == "-" else path), self._chunks(path, binary)

    def text(self, words: list[str]) -> tuple[str, Iterator[bytes]]:
        """The words, or stdin for a lone - or none: its name and its bytes as they come."""
        if words and words != ["-"]:
            return "text", iter([os.fsencode(" ".join(words))])
        return next(self.inputs([], binary=False))

    def _chunks(self, path: str, binary: bool) -> Iterator[bytes]:
        if path != "-":
            with Path(path).open("rb", buffering=0) as file:
                yield from _read(file.fileno())
            return
        if STDIN in self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if binary and os.isatty(STDIN):
            raise UsageError("a terminal: pipe the output of another command in, or name a file")
        yield from _read(STDIN)

    def frames(self, paths: list[str]) -> Iterator[Frame]:
        """The PCM0 frames of `inputs`."""
        from mlxtts.wire import pcm0

        for name, data in self.inputs(paths):
            with subject(name):
                yield from pcm0.Reader().read(data)

    @contextlib.contextmanager
    def reporting(
        self, name: str | None = None, what: type[MlxttsError] = MlxttsError
    ) -> Iterator[None]:
        """What goes wrong in here is reported, as being about `name`, and the command goes on."""
        try:
            with subject(name) if name else contextlib.nullcontext():
                yield
        except what as error:
            self.error(describe(error))

    def hand_over(self, command: Path, arguments: list[str]) -> NoReturn:
        """Become another command."""
        os.dup2(self._stdout, STDOUT)
        os.execv(command, [command.name, *arguments])


def _read(fd: int) -> Iterator[bytes]:
    """What can be read, as it comes."""
    while True:
        while not select.select([fd], [], [], PATIENCE)[0]:
            pass
        if not (data := os.read(fd, CHUNK)):
            return
        yield data


def main(parser: Parser, run: Callable[[argparse.Namespace, Tool], None]) -> NoReturn:
    """Parse argv, run, exit."""
    tool: Tool | None = None

    def die(signum: int, _: FrameType | None) -> None:
        """At once, since an exception would be lost where a library has called us."""
        for deadly in output.DEADLY:
            signal.signal(deadly, signal.SIG_IGN)
        if tool:
            tool.live("")
        output.discard_unfinished()
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)

    closed = _plug()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for deadly in output.DEADLY:
        if signal.getsignal(deadly) != signal.SIG_IGN:  # as nohup asks
            signal.signal(deadly, die)
    args = _parse(parser)
    stdout = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    tool = Tool(parser.prog, args.quiet, args.verbose, stdout, closed)
    try:
        run(args, tool)
    except (MlxttsError, OSError) as error:
        tool.error(describe(error))
        sys.exit(getattr(error, "status", 1))
    sys.exit(1 if tool.failed else 0)


def _parse(parser: Parser) -> argparse.Namespace:
    try:
        return parser.parse_mixed(sys.argv[1:]) if parser.mixes else parser.parse_args()
    except OSError as error:  # --help or --version could not be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)  # so that exit need not try again
        parser.exit(1, f"{parser.prog}: stdout: {error.strerror}\n")


def _plug() -> set[int]:
    """The standard descriptors that came closed, now leading to /dev/null, so that no file that is
    opened later takes their place."""
    closed = set()
    for fd in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(fd)
        except OSError:
            closed.add(fd)
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is fd
    return closed
