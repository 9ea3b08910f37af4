"""What models and codecs there are: the short names, and what else is in the cache.

Asks no network. What neither names.json nor a model's config.json says, such as the licence of a
model without a short name, is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlxtts import codecs, hub, models
from mlxtts.errors import ModelError
from mlxtts.hub import Entry
from mlxtts.nn.loading import read_json


@dataclass(frozen=True)
class Item:
    """A model or a codec. `state` is `embedded` in the package, `cached`, `local` for a folder, or
    `absent`, which has no folder and no size in bytes."""

    name: str
    kind: str
    state: str
    size: int | None
    licence: str | None
    languages: tuple[str, ...]
    voices: tuple[str, ...]
    repository: str | None
    folder: str | None


def everything() -> Iterator[Item]:
    """The short names, and then the other models in the cache."""
    yield from map(find, hub.names())
    known = {entry.repository for entry in hub.names().values()}
    for repository in hub.cached_repositories():
        folder = None if repository in known else hub.cached(repository)
        try:
            if folder and _describe(folder).kind == "model":
                yield find(repository)
        except (ModelError, OSError):
            continue  # made for something else than speech, or without a configuration


def find(name: str) -> Item:
    """Raises ModelError for what has no short name and is not here."""
    entry = hub.known(name)
    repository = hub.repository(name)
    folder = hub.cached(name) if repository else hub.locate(name)
    if folder:
        entry = entry or _describe(folder)
    if entry is None:
        raise ModelError(f"model {name!r}: not in the cache: run mlxtts-fetch {name}")
    state = "embedded" if entry.folder else "cached" if repository else "local"
    return Item(
        name=name,
        kind=entry.kind,
        state=state if folder else "absent",
        size=_size(folder) if folder else None,
        licence=entry.licence,
        languages=entry.languages,
        voices=entry.voices,
        repository=repository,
        folder=str(folder) if folder else None,
    )


def codec_of(folder: Path) -> str | None:
    """The codec that a model needs beside what it brings. Raises ModelError for a model that is not
    implemented."""
    if hub.own_codec(folder) or _describe(folder).kind == "codec":
        return None
    path: str = models.find(folder).read_config(folder).codec_path
    return path or None


def _describe(folder: Path) -> Entry:
    """What its config.json says. A codec's may have no `model_type`."""
    raw = read_json(folder / "config.json")
    if codecs.recognised(raw) or ("model_type" not in raw and not models.recognised(raw)):
        return Entry("codec")
    return Entry("model", voices=models.find(folder).read_config(folder).voices)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
