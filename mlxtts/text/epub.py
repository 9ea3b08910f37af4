"""EPUB, versions 2 and 3, to chapters: W3C's EPUB 3.3, and OPF 2.0.1 with its NCX.

Chapters begin where the table of contents leads to; in a book without one, at headings.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from html.entities import html5
from io import BytesIO
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from mlxtts.errors import TextError
from mlxtts.text.book import BREAK, LEFT_OUT, Chapter, whole
from mlxtts.text.headings import spaced
from mlxtts.text.lines import parts_scenes

LARGEST = 1 << 26  # bytes of a page
CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
FONTS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
NCX = "application/x-dtbncx+xml"
TYPE = "{http://www.idpf.org/2007/ops}type"

CHAPTERS = {"h1", "h2"}
HEADINGS = CHAPTERS | {"h3", "h4", "h5", "h6"}
BLOCKS = HEADINGS | {
    *("p", "div", "section", "article", "header", "footer", "main", "body", "blockquote", "pre"),
    *("ul", "ol", "li", "dl", "dt", "dd", "table", "tr", "td", "th", "figure", "figcaption"),
    *("address", "aside", "center"),
}
EMPHASIS = {"em", "strong"}
EMPHASISED = 4  # words at most; more are a letter, a song, a thought
SILENT = {
    *("head", "script", "style", "svg", "math", "rt", "rp", "nav", "audio", "video", "object"),
}
UNREAD = {"noteref", "pagebreak", "footnote", "footnotes", "endnote", "endnotes", "rearnotes"}
"""Of EPUB's structural vocabulary what is not read out; in roles they begin with doc-."""
CLASSES = {"pg-boilerplate", "pagenum", "pageno"}
"""Of Project Gutenberg's what is not part of the book."""
LINKS = 4  # at least, in a table of contents
NOTE = re.compile(r"[\[(]?(?:\d+|[*†‡§]+)[\])]?")

Place = tuple[str, str]
"""A file in the book, and an id in it or nothing."""
ENTITY = re.compile(rb"&((?!(?:amp|lt|gt|quot|apos);)\w+;)")


def read(data: bytes) -> list[Chapter]:
    """The chapters of a book. Raises TextError if it is none, or is protected."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _Book(archive).chapters()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise TextError(f"a damaged ZIP file: {error}") from None
    except RecursionError:
        raise TextError("elements within elements without end") from None
    except (NotImplementedError, RuntimeError) as error:  # as zipfile says it
        raise TextError(f"cannot be unpacked: {error}") from None


class _Book:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        if CONTAINER not in archive.namelist():
            raise TextError("a ZIP file, but not EPUB")
        if ENCRYPTION in archive.namelist():
            kinds = {e.get("Algorithm") for e in _all(self._xml(ENCRYPTION), "EncryptionMethod")}
            if not kinds <= set(FONTS):
                raise TextError("is protected")
        root = next(_all(self._xml(CONTAINER), "rootfile"), None)
        self._package_at = root.get("full-path", "") if root is not None else ""
        self._package = self._xml(self._package_at)
        self._items = {item.get("id", ""): item for item in _all(self._package, "item")}

    def chapters(self) -> list[Chapter]:
        contents = self._contents()
        found = [Chapter()]
        for reference in _all(self._package, "itemref"):
            item = self._items.get(reference.get("idref", ""))
            if item is None or reference.get("linear") == "no" or _navigates(item):
                continue
            page = self._file(item)
            root = self._xml(page)
            if _lists(root):
                continue
            for kind, text in _parts(root):
                title = contents.get((page, text)) if kind == "id" else None
                if title is not None or (kind in CHAPTERS and not contents):
                    found.append(Chapter(title or ""))
                if text and kind in HEADINGS and not found[-1].paragraphs:
                    found[-1].heading.append(text)
                elif kind != "id":
                    found[-1].add(text)
        return whole(found)

    def _contents(self) -> dict[Place, str]:
        """Where chapters begin, and their titles: by the navigation document, or the NCX."""
        for item in filter(_navigates, self._items.values()):
            page = self._file(item)
            navs = sorted(_all(self._xml(page), "nav"), key=lambda nav: "toc" not in _types(nav))
            links = [a for nav in navs[:1] for a in _all(nav, "a") if a.get("href")]
            return {self._place(page, a.get("href", "")): _said(a) for a in reversed(links)}
        for item in self._items.values():
            if item.get("media-type") == NCX:
                page = self._file(item)
                points = [*_all(self._xml(page), "navPoint")]
                return {self._place(page, _source(p)): _label(p) for p in reversed(points)}
        return {}

    def _file(self, item: Element) -> str:
        return self._place(self._package_at, item.get("href", ""))[0]

    def _place(self, base: str, link: str) -> Place:
        """What a link in the file `base` leads to."""
        path, _, mark = link.partition("#")
        return (normpath(join(dirname(base), unquote(path))) if path else base), unquote(mark)

    def _xml(self, name: str) -> Element:
        try:
            size = self._archive.getinfo(name).file_size
        except KeyError:
            raise TextError(f"{name!r} is missing in it") from None
        if size > LARGEST:
            raise TextError(f"{name}: larger than {LARGEST} bytes")
        try:
            return ElementTree.fromstring(ENTITY.sub(_number, self._archive.read(name)))
        except (ElementTree.ParseError, ValueError) as error:
            raise TextError(f"{name}: {error}") from None


def _number(match: re.Match[bytes]) -> bytes:
    """The numbers of what HTML has a name for and XML has not."""
    text = html5.get(match[1].decode())
    return "".join(f"&#{ord(char)};" for char in text).encode() if text else match[0]


def _name(element: Element) -> str:
    """Without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _all(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if _name(element) == name)


def _navigates(item: Element) -> bool:
    return "nav" in item.get("properties", "").split()


def _lists(page: Element) -> bool:
    """Whether it is a table of contents: links for the most part."""
    links = [_said(link) for link in _all(page, "a") if link.get("href")]
    body = next(_all(page, "body"), page)
    return len(links) >= LINKS and 2 * len("".join(links)) > len(_said(body))


def _types(element: Element) -> set[str]:
    words = f"{element.get(TYPE, '')} {element.get('role', '')}".split()
    return {word.removeprefix("doc-") for word in words}


def _said(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _source(point: Element) -> str:
    return next((content.get("src", "") for content in _all(point, "content")), "")


def _label(point: Element) -> str:
    return _said(next(_all(point, "text"), point))


def _parts(page: Element) -> Iterator[tuple[str, str]]:
    """What is in a page, in its order: its own place and the ids in it, ("id", "") and
    ("id", id), before the text that they stand in; and text, with the name of the element."""
    yield "id", ""
    reader = _Reader()
    reader.read(page, "body")
    reader.end("body")
    yield from reader.parts


class _Reader:
    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []
        self._text = ""

    def read(self, element: Element, block: str) -> None:
        """What an element says within a `block`."""
        if place := element.get("id"):
            self.parts.append(("id", place))
        name = _name(element)
        if name in BLOCKS:
            self.end(block)
            inner = block if block in HEADINGS else name
            self._children(element, inner)
            self.end(inner)
        elif name == "hr":
            self.end(block)
            self.parts.append((name, BREAK))
        elif name == "br":
            self._text += " "
        elif name in EMPHASIS:
            before, self._text = self._text, ""
            self._children(element, block)
            self._text = before + _emphasised(self._text)
        else:
            self._children(element, block)

    def end(self, block: str) -> None:
        """The text since the last end is all of its block, or of a part of it."""
        text = spaced(LEFT_OUT.sub("", self._text))
        self._text = ""
        if parts_scenes(text):
            self.parts.append((block, BREAK))
        elif text:
            self.parts.append((block, text))

    def _children(self, element: Element, block: str) -> None:
        self._text += element.text or ""
        for child in element:
            if isinstance(child.tag, str) and not _silent(child):
                self.read(child, block)
            self._text += child.tail or ""


def _silent(element: Element) -> bool:
    name = _name(element)
    refers = name == "a" and element.get("href") and NOTE.fullmatch(_said(element))
    hidden = element.get("hidden") is not None or element.get("aria-hidden") == "true"
    unread = _types(element) & UNREAD or CLASSES.intersection(element.get("class", "").split())
    return bool(name in SILENT or unread or hidden or refers)


def _emphasised(text: str) -> str:
    """The words as emphasis is written, if they are few; the space around them stays outside."""
    words = text.strip()
    if not words or "*" in words or len(words.split()) > EMPHASISED:
        return text
    return text.replace(words, f"*{words}*")
