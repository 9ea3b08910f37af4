"""Options: what all commands share, and the types of their values. Standard library only."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from mlxtts import __version__
from mlxtts.errors import UsageError

NO_OPTION = "\0"  # no argument of a command can hold one


class Parser(argparse.ArgumentParser):
    """argparse with the options that all commands share, and errors in one line. `mixes`: options
    may stand between the other arguments, too."""

    def __init__(self, prog: str, description: str, mixes: bool = True, **options: object) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"See man {prog}.",
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=28),
            **options,  # type: ignore[arg-type]
        )
        self.mixes = mixes
        self.add_argument("-q", "--quiet", action="store_true", help="no warnings")
        self.add_argument("-v", "--verbose", action="store_true", help="say what is done")
        self.add_argument("--version", action="version", version=f"{prog} {__version__}")

    def add_access(self, what: str) -> None:
        """The options that say which revision of a repository is wanted, and from where."""
        self.add_argument("--revision", help=f"of the {what}'s repository: branch, tag or commit")
        self.add_argument("--offline", action="store_true", help="download nothing")

    def add_text(self, what: str) -> None:
        """The words of a command that speaks them, or stdin."""
        self.add_argument("text", nargs="*", help=f"what to say; default and -: {what}")

    def add_own(self) -> None:
        """What a user may bring: how words are pronounced, and the recording of a voice."""
        self.add_argument("--lexicon", metavar="FILE", help="words and how they are pronounced")
        about = "a recording whose voice is to be taken"
        self.add_argument("--ref-audio", metavar="FILE", help=about)
        self.add_argument("--ref-text", metavar="TEXT", help="what is said in it")

    def parse_mixed(self, words: list[str]) -> argparse.Namespace:
        """Options may stand anywhere before `--`, and after it none: argparse takes what stands
        there for options all the same, so it sees no dash."""
        at = words.index("--") if "--" in words else len(words)
        hidden = [NO_OPTION + word if word[:1] == "-" else word for word in words[at + 1 :]]
        args = self.parse_intermixed_args([*words[:at], *hidden])
        for name, value in vars(args).items():
            shown = [*map(_shown, value)] if isinstance(value, list) else _shown(value)
            setattr(args, name, shown)
        return args

    def error(self, message: str) -> NoReturn:
        self.exit(UsageError.status, f"{self.prog}: {message} (try {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Unlike argparse's own, lets a failed write be seen."""
        file = file or sys.stderr
        if file and message:
            file.write(message)
            file.flush()


def _shown(value: Any) -> Any:
    return value.removeprefix(NO_OPTION) if isinstance(value, str) else value


def positive(text: str) -> float:
    """A number above zero, as the type of an option."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def patience(text: str) -> float:
    """Seconds, 0 for none, as the type of an option."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def count(text: str) -> int:
    """A whole number above zero, as the type of an option."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def rate(text: str) -> int:
    """Samples a second, as the type of an option."""
    from mlxtts.wire.pcm0 import RATES

    if (value := int(text)) not in RATES:
        raise argparse.ArgumentTypeError(f"must be {RATES.start} to {RATES.stop - 1}")
    return value


def place(text: str) -> str:
    """A name that is not empty, as the type of an option."""
    if not text:
        raise ValueError
    return text


def port(text: str) -> int:
    """Of TCP, 0 for any, as the type of an option."""
    return range(1 << 16).index(int(text))  # which is the number itself
