import zipfile
from io import BytesIO

import pytest

from mlxtts.errors import TextError
from mlxtts.text import epub
from mlxtts.text.book import BREAK

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


def chapters(data: bytes) -> list[tuple[str, list[str], list[str]]]:
    return [(c.title, c.heading, c.paragraphs) for c in epub.read(data)]


def said(body: str) -> list[str]:
    """All that is said of a page."""
    return [text for c in epub.read(book({"a": page(body)})) for text in c.heading + c.paragraphs]


PAGES = {
    "cover.xhtml": page('<img alt="The cover" src="x.png"/>'),
    "one.xhtml": page("<h1>Part</h1><h2>One</h2><p>First.</p>"),
    "more.xhtml": page('<p>Second.</p><h2><a id="t"/>Two</h2><p>Third.</p>'),
}


def test_chapters_of_the_navigation_document() -> None:
    nav = link("text/one.xhtml", "The <b>first</b>") + link("text/more.xhtml#t", "The second")
    assert chapters(book(PAGES, nav)) == [
        ("The first", ["Part", "One"], ["First.", "Second."]),
        ("The second", ["Two"], ["Third."]),
    ]


def test_chapters_of_the_ncx() -> None:
    inner = point("text/one.xhtml", "One") + point("text/more.xhtml#t", "Two")
    ncx = point("text/one.xhtml", "Part", inner)
    assert [title for title, _, _ in chapters(book(PAGES, ncx=ncx))] == ["Part", "Two"]


def test_chapters_without_a_table_of_contents() -> None:
    assert chapters(book(PAGES)) == [
        ("", ["Part", "One"], ["First.", "Second."]),
        ("", ["Two"], ["Third."]),
    ]


def test_a_heading_alone_goes_with_the_next_chapter() -> None:
    pages = {"a": page("<h1>Book I</h1>"), "b": page("<h2>One</h2><p>Text.</p>")}
    nav = link("text/a", "Book I") + link("text/b", "One")
    assert chapters(book(pages, nav)) == [("Book I. One", ["Book I", "One"], ["Text."])]


def test_the_order_is_that_of_the_spine() -> None:
    pages = {name: page(f"<p>{name}</p>") for name in ("a b", "c", "d")}
    spine = '<itemref idref="d"/><itemref idref="c" linear="no"/><itemref idref="a b"/>'
    found = chapters(book(pages, link("text/a%20b", "The last"), spine=spine))
    assert found == [("", [], ["d"]), ("The last", [], ["a b"])]


def test_text() -> None:
    body = """
        text <p>One &nbsp;<span>two</span><br/>three&mdash;<i>four</i>&amp;.</p> tail
        <div>Outer <div>inner</div> after</div>
        <ul><li>Item</li><li><p>Another</p></li></ul>
        <table><tr><td>A</td><td>B</td></tr></table>
        <blockquote><p>Soft&shy;ly.</p></blockquote>"""
    assert said(body) == [
        *("text", "One two three—four&.", "tail", "Outer", "inner", "after"),
        *("Item", "Another", "A", "B", "Softly."),
    ]


def test_scenes() -> None:
    assert said("<h2>* * *</h2><hr/><p>...</p><p>One.</p><hr/><p>* * *</p><p>Two.</p><hr/>") == [
        "One.",
        BREAK,
        "Two.",
    ]


def test_what_is_not_read_out() -> None:
    body = """<p>A<a href="#n1"><sup>1</sup></a> b<a epub:type="noteref" href="#n">x</a>,
        <span epub:type="pagebreak" id="p9" title="9">9</span>
        c<span class="pagenum">[7]</span><sup>2</sup><!-- no --></p>
        <aside epub:type="footnote" id="n1"><p>A note.</p></aside>
        <section role="doc-endnotes"><p>Notes.</p></section>
        <script>var a;</script><style>p {}</style><svg><text>svg</text></svg>
        <ruby>\u6f22<rt>kan</rt></ruby><p hidden="hidden">hidden</p>
        <section class="pg-boilerplate pgheader" id="pg-header"><p>The Project</p></section>
        <nav><ol><li>links</li></ol></nav>"""
    assert said(body) == ["A b, c2", "\u6f22"]


def test_a_page_of_links_is_a_table_of_contents() -> None:
    links = "".join(f'<p><a href="{n}">Chapter {n}</a></p>' for n in range(4))
    pages = {"toc": page(f"<h1>Contents</h1>{links}"), "a": page("<p>Text.</p>")}
    assert chapters(book(pages)) == [("", [], ["Text."])]


def test_emphasis() -> None:
    body = """<p>It <em>is </em>so, <strong>very so</strong>, <i>Titanic</i>, <em/> and
        <em>this is a whole thought of his</em>, <em>2*3</em>.</p>"""
    assert said(body) == [
        "It *is* so, *very so*, Titanic, and this is a whole thought of his, 2*3."
    ]


def test_encodings() -> None:
    text = page("<p>Äh.</p>")
    for encoding in ("iso-8859-1", "utf-16", "utf-8"):
        declared = f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(encoding)
        data = book({"a": ""}, **{"OEBPS/text/a": declared})
        assert chapters(data) == [("", [], ["Äh."])]


def test_a_document_type_that_names_its_entities() -> None:
    text = '<!DOCTYPE html [<!ENTITY me "Ishmael">]>' + page("<p>Call me&#160;you.</p>")
    assert chapters(book({"a": text})) == [("", [], ["Call me you."])]


CIPHER = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>
<enc:EncryptionMethod Algorithm="{}"/></enc:EncryptedData></encryption>"""


def test_fonts_may_be_obfuscated() -> None:
    cipher = CIPHER.format("http://www.idpf.org/2008/embedding")
    assert chapters(book(PAGES, **{"META-INF/encryption.xml": cipher}))


WHOLE = book(PAGES)
LAUGHS = "<!DOCTYPE html [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 50}'>" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\3\4", "a damaged ZIP file: File is not a zip file"),
        (WHOLE[:-30], "a damaged ZIP file: "),
        (WHOLE[:60] + b"\0" * 300 + WHOLE[360:], "a damaged ZIP file: "),
        (packed({"word/document.xml": "<w/>"}), "a ZIP file, but not EPUB"),
        (packed({"META-INF/container.xml": "<c/>"}), "'' is missing in it"),
        (packed({"META-INF/container.xml": "<c>"}), "META-INF/container.xml: no element found"),
        (
            book(PAGES, **{"META-INF/encryption.xml": CIPHER.format("urn:aes")}),
            "is protected",
        ),
        (book({"a": page("<p>x")}), "OEBPS/text/a: mismatched tag"),
        (book({"a": page("&nothing;")}), "OEBPS/text/a: undefined entity"),
        (book({"a": page("<p> </p>")}), "no text"),
        (
            book({"a": page("<p>x</p>")}).replace(b"text/a", b"text/b"),
            "'OEBPS/text/a' is missing in it",
        ),
        (book({"a": f"{LAUGHS}]>{page('<p>&a8;</p>')}"}), "OEBPS/text/a: "),
        (book({"a": page("<div>" * 5000 + "x" + "</div>" * 5000)}), "elements within elements"),
        (book({"a": page("x" * (epub.LARGEST + 1))}), "OEBPS/text/a: larger than"),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    with pytest.raises(TextError) as error:
        epub.read(data)
    assert str(error.value).startswith(reason)


def test_one_that_zip_has_encrypted() -> None:
    secret = bytearray(WHOLE)
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = -1
        while (place := secret.find(mark, place + 1)) >= 0:
            secret[place + at] |= 1
    with pytest.raises(TextError, match=r"cannot be unpacked: .*encrypted"):
        epub.read(bytes(secret))


def test_many_pages() -> None:
    pages = {f"p{n:03}": page(f"<h2>{n}</h2><p>Text {n}.</p>") for n in range(300)}
    found = chapters(book(pages))
    assert [heading for _, heading, _ in found] == [[str(n)] for n in range(300)]
