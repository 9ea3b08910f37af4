"""Names of models and codecs to folders on this machine.

A name is a short one of names.json, a folder, or a Hugging Face repository, `owner/name`. This is
the one module that may touch the network, and it does so only for a repository that is not in
huggingface_hub's cache, or to `fetch` one. It asks for safetensors and JSON only, so that nothing
that comes from there is ever run, and it does not know what is in them.

huggingface_hub is imported when a repository is asked for: it takes longer than --help may.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mlxtts.errors import HubError, ModelError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

PACKAGE = Path(__file__).parent
SUFFIXES = (".safetensors", ".json")
PATTERNS = [f"*{suffix}" for suffix in SUFFIXES]
REPOSITORY = re.compile(r"[a-z0-9][\w.-]*/[a-z0-9][\w.-]*", re.ASCII | re.IGNORECASE)
CHECKSUM = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """What names.json says of a short name: it stands for a folder in the package, or a repository.
    The licence is what its makers state."""

    kind: str
    licence: str | None = None
    languages: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    folder: str | None = None
    repository: str | None = None


@dataclass(frozen=True)
class Access:
    """How a repository may be come by.

    revision: a branch, a tag or a commit; by default its main branch.
    offline: from the cache or not at all, as with HF_HUB_OFFLINE=1.
    progress: show on stderr how a download gets on.
    """

    revision: str | None = None
    offline: bool = False
    progress: bool = False


DEFAULT = Access()


@cache
def names() -> dict[str, Entry]:
    """The short names."""
    table = json.loads((PACKAGE / "names.json").read_bytes())
    return {name: Entry(**_frozen(line)) for name, line in table.items()}


def known(name: str) -> Entry | None:
    """What names.json says of a short name, or of a repository that one stands for."""
    same = (entry for entry in names().values() if entry.repository == name)
    return names().get(name) or next(same, None)


def _frozen(line: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if type(value) is list else value for key, value in line.items()}


def locate(name: str, access: Access = DEFAULT) -> Path:
    """The folder of a model; a repository that is not in the cache is downloaded.

    A folder in the working directory that is named like a short name needs a `./` in front; one
    that is named like a repository is taken for it. Raises ModelError for what is no model,
    HubError for what cannot be downloaded.
    """
    if folder := _local(name, access) or cached(name, access):
        return _usable(folder, name)
    return fetch(name, access)


def fetch(name: str, access: Access = DEFAULT) -> Path:
    """As `locate`, but a repository that is in the cache is brought up to date."""
    if folder := _local(name, access):
        return _usable(folder, name)
    if not (access.offline or _offline()):
        return _usable(_download(name, access), name)
    if folder := cached(name, access):
        return _usable(folder, name)
    wanted = f"--revision {access.revision} {name}" if access.revision else name
    why = ", and HF_HUB_OFFLINE is set" if _offline() else ""
    raise HubError(f"model {name!r}: not in the cache{why}: run mlxtts-fetch {wanted}")


def locate_codec(name: str, access: Access = DEFAULT) -> Path:
    """The folder of a codec: a folder of its own, which may have nothing but weights, or that in
    the folder of a model."""
    folder = None if repository(name) else _local(name, access)
    if not (folder and next(folder.glob("*.safetensors"), None)):
        folder = locate(name, access)
    return own_codec(folder) or folder


def own_codec(folder: Path) -> Path | None:
    """The codec that a model brings, if it does."""
    return folder / "codec" if (folder / "codec").is_dir() else None


def address(name: str, folder: Path, access: Access = DEFAULT) -> str:
    """What another process, in another directory, finds the same model by: its name if that says it
    all, or else its folder."""
    if access.revision or (name not in names() and Path(name).is_dir()):
        return str(folder.resolve())
    return name


def repository(name: str) -> str | None:
    """The repository that a name stands for, or None."""
    if entry := names().get(name):
        return entry.repository
    return name if REPOSITORY.fullmatch(name) and not Path(name).is_dir() else None


def cached(name: str, access: Access = DEFAULT) -> Path | None:
    """The folder of a repository in the cache, if all of it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with _quiet():
            folder = snapshot_download(
                repository(name) or name,
                revision=access.revision,
                allow_patterns=PATTERNS,
                local_files_only=True,
            )
    except (LocalEntryNotFoundError, ValueError):
        return None
    return Path(folder)


def cached_repositories() -> list[str]:
    """The repositories of which there is something in the cache, be they models of ours or not."""
    folders = _cache().glob("models--*--*")
    return sorted(folder.name.removeprefix("models--").replace("--", "/") for folder in folders)


def _local(name: str, access: Access) -> Path | None:
    """The folder that a name stands for, or None if that is a repository."""
    if repository(name):
        return None
    entry = names().get(name)
    folder = PACKAGE / entry.folder if entry and entry.folder else Path(name)
    if not folder.is_dir():
        raise ModelError(f"model {name!r}: neither a folder nor a name that mlxtts-models lists")
    if access.revision:
        raise ModelError(f"model {name!r}: a folder, which has no revision {access.revision!r}")
    return folder


def _usable(folder: Path, name: str) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelError(f"model {name!r}: not a model folder: no config.json in {folder}")
    return folder


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _offline() -> bool:
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def _download(name: str, access: Access) -> Path:
    """Put the files into the cache: huggingface_hub does not check them, nor go on where another
    process broke off. Then it finds them there, and links them."""
    from huggingface_hub import HfApi, snapshot_download

    source = repository(name) or name
    blobs = _cache() / f"models--{source.replace('/', '--')}" / "blobs"
    with _reported(name, source, access), _quiet(access.progress):
        info = HfApi().model_info(source, revision=access.revision, files_metadata=True)
        files = [file for file in info.siblings or [] if file.rfilename.endswith(SUFFIXES)]
        if not any(file.rfilename.endswith(".safetensors") for file in files):
            raise ValueError(f"no safetensors in {source}, and no other weights are read")
        blobs.mkdir(parents=True, exist_ok=True)
        for file in files:
            _transfer(source, info.sha, file, blobs)
        return Path(snapshot_download(source, revision=access.revision, allow_patterns=PATTERNS))


def _transfer(source: str, commit: str | None, file: RepoSibling, blobs: Path) -> None:
    """Put a file into the cache under its checksum, or the rest of it if a part is there."""
    checksum = (file.lfs.sha256 if file.lfs else file.blob_id) or ""
    if not CHECKSUM.fullmatch(checksum) or file.size is None:
        raise ValueError(f"{file.rfilename}: no checksum is known")
    blob, part = blobs / checksum, blobs / f"{checksum}.incomplete"
    if _whole(blob, file.size):
        return
    with part.open("ab+") as output:
        fcntl.flock(output, fcntl.LOCK_EX)  # another process may be at it
        if not _whole(blob, file.size):
            _receive(source, commit, file, output)
            if _checksum(output, checksum) != checksum:
                part.unlink()
                raise OSError(f"{file.rfilename} came damaged and was thrown away: try again")
            part.replace(blob)
    part.unlink(missing_ok=True)


def _whole(blob: Path, size: int) -> bool:
    return blob.exists() and blob.stat().st_size == size


def _receive(source: str, commit: str | None, file: RepoSibling, output: BinaryIO) -> None:
    """The rest of a file, from where `output` ends."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    done = output.seek(0, os.SEEK_END)
    if done < (file.size or 0):
        url = hf_hub_url(source, file.rfilename, revision=commit)
        headers = build_hf_headers()
        http_get(url, output, resume_size=done, headers=headers, displayed_filename=file.rfilename)


def _checksum(data: BinaryIO, like: str) -> str:
    """SHA-256, as the hub has it of a large file, or Git's SHA-1, as of others."""
    size = data.seek(0, os.SEEK_END)
    checksum = hashlib.sha256() if len(like) == 64 else hashlib.sha1(b"blob %d\0" % size)
    data.seek(0)
    while block := data.read(BLOCK):
        checksum.update(block)
    return checksum.hexdigest()


@contextlib.contextmanager
def _quiet(progress: bool = False) -> Iterator[None]:
    """huggingface_hub logs, warns and shows bars in ways that are not a command's."""
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars, logging

    logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disable_progress_bars()
        if progress:
            enable_progress_bars("huggingface_hub.http_get")
        yield


@contextlib.contextmanager
def _reported(name: str, source: str, access: Access) -> Iterator[None]:
    """What huggingface_hub, its HTTP client and the disk raise, as HubError."""
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError) as error:
        raise HubError(f"model {name!r}: {_reason(error, source, access)}") from error


def _reason(error: Exception, source: str, access: Access) -> str:
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    if isinstance(error, errors.GatedRepoError):
        return f"gated: ask for access at {hub}/{source}, then set HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"no such repository at {hub}, or a private one, for which to set HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"no revision {access.revision!r} at {hub}/{source}"
    if isinstance(error, errors.HfHubHTTPError):
        return f"{hub} answers {error.response.status_code} {error.response.reason_phrase}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or _cache()}: {error.strerror}"
    text = str(error).partition("\n")[0]
    return text if isinstance(error, (OSError, ValueError)) else f"cannot reach {hub}: {text}"
