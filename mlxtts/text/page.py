"""Pages of a book, in XHTML, to the text that is read out, with whatever is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder

from mlxtts.text.book import BREAK, LEFT_OUT
from mlxtts.text.headings import is_title, spaced
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
CLASSES = {"pg-boilerplate", "pagenum", "pageno", "noteref", "footnote-reference", "headerlink"}
"""Of Project Gutenberg's and Sphinx's what is not part of the text."""
NOTE = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§]+)[\])]?")
LINKS = 4  # at least, in a table of contents
CONTENTS = ""  # in place of the name of an element: here was one
LISTS = {"ul", "ol", "dl", "table", "p", "div"}
ENTRY = 120  # letters at most, of a line in it
CLOSING = {name: {name} for name in ("p", "li", "dt", "dd", "tr", "td", "th", "option")}
"""What an element ends that has not been closed."""
CLOSING |= {"dt": {"dt", "dd"}, "dd": {"dt", "dd"}, "td": {"td", "th"}, "th": {"td", "th"}}
CLOSING["tr"] = {"tr", "td", "th"}

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
BOGUS = re.compile(r"<!(?=\[(?!CDATA\[))", re.I)
"""Begins what HTML takes for a comment up to the next `>`; HTMLParser raises for most of it."""


def tree(text: str) -> Element:
    """The elements of a page, by their names without a prefix, in lower case."""
    page = _Page()
    page.feed(BOGUS.sub("<! ", DOCTYPE.sub("", text)))
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


def parts(page: Element) -> list[tuple[str, str]]:
    """What is in a page, in its order: its own place and the ids in it, ("id", "") and
    ("id", id), before the text that they stand in; and text, with the name of the element. What is
    a table of contents is not in it."""
    reader = _Reader()
    reader.children(page, "body")
    reader.end("body")
    return _without_contents(reader.parts, reader.links)


def _without_contents(parts: list[tuple[str, str]], links: set[int]) -> list[tuple[str, str]]:
    """Without blocks that follow each other and are nothing but a link (`links` has their places),
    if they are many, and without the title above a table of contents."""
    found: list[tuple[str, str]] = []
    run: list[tuple[str, str]] = []
    texts = [at for at, (kind, _) in enumerate(parts) if kind != "id"]
    ends = {at for n, at in enumerate(texts) if not links.intersection(texts[n + 1 : n + 2])}
    for at, part in enumerate(parts):
        (run if at in links else found).append(part)
        if at in links and at in ends:
            if len(run) < LINKS:
                found += run
            else:
                found.append((CONTENTS, ""))
            run = []
    kept: list[tuple[str, str]] = []
    above = -1  # where the last text is
    for kind, text in found:
        if kind != CONTENTS:
            above = above if kind == "id" else len(kept)
            kept.append((kind, text))
        elif above >= 0 and is_title(kept[above][1]):
            del kept[above]
            above = -1
    return kept


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
        if name in BLOCKS and self._open and self._open[-1] == "p":
            self.handle_endtag("p")
        while self._open and self._open[-1] in CLOSING.get(name, ()):
            self.handle_endtag(self._open[-1])
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
        if name == "p" and name not in self._open:
            self.handle_starttag(name, [])
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
        self.links: set[int] = set()
        """Which of them are nothing but a link within the book."""
        self._text: list[str] = []
        self._linked = 0  # letters in links
        self._raised = 0

    def children(self, element: Element, block: str) -> None:
        """What is in an element that stands in a `block`."""
        self._say(element.text)
        for child in element:
            if self._silent(child, block):
                self.parts += [("id", place) for e in child.iter() if (place := _place(e))]
            elif _is_contents(child):
                self.end(block)
                self.parts.append((CONTENTS, ""))
            else:
                self._read(child, block)
            self._say(child.tail)

    def end(self, block: str) -> None:
        """The text since the last end is all of its block, or of a part of it."""
        whole = LEFT_OUT.sub("", "".join(self._text))
        link = self._linked and self._linked == len("".join(whole.split()))
        self._text.clear()
        self._linked = 0
        for text in PARAGRAPHS.split(whole):
            line = spaced(text.replace(END, " "))
            line = spaced(EMPHASISED.sub(r"\1*\2*\3", line).translate(OURS))
            if parts_scenes(line):
                self.parts.append((block, BREAK))
            elif line:
                if link and block not in HEADINGS:
                    self.links.add(len(self.parts))
                self.parts.append((block, line))

    def _read(self, element: Element, block: str) -> None:
        name = element.tag
        if place := _place(element):
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
            self._raised += name == "sup"
            self.children(element, block)
            self._raised -= name == "sup"
            self._say(after)
            if _leads_inside(element):
                self._linked += len("".join(said(element).split()))

    def _say(self, text: str | None) -> None:
        if text:
            self._text.append(text)

    def _silent(self, element: Element, block: str) -> bool:
        hidden = "hidden" in element.attrib or element.get("aria-hidden") == "true"
        unread = types(element) & UNREAD or CLASSES.intersection(element.get("class", "").split())
        return bool(element.tag in SILENT or hidden or unread) or self._is_note(element, block)

    def _is_note(self, element: Element, block: str) -> bool:
        """Whether it is the number of a footnote: a link to a place, raised or right after a
        word."""
        if element.tag != "a" or "#" not in element.get("href", "") or block in HEADINGS:
            return False
        before = "".join(self._text[-3:]).translate(OURS)[-1:]
        follows = before.isalnum() or before in tuple(".,;:!?…)”’\"'»")
        raised = self._raised or next(every(element, "sup"), None) is not None
        text = said(element)
        return bool((raised or follows or text[:1] == "[") and NOTE.fullmatch(text))


def _place(element: Element) -> str | None:
    return element.get("id") or (element.get("name") if element.tag == "a" else None)


def _leads_inside(element: Element) -> bool:
    """Whether it is a link to somewhere in the book."""
    return element.tag == "a" and bool(re.match(r"(?![\w.+-]+:|//).", element.get("href", "")))


def _is_contents(element: Element) -> bool:
    """Whether it is a table of contents: links for the most part, or a table or a list with one in
    each of its lines."""
    if element.tag not in LISTS:
        return False
    links = [said(link) for link in every(element, "a") if _leads_inside(link)]
    if len(links) < LINKS:
        return False
    if 2 * len("".join(links)) > len(said(element)):
        return True
    rows = [*every(element, "tr")] or [*every(element, "li")]
    return bool(rows) and all(
        len(said(row)) <= ENTRY and any(map(_leads_inside, every(row, "a"))) for row in rows
    )
