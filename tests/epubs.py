"""EPUBs to read."""

from __future__ import annotations

import zipfile
from io import BytesIO

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/a%20book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
XHTML = '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'


def page(body: str) -> str:
    return f"{XHTML}<head><title>Not read</title></head><body>{body}</body></html>"


def book(
    pages: dict[str, str], nav: str = "", ncx: str = "", spine: str = "", **more: str | bytes
) -> bytes:
    """An EPUB of pages in their order; `nav` and `ncx`: what is within their lists."""
    items = [f'<item id="{name}" href="text/{name}"/>' for name in pages]
    files: dict[str, str | bytes] = {f"OEBPS/text/{name}": text for name, text in pages.items()}
    if nav:
        items.append('<item id="nav" href="nav.xhtml" properties="scripted nav"/>')
        files["OEBPS/nav.xhtml"] = page(f'<nav/><nav epub:type="toc"><ol>{nav}</ol></nav>')
    if ncx:
        items.append('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>')
        files["OEBPS/toc.ncx"] = (
            f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{ncx}</navMap></ncx>'
        )
    references = spine or "".join(f'<itemref idref="{name}"/>' for name in [*pages, "nav"])
    files["META-INF/container.xml"] = CONTAINER.replace("%20", " ")
    files["OEBPS/a book.opf"] = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f"<manifest>{''.join(items)}</manifest><spine>{references}</spine></package>"
    )
    return packed(files | more)


def packed(files: dict[str, str] | dict[str, str | bytes]) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def link(href: str, text: str) -> str:
    return f'<li><a href="{href}">{text}</a></li>'


def point(src: str, text: str, inner: str = "") -> str:
    label = f"<navLabel><text>{text}</text></navLabel>"
    return f'<navPoint>{label}<content src="{src}"/>{inner}</navPoint>'


def changed(data: bytes, name: str, old: str, new: str) -> bytes:
    """The same book with something else in a file."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        files = {n: archive.read(n).decode() for n in archive.namelist()}
    assert old in files[name]
    del files["mimetype"]
    return packed(files | {name: files[name].replace(old, new)})


PAGES = {
    "cover.xhtml": page('<img alt="The cover" src="x.png"/>'),
    "one.xhtml": page("<h1>Part</h1><h2>One</h2><p>First.</p>"),
    "more.xhtml": page('<p>Second.</p><h2><a id="t"/>Two</h2><p>Third.</p>'),
}
