"""Names of models and codecs to folders on this machine."""

from __future__ import annotations

from pathlib import Path

from mlxtts.errors import ModelError

VOICES = Path(__file__).parent / "voices"
SHORT_NAMES = {"starter": VOICES / "starter"}


def locate(name: str) -> Path:
    """The folder of a model: a short name, or a path. A folder in the working directory that is
    named like a short name needs a `./` in front. Raises ModelError if there is none."""
    folder = SHORT_NAMES.get(name) or Path(name)
    if not folder.is_dir():
        known = ", ".join(SHORT_NAMES)
        raise ModelError(f"model {name!r}: neither a folder nor a known name ({known})")
    if not (folder / "config.json").is_file():
        raise ModelError(f"model {name!r}: not a model folder: no config.json in {folder}")
    return folder


def locate_codec(name: str) -> Path:
    """The folder of a codec: a folder of its own, or the folder `codec` of a model."""
    folder = locate(name)
    return folder / "codec" if (folder / "codec").is_dir() else folder
