"""EPUB, versions 2 and 3, to chapters: W3C's EPUB 3.3, and OPF 2.0.1 with its NCX.

Chapters begin where the table of contents leads to; in a book without one, at headings.
"""

from __future__ import annotations

import contextlib
import lzma
import re
import zipfile
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from html.entities import html5
from io import BytesIO
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from mlxtts.errors import TextError
from mlxtts.text import page
from mlxtts.text.book import Chapter, whole
from mlxtts.text.page import every, said

BEGIN = (b"PK\3\4", b"PK\5\6")  # of a ZIP file
LARGEST = 1 << 26  # bytes of all pages
CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
FONTS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
NCX = "application/x-dtbncx+xml"
PAGES = {
    *("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"),
    "",
}
CHAPTERS = {"h1", "h2"}
ENCODING = re.compile(rb"\s*<\?xml[^>]*encoding=[\"']([\w.-]+)")
ENTITY = re.compile(r"&((?!(?:amp|lt|gt|quot|apos);)\w+;)")

Place = tuple[str, str]
"""A file in the book, and an id in it or nothing."""
Pages = dict[str, list[tuple[str, str]]]
"""Files, and what is in them, as `page.parts` has it."""


def read(data: bytes) -> list[Chapter]:
    """The chapters of a book. Raises TextError if it is none, or is protected."""
    with _unpacking():
        archive = zipfile.ZipFile(BytesIO(data))
    try:
        with archive:
            return _Book(archive).chapters()
    except RecursionError:
        raise TextError("elements within elements without end") from None


@contextlib.contextmanager
def _unpacking() -> Iterator[None]:
    """All that zipfile and those that it calls say of what is not as it should be."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        raise TextError(f"cannot be unpacked: {error}") from None
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    ) as error:
        raise TextError(f"a damaged ZIP file: {error}") from None


class _Book:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.casefold(): name for name in archive.namelist()}
        self._left = LARGEST
        if CONTAINER not in archive.namelist():
            raise TextError("a ZIP file, but not EPUB")
        if ENCRYPTION in archive.namelist():
            kinds = {e.get("Algorithm") for e in every(self._xml(ENCRYPTION), "EncryptionMethod")}
            if not kinds <= FONTS:
                raise TextError("is protected")
        root = next(every(self._xml(CONTAINER), "rootfile"), None)
        self._package_at = root.get("full-path", "") if root is not None else ""
        self._package = self._xml(self._package_at)
        self._items = {item.get("id", ""): item for item in every(self._package, "item")}

    def chapters(self) -> list[Chapter]:
        pages = {file: page.parts(page.tree(self._text(file))) for file in self._spine()}
        contents = self._places(pages)
        found = [Chapter()]
        for file, parts in pages.items():
            for kind, text in parts:
                title = contents.get((file, text)) if kind == "id" else None
                if title is not None or (kind in CHAPTERS and text and not contents):
                    found.append(Chapter(title or ""))
                if text and kind in page.HEADINGS and not found[-1].paragraphs:
                    found[-1].heading.append(text)
                elif kind != "id":
                    found[-1].add(text)
        return whole(found)

    def _spine(self) -> list[str]:
        """The pages, each once, in the order of reading."""
        files = []
        for reference in every(self._package, "itemref"):
            item = self._items.get(reference.get("idref", ""))
            passed = set()
            while item is not None and item.get("media-type", "") not in PAGES:
                passed.add(item.get("id"))
                item = self._items.get(item.get("fallback", ""))
                item = None if item is None or item.get("id") in passed else item
            if item is not None and reference.get("linear") != "no" and not _navigates(item):
                files.append(self._file(item))
        return [*dict.fromkeys(files)]

    def _places(self, pages: Pages) -> dict[Place, str]:
        """The same as `_contents`; what leads to nowhere in a page leads to its beginning. Nothing
        if it is one place at most and there are more headings, as where a book says only where its
        text starts."""
        places = {
            (file, text) for file, parts in pages.items() for kind, text in parts if kind == "id"
        }
        found: dict[Place, str] = {}
        for (file, mark), title in self._contents().items():
            if file in pages:
                found.setdefault((file, mark if (file, mark) in places else ""), title)
        headings = [kind for parts in pages.values() for kind, _ in parts if kind in CHAPTERS]
        return found if len(found) > 1 or len(headings) <= len(found) else {}

    def _contents(self) -> dict[Place, str]:
        """Where chapters begin, and their titles: by the navigation document, or the NCX, if it can
        be read."""
        for item in self._items.values():
            file = self._file(item)
            try:
                if _navigates(item):
                    navs = every(page.tree(self._text(file)), "nav")
                    nav = min(navs, key=lambda nav: "toc" not in page.types(nav), default=None)
                    links = [] if nav is None else [*every(nav, "a")]
                    places = [(link.get("href", ""), said(link)) for link in links]
                elif item.get("media-type") == NCX:
                    places = [_point(point) for point in every(self._xml(file), "navPoint")]
                else:
                    continue
            except TextError:
                continue
            if places:
                found: dict[Place, str] = {}
                for link, title in places:
                    if link:
                        found.setdefault(self._place(file, link), title)
                return found
        return {}

    def _file(self, item: Element) -> str:
        return self._place(self._package_at, item.get("href", ""))[0]

    def _place(self, base: str, link: str) -> Place:
        """What a link in the file `base` leads to, where the case of letters makes no difference,
        nor a stroke the wrong way."""
        path, _, mark = link.partition("#")
        path = unquote(path).replace("\\", "/")
        file = normpath(join(dirname(base), path)).lstrip("/") if path else base
        return self._names.get(file.casefold(), file), unquote(mark)

    def _xml(self, name: str) -> Element:
        text = self._text(name).lstrip()
        if "<!ENTITY" not in text:
            text = ENTITY.sub(lambda match: html5.get(match[1], match[0]), text)
        try:
            return ElementTree.fromstring(text)
        except (ElementTree.ParseError, ValueError) as error:
            raise TextError(f"{name}: {error}") from None

    def _text(self, name: str) -> str:
        try:
            self._left -= self._archive.getinfo(name).file_size
        except KeyError:
            raise TextError(f"{name!r} is missing in it") from None
        if self._left < 0:
            raise TextError(f"{name}: larger than {LARGEST} bytes, with all before it")
        with _unpacking():
            data = self._archive.read(name)
        declared = ENCODING.match(data)
        encoding = declared[1].decode() if declared else "utf-8"
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            encoding = "utf-16"
        try:
            return data.decode(encoding).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError):
            raise TextError(f"{name}: not {encoding}") from None


def _navigates(item: Element) -> bool:
    return "nav" in item.get("properties", "").split()


def _point(point: Element) -> tuple[str, str]:
    """Where an entry of an NCX leads to, and its title."""
    content, text = next(every(point, "content"), point), next(every(point, "text"), point)
    return content.get("src", ""), said(text)
