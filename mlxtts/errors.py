"""Every exception that mlxtts raises on purpose.

    MlxttsError
      UsageError         the caller asked for something that cannot be meant (exit status 2)
        OptionError      ... by an option, or an argument of that name
      WireError          a stream that is not what it should be; says where
        TokensError      ... in token lines: the line number
        Pcm0Error        ... in PCM0: the byte offset
      ModelError         a model, codec or voice folder that cannot be used
        HubError         ... because it is not here and cannot be downloaded
        VoiceError       a voice that the model does not have; lists those it has
      TextError          text with nothing in it that can be spoken
      AudioError         a sound device or a sound file that cannot be used

A command prints any of them as one line and exits with `status`. Anything else that escapes is a
bug.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class MlxttsError(Exception):
    """Base class; `status` is the exit status of a command that ends with it."""

    status = 1


class UsageError(MlxttsError):
    status = 2


class OptionError(UsageError):
    """What an argument cannot be: `option` is its name in Python, where the message has it too; a
    command says it as the option that it is there."""

    def __init__(self, option: str, reason: str, value: object = None) -> None:
        self._said = reason, value
        self._rest = f"{'' if value is None else f' {value}'}: {reason}"
        super().__init__(option + self._rest)
        self.option = option

    @property
    def as_option(self) -> str:
        return f"--{self.option.replace('_', '-')}{self._rest}"

    def called(self, option: str) -> OptionError:
        """The same of an argument with another name."""
        return OptionError(option, *self._said)


class WireError(MlxttsError):
    """A malformed stream. `where` is the place, as in `line 3` or `byte 4096`."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class TokensError(WireError):
    """A malformed token line; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}", reason)
        self.line = line


class Pcm0Error(WireError):
    """A malformed PCM0 frame; `offset` is the byte at which the frame, or its bad field, begins."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}", reason)
        self.offset = offset


class ModelError(MlxttsError):
    pass


class HubError(ModelError):
    pass


class VoiceError(ModelError):
    """An unknown voice; `voices` are the known ones."""

    def __init__(self, voice: str, voices: list[str]) -> None:
        super().__init__(f"voice {voice!r}: unknown; the voices are {', '.join(voices)}")
        self.voice = voice
        self.voices = voices


class TextError(MlxttsError):
    pass


class AudioError(MlxttsError):
    pass


class CutShortError(AudioError):
    pass


@contextlib.contextmanager
def subject(name: str) -> Iterator[None]:
    """Errors that pass through are about `name`, unless something further in named its own."""
    try:
        yield
    except (MlxttsError, OSError) as error:
        if not hasattr(error, "subject"):
            error.subject = name  # type: ignore[union-attr]
        raise


def describe(error: MlxttsError | OSError) -> str:
    """`subject: reason`, in one line, as a command says it."""
    reason = error.as_option if isinstance(error, OptionError) else str(error)
    name = getattr(error, "subject", None)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
        name = name or error.filename
    return f"{name}: {reason}" if name else reason
