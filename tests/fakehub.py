"""A Hugging Face hub on this machine: what huggingface_hub asks for, and mishaps on request.

Large files are sent from a second server, as from the real hub's content network.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?")
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
CONTENT = re.compile(r"/content/([^/]+/[^/]+)/([^/]+)/(.+)")
Files = dict[str, bytes]


def read(folder: Path, *leave_out: str) -> Files:
    """The files of a checkpoint."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not name.startswith(leave_out or "/")
    }


@cache
def sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@cache
def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Hub:
    """`repositories`: name, revision, and path to content; `main` is a revision like others.

    asked: the path of each request for a file's content, and where in the file it began.
    refused: repositories about which nothing is said but a status, and perhaps a code for it.
    gated: repositories that give no file.
    broken: by path, after how many bytes the connection breaks, every time.
    breaking: the same, once.
    stalling: by path, after how many bytes nothing more comes.
    instead: by path, what is sent in place of the content.
    """

    repositories: dict[str, dict[str, Files]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    requests: int = 0
    authorized: set[str] = field(default_factory=set)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: dict[str, int] = field(default_factory=dict)
    breaking: dict[str, int] = field(default_factory=dict)
    stalling: dict[str, int] = field(default_factory=dict)
    instead: Files = field(default_factory=dict)
    url: str = ""
    content_url: str = ""

    def add(self, repository: str, files: Files, revision: str = "main") -> None:
        self.repositories.setdefault(repository, {})[revision] = files

    def commit(self, repository: str, revision: str) -> str:
        """As in Git, another one for other content."""
        files = self.repositories[repository][revision]
        return sha1("".join(f"{name} {sha1(files[name])}\n" for name in files).encode())

    def find(self, repository: str, revision: str) -> Files | None:
        """The files of a revision, which may be its commit."""
        for name, files in self.repositories[repository].items():
            if revision in (name, self.commit(repository, name)):
                return files
        return None

    def names_asked(self) -> set[str]:
        return {path for path, _ in self.asked}

    @contextmanager
    def running(self) -> Iterator[Hub]:
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)) for _ in range(2)]
        self.url = f"http://127.0.0.1:{servers[0].server_port}"
        self.content_url = (
            f"http://localhost:{servers[1].server_port}"  # another host, for a client
        )
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()


def _entry(path: str, data: bytes, tree: bool) -> dict[str, Any]:
    """A file as the hub lists it, in a tree or in what it says of a model."""
    entry: dict[str, Any] = {"size": len(data)}
    if tree:
        entry |= {"type": "file", "path": path, "oid": sha1(data)}
    else:
        entry |= {"rfilename": path, "blobId": sha1(data)}
    if large(path):
        name = "oid" if tree else "sha256"
        entry["lfs"] = {name: sha256(data), "size": len(data), "pointerSize": 134}
    return entry


def large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin"))


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests += 1
            if self.headers.get("Authorization"):
                hub.authorized.add(self.headers["Host"])
            path = unquote(urlsplit(self.path).path)
            if match := API.fullmatch(path):
                self.api(*match.groups())
            elif match := RESOLVE.fullmatch(path):
                self.resolve(*match.groups())
            elif match := CONTENT.fullmatch(path):
                self.content(*match.groups())
            else:
                self.answer(404)

        def head(self, status: int, length: int, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.head(status, len(body), **headers)
            if self.command != "HEAD":
                self.wfile.write(body)

        def missing(self, repository: str, revision: str) -> bool:
            if repository in hub.refused:
                status, code = hub.refused[repository]
                self.answer(status, X_Error_Code=code)
            elif repository not in hub.repositories:
                self.answer(404, X_Error_Code="RepoNotFound")
            elif hub.find(repository, revision) is None:
                self.answer(404, X_Error_Code="RevisionNotFound")
            else:
                return False
            return True

        def api(self, repository: str, what: str | None, revision: str | None) -> None:
            revision = revision or "main"
            if self.missing(repository, revision):
                return
            files = hub.find(repository, revision) or {}
            entries = [_entry(path, data, what == "tree") for path, data in files.items()]
            commit = next(
                hub.commit(repository, name)
                for name in hub.repositories[repository]
                if hub.find(repository, name) is files
            )
            info = {"id": repository, "sha": commit, "siblings": entries}
            body = json.dumps(entries if what == "tree" else info).encode()
            self.answer(200, body, Content_Type="application/json")

        def resolve(self, repository: str, revision: str, path: str) -> None:
            if self.missing(repository, revision):
                return
            if repository in hub.gated:
                self.answer(403, X_Error_Code="GatedRepo")
                return
            data = (hub.find(repository, revision) or {})[path]
            about = {"X_Repo_Commit": revision, "Accept_Ranges": "bytes"}
            if not large(path):
                self.send(path, data, ETag=f'"{sha1(data)}"', **about)
                return
            self.answer(
                302,
                ETag=f'"{sha256(data)}"',
                X_Linked_ETag=f'"{sha256(data)}"',
                X_Linked_Size=str(len(data)),
                Location=f"{hub.content_url}/content/{repository}/{revision}/{path}",
                **about,
            )

        def content(self, repository: str, revision: str, path: str) -> None:
            self.send(path, (hub.find(repository, revision) or {})[path])

        def send(self, path: str, data: bytes, **headers: str) -> None:
            """A file, from where the request wants it, and as far as the connection holds."""
            data = hub.instead.get(path, data)
            start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
            if self.command == "HEAD":
                self.head(200, len(data), **headers)
                return
            hub.asked.append((path, start))
            if start:
                headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.head(206 if start else 200, len(data) - start, **headers)
            ends = hub.breaking.pop(path, None), hub.broken.get(path), hub.stalling.get(path)
            end = next(filter(None, ends), len(data))
            self.wfile.write(data[start:end])
            while path in hub.stalling:
                time.sleep(0.01)
            self.close_connection = end < len(data)

    return Handler
