import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlxtts.errors import TextError
from mlxtts.text import epub
from mlxtts.text.book import BREAK
from tests.epubs import PAGES, book, changed, link, packed, page, point


def chapters(data: bytes) -> list[tuple[str, list[str], list[str]]]:
    return [(c.title, c.heading, c.paragraphs) for c in epub.read(data)]


def said(body: str) -> list[str]:
    """All that is said of a page."""
    return [text for c in epub.read(book({"a": page(body)})) for text in c.heading + c.paragraphs]


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
        <blockquote><p>Soft&shy;ly.</p></blockquote>
        <p>One.<br/> <br/>Two.<br/>Three.</p>
        <details><summary>Sum</summary>Text</details>"""
    assert said(body) == [
        *("text", "One two three—four&.", "tail", "Outer", "inner", "after"),
        *("Item", "Another", "A", "B", "Softly.", "One.", "Two. Three.", "Sum", "Text"),
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


LINKED = [f'<a href="p{n}.xhtml#c">Chapter {n}</a>' for n in range(5)]


@pytest.mark.parametrize(
    "contents",
    [
        "".join(f"<p>{link}</p>" for link in LINKED),
        f"<p>{'<br/>'.join(LINKED)}</p>",
        f"<ul>{''.join(f'<li>{link} The tale of the story</li>' for link in LINKED)}</ul>",
        f"<table>{''.join(f'<tr><td>{x}</td><td> What it is</td></tr>' for x in LINKED)}</table>",
    ],
)
def test_a_table_of_contents_is_not_read_out(contents: str) -> None:
    body = f'<h1>Title</h1><h2>Contents</h2>{contents}<p>Text, and <a href="#c">more</a>.</p>'
    assert said(body) == ["Title", "Text, and more."]


def test_links_that_are_no_table_of_contents() -> None:
    links = "".join(f'<li><a href="https://example.org/{n}">Page {n}</a></li>' for n in range(5))
    few = "".join(f"<p>{link}</p>" for link in LINKED[:3])
    assert said(f"<p>See:</p><ul>{links}</ul>{few}<p>End.</p>") == [
        *("See:", "Page 0", "Page 1", "Page 2", "Page 3", "Page 4"),
        *("Chapter 0", "Chapter 1", "Chapter 2", "End."),
    ]


def test_places_in_older_books() -> None:
    body = '<p><a name="c1"></a>One.</p><p>A.</p><p><a name="c2"/>Two.</p><p>B.</p>'
    nav = link("text/a#c1", "First") + link("text/a#c2", "Second")
    assert chapters(book({"a": page(body)}, nav)) == [
        ("First", [], ["One.", "A."]),
        ("Second", [], ["Two.", "B."]),
    ]


def test_places_that_are_not_there() -> None:
    pages = {name: page(f"<p>{name}</p>") for name in ("a", "b")}
    nav = link("text/a#x", "First") + link("text/b#y", "Second")
    assert chapters(book(pages, nav)) == [("First", [], ["a"]), ("Second", [], ["b"])]


def test_a_table_of_contents_with_one_entry() -> None:
    assert chapters(book(PAGES, ncx=point("text/one.xhtml", "Start"))) == chapters(book(PAGES))
    assert chapters(book({"a": page("<p>x</p>")}, ncx=point("text/a", "All"))) == [
        ("All", [], ["x"])
    ]


def test_paragraphs_that_are_not_closed() -> None:
    assert said("<p>x." * 2_000) == ["x."] * 2_000
    assert said("<ul><li>a<li>b</ul><dl><dt>c<dd>d</dl>") == ["a", "b", "c", "d"]


def test_emphasis() -> None:
    body = """<p>It <em>is </em>so, <strong>very so</strong>, <i>Titanic</i>, <em/> and
        <em>this is a whole thought of his</em>, <em>2*3</em>. <em>un</em>believable
        <strong>W</strong>hen</p><p>a <em>b<div>c</div>d</em> e</p>
        <p><img alt="T" src="t.png"/>he<img alt="A picture" src="p"/></p>"""
    assert said(body) == [
        "It *is* so, *very so*, Titanic, and this is a whole thought of his, 2*3. unbelievable"
        " When",
        *("a b", "c", "d e", "The"),
    ]


def test_encodings() -> None:
    text = page("<p>Äh.</p>")
    for encoding in ("iso-8859-1", "utf-16", "utf-8"):
        declared = f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(encoding)
        data = book({"a": ""}, **{"OEBPS/text/a": declared})
        assert chapters(data) == [("", [], ["Äh."])]


def test_a_document_type_with_entities_of_its_own() -> None:
    text = f"{LAUGHS}]>" + page("<p>Call me&#160;you.</p>")
    assert chapters(book({"a": text})) == [("", [], ["Call me you."])]


def test_pages_may_be_as_browsers_read_them() -> None:
    body = "<P>a<br>b<img src=x><div>c</span></p>d &unknown; <![CDATA[e &nbsp; f]]></DIV>g<p>h<p>i"
    assert said(body) == ["a b", "c", "d &unknown; e &nbsp; f", "g", "h", "i"]
    data = book({"a": f"\n<?xml version='1.0' encoding='utf8mb4'?>{page('<p>x</p>')}"})
    with pytest.raises(TextError, match="text/a: not utf8mb4"):
        epub.read(data)


def test_items_that_are_no_pages_and_links_that_are_nearly_right() -> None:
    data = book({"C.xhtml": page("<p>x</p>"), "two.xhtml": page("<p>y</p>"), "i.svg": "<svg/>"})
    for old, new in (
        ('href="text/C.xhtml"', 'href="/OEBPS/text/c.XHTML"'),
        ('href="text/two.xhtml"', 'href="text\\two.xhtml"'),
        ('<item id="i.svg"', '<item id="i.svg" media-type="image/svg+xml" fallback="two.xhtml"'),
    ):
        data = changed(data, "OEBPS/a book.opf", old, new)
    assert chapters(data) == [("", [], ["x", "y"])]
    without = changed(data, "OEBPS/a book.opf", ' fallback="two.xhtml"', "")
    assert chapters(without) == [("", [], ["x", "y"])]


def test_a_table_of_contents_that_is_not_there() -> None:
    item = '<item id="n" href="no.ncx" media-type="application/x-dtbncx+xml"/><item id="one.xhtml"'
    data = changed(WHOLE, "OEBPS/a book.opf", '<item id="one.xhtml"', item)
    assert chapters(data) == chapters(WHOLE)


def test_links_of_contents_in_another_case() -> None:
    nav = link("TEXT/one.xhtml", "The first") + link("text/more.xhtml#t", "The second")
    assert [title for title, _, _ in chapters(book(PAGES, nav))] == ["The first", "The second"]


def test_a_heading_that_leads_back_to_the_contents() -> None:
    heading = '<h1><a id="c{0}" href="nav.xhtml#t{0}">{0}</a></h1><p>Text {0}.</p>'
    pages = {name: page(heading.format(name)) for name in ("1", "2")}
    nav = link("text/1#c1", "One") + link("text/2#c2", "Two")
    assert chapters(book(pages, nav)) == [("One", ["1"], ["Text 1."]), ("Two", ["2"], ["Text 2."])]


def test_figures_that_are_links() -> None:
    body = """<p>In <a href="x">1984</a> he read <a href="#b">42</a> books,<a href="#n1">3</a>
        or so.<sup><a href="n#2">4</a></sup> <a href="n#3">[5]</a></p>
        <p>See (<a href="#s3">3</a>), §<a href="#s">5</a>, 1–<a href="#s">4</a>.
        Word <sup><a href="#f">6</a></sup></p>"""
    assert said(body) == ["In 1984 he read 42 books, or so.", "See (3), §5, 1–4. Word"]


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
        (book({"a": page("<p> </p>")}), "no text"),
        (
            book({"a": page("<p>x</p>")}).replace(b"text/a", b"text/b"),
            "'OEBPS/text/a' is missing in it",
        ),
        (packed({"META-INF/container.xml": f"{LAUGHS}]><c>&a8;</c>"}), "META-INF/container.xml: "),
        (book({"a": page("<div>" * 5000 + "x" + "</div>" * 5000)}), "elements within elements"),
        (book({"a": page("x" * (epub.LARGEST + 1))}), "OEBPS/text/a: larger than"),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    with pytest.raises(TextError) as error:
        epub.read(data)
    assert str(error.value).startswith(reason)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1))
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    with contextlib.suppress(TextError):
        epub.read(bytes(data))


@given(st.text("<>/=&;!-[]\"'? abp1h", max_size=60), st.sampled_from(["p", "div", "em", "h1"]))
@example("<![", "p")
@example("<![x[", "em")
@example("<![CDATA", "p")
def test_any_page(text: str, name: str) -> None:
    with contextlib.suppress(TextError):
        found = chapters(book({"a": page(f"<{name}>{text}</{name}>"), "b": page("<p>last</p>")}))
        assert found[-1][2][-1] == "last"


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
