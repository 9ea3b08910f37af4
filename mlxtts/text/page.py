"""Pages of a book, in XHTML, to the text that is read out, with whatever is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder

from mlxtts.text.book import BREAK, LEFT_OUT
from mlxtts.text.headings import spaced
from mlxtts.text.lines import parts_scenes

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
BLOCKS = HEADINGS | {
    *("p", "div", "section", "article", "header", "footer", "main", "body", "blockquote", "pre"),
    *("ul", "ol", "li", "dl", "dt", "dd", "table", "tbody", "tr", "td", "th", "caption", "figure"),
    *("figcaption", "address", "aside", "center", "details", "summary", "hgroup"),
    *("form", "fieldset", "legend", "option"),
}
VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr"),
}
EMPHASIS = {"em", "strong"}
SILENT = {
    *("head", "script", "style", "svg", "math", "rt", "rp", "nav", "audio", "video", "object"),
}
UNREAD = {"noteref", "pagebreak", "footnote", "footnotes", "endnote", "endnotes", "rearnotes"}
"""Of EPUB's structural vocabulary what is not read out; in roles they begin with doc-."""
CLASSES = {"pg-boilerplate", "pagenum", "pageno", "noteref", "footnote-reference"}
"""Of Project Gutenberg's and Sphinx's what is not part of the text."""
NOTE = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§]+)[\])]?")
LINKS = 4  # at least, in a table of contents

OPEN, CLOSE, END = "\ue000", "\ue001", "\ue002"
"""Around emphasis, and at the end of a line; these are in no page."""
OURS = str.maketrans("", "", OPEN + CLOSE + END)
WORDS = rf"[^{OPEN}{CLOSE}*\s]+"
EMPHASISED = re.compile(
    rf"(?:{OPEN}(\s+)|(?<!\w){OPEN})({WORDS}(?: {WORDS}){{0,3}})(?:(\s+){CLOSE}|{CLOSE}(?!\w))"
)
"""Whole words, four at most; more are a letter, a song, a thought."""
PARAGRAPHS = re.compile(rf"{END}\s*{END}[\s{END}]*")
DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*\[[^\]]*\]\s*>", re.I)


def tree(text: str) -> Element:
    """The elements of a page, by their names without a prefix, in lower case."""
    page = _Page()
    page.feed(DOCTYPE.sub("", text))
    page.close()
    return page.root()


def every(root: Element, name: str) -> Iterator[Element]:
    """The elements of this name in any namespace, in their order."""
    return (element for element in root.iter() if str(element.tag).rpartition("}")[2] == name)


def said(element: Element) -> str:
    """All text in it, without the space around and within it that means nothing."""
    return " ".join("".join(element.itertext()).split())


def types(element: Element) -> set[str]:
    """What it is in EPUB's structural vocabulary."""
    words = f"{element.get('epub:type', '')} {element.get('role', '')}".split()
    return {word.removeprefix("doc-") for word in words}


def lists(page: Element) -> bool:
    """Whether it is a table of contents: links for the most part."""
    links = [said(link) for link in every(page, "a") if link.get("href")]
    body = next(every(page, "body"), page)
    return len(links) >= LINKS and 2 * len("".join(links)) > len(said(body))


def parts(page: Element) -> list[tuple[str, str]]:
    """What is in a page, in its order: its own place and the ids in it, ("id", "") and
    ("id", id), before the text that they stand in; and text, with the name of the element."""
    reader = _Reader()
    reader.children(page, "body")
    reader.end("body")
    return reader.parts


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._builder = TreeBuilder()
        self._open: list[str] = []
        self.handle_starttag("page", [])

    def root(self) -> Element:
        for name in reversed(self._open):
            self._builder.end(name)
        return self._builder.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = tag.rpartition(":")[2]
        self._builder.start(name, {key: value or "" for key, value in attrs})
        if name in VOID:
            self._builder.end(name)
        else:
            self._open.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Ends what is not closed in it; one of nothing that is open means nothing."""
        name = tag.rpartition(":")[2]
        if name in VOID or name not in self._open:
            return
        while (inner := self._open.pop()) != name:
            self._builder.end(inner)
        self._builder.end(name)

    def handle_data(self, data: str) -> None:
        self._builder.data(data.translate(OURS))

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data[6:])


class _Reader:
    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = [("id", "")]
        self._text: list[str] = []

    def children(self, element: Element, block: str) -> None:
        """What is in an element that stands in a `block`."""
        self._say(element.text)
        for child in element:
            if self._silent(child, block):
                self.parts += [("id", e.get("id", "")) for e in child.iter() if e.get("id")]
            else:
                self._read(child, block)
            self._say(child.tail)

    def end(self, block: str) -> None:
        """The text since the last end is all of its block, or of a part of it."""
        whole = LEFT_OUT.sub("", "".join(self._text))
        self._text.clear()
        for text in PARAGRAPHS.split(whole):
            line = spaced(text.replace(END, " "))
            line = spaced(EMPHASISED.sub(r"\1*\2*\3", line).translate(OURS))
            if parts_scenes(line):
                self.parts.append((block, BREAK))
            elif line:
                self.parts.append((block, line))

    def _read(self, element: Element, block: str) -> None:
        name = element.tag
        if place := element.get("id"):
            self.parts.append(("id", place))
        if name in BLOCKS:
            self.end(block)
            inner = block if block in HEADINGS else name
            self.children(element, inner)
            self.end(inner)
        elif name == "hr":
            self.end(block)
            self.parts.append((name, BREAK))
        elif name == "br":
            self._say(END)
        elif name == "img" and len(element.get("alt", "").strip()) == 1:
            self._say(element.get("alt"))  # a letter that begins a chapter
        else:
            before, after = (OPEN, CLOSE) if name in EMPHASIS else ("", "")
            self._say(before)
            self.children(element, block)
            self._say(after)

    def _say(self, text: str | None) -> None:
        if text:
            self._text.append(text)

    def _silent(self, element: Element, block: str) -> bool:
        hidden = "hidden" in element.attrib or element.get("aria-hidden") == "true"
        unread = types(element) & UNREAD or CLASSES.intersection(element.get("class", "").split())
        return bool(element.tag in SILENT or hidden or unread) or self._is_note(element, block)

    def _is_note(self, element: Element, block: str) -> bool:
        """Whether it is the number of a footnote: a link to a place, right after a word, raised or
        in brackets."""
        text = said(element)
        if element.tag != "a" or "#" not in element.get("href", "") or block in HEADINGS:
            return False
        apart = not self._text or self._text[-1][-1:].isspace()
        raised = text[:1] in "[(" or next(every(element, "sup"), None) is not None
        return bool(NOTE.fullmatch(text)) and (raised or not apart)
