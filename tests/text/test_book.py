import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import TextError
from mlxtts.text.book import BREAK, LONGEST, Chapter, lines, plain, read
from mlxtts.text.lines import read as utterances


def chapters(text: str) -> list[tuple[str, list[str]]]:
    return [(chapter.name, chapter.paragraphs) for chapter in plain(text)]


def test_lines_are_joined_to_paragraphs() -> None:
    text = "It was a dark\nand  stormy night.\n \n\nThe rain fell\r\nin torrents."
    joined = ["It was a dark and stormy night.", "The rain fell in torrents."]
    assert chapters(text) == [("", joined)]


def test_an_indent_begins_a_paragraph_after_the_end_of_a_sentence() -> None:
    text = "   He came.\n   He saw\n   Rome.\nAll of it."
    assert chapters(text) == [("", ["He came.", "He saw Rome. All of it."])]


def test_what_parts_a_word_or_a_thought_at_the_end_of_a_line() -> None:
    assert chapters("well-\nknown and--\nonce—\nnew - \nold") == [
        ("", ["well-known and--once—new - old"])
    ]


def test_what_has_no_word_is_not_said() -> None:
    assert chapters("“...”\n\nOh.\n\n?!\n\n. . .\n\n7\n\n_") == [("", ["Oh.", "7"])]


def test_lines_of_chinese_and_japanese_are_joined_without_a_space() -> None:
    assert chapters("吾輩は猫で\nある。名前は\nまだ Cat\nない。\n한국\n말") == [
        ("", ["吾輩は猫である。名前はまだ Cat ない。 한국 말"])
    ]


def test_long_lines_are_paragraphs() -> None:
    long = "word " * 30 + "end."
    assert chapters(f"{long}\nHello.\n{long}") == [("", [long, "Hello.", long])]
    address = "https://example.org/" + "x" * 150
    assert chapters(f"See\n{address}\nfor more.") == [("", [f"See {address} for more."])]


@pytest.mark.parametrize(
    "line", ["* * *", "***", "---", "~~~~", "      *      *", "#", "⁂", "— — —"]
)
def test_scenes(line: str) -> None:
    assert chapters(f"{line}\n\nOne.\n{line}\n\n{line}\n\nTwo.\n\n{line}\n") == [
        ("", ["One.", BREAK, "Two."])
    ]


@pytest.mark.parametrize(
    "heading",
    [
        "Chapter 1",
        "CHAPTER XXIV. Loomings.",
        "Chapter One: The Boy",
        "BOOK THE SECOND",
        "Chapter Twenty-One",
        "Chapter I The Beginning",
        "Part 2 — Later",
        "Prologue",
        "EPILOGUE.",
        "IV.",
        "XII",
        "Chapitre 3 : La mer",
        "KAPITEL IV",
        "Capítulo 2",
        "第十二章 海",
        "第一百零一回",
        "第 3 章",
        "IV. THE RED-HEADED LEAGUE",
        "BOOK FIRST—A JUST MAN",
        "Book the Twenty-First",
        "CHAPITRE PREMIER",
        "PREMIÈRE PARTIE",
        "Erstes Kapitel",
        "1. Kapitel",
        "— II —",
        "[ 2 ]",
        "No. IV.",
    ],
)
def test_headings(heading: str) -> None:
    assert chapters(f"Before.\n\n{heading}\n\nAfter.") == [("", ["Before."]), (heading, ["After."])]


@pytest.mark.parametrize(
    "text",
    [
        "Book I had read that day.",
        "Part one of the plan was simple.",
        "Chapter and verse.",
        "Chapter 1. " + "It was late. " * 10,
        "#hashtag",
        "Civil.",
        "Partie de plaisir.",
        "Teil mit Humor",
        "Livre d'or",
        "第三节课我们去操场。",
        "12",
        "I. It was so.",
    ],
)
def test_no_headings(text: str) -> None:
    said = " ".join(text.split())
    assert chapters(f"Before.\n\n{text}\n\nAfter.") == [("", ["Before.", said, "After."])]


def test_headings_of_several_lines_and_blocks() -> None:
    assert chapters("Part One\n\nCHAPTER I\nA LONG WAY\n\nText.") == [
        ("Part One CHAPTER I. A LONG WAY", ["Text."])
    ]


def test_markdown() -> None:
    text = "# The Title\n\n## *First* words ##\n\nOne.\n\n## Last\n\n#### No chapter"
    assert chapters(text) == [
        ("The Title *First* words", ["One."]),
        ("Last", ["No chapter"]),
    ]


NAMES = [f"Chapter {n}. Name {n}." for n in range(1, 6)]


@pytest.mark.parametrize(
    "contents",
    [
        "\n\n".join(NAMES),
        "\n".join(NAMES),
        "  " + "\n  ".join(NAMES),
        "Contents\n\n" + "\n\n".join(NAMES),
        "CONTENTS.\n" + "\n".join(NAMES),
        "Contents\n\n" + "\n".join(f"{name} ..... {n}" for n, name in enumerate(NAMES)),
        "Contents\n\n" + "\n\n".join(f"{name}.....{n}" for n, name in enumerate(NAMES)),
        "Contents\n\nOf this and that    7\nOf nothing . . . 9",
    ],
)
def test_a_table_of_contents_is_left_out(contents: str) -> None:
    body = "\n\n".join(f"{name.upper()}\n\nText." for name in NAMES)
    found = chapters(f"A Title\n\n{contents}\n\n{body}")
    assert found == [("", ["A Title"]), *((name.upper(), ["Text."]) for name in NAMES)]


def test_a_short_table_of_contents() -> None:
    text = "Contents\n\nChapter I\n\nChapter II\n\nCHAPTER I\n\nA.\n\nCHAPTER II\n\nB."
    assert chapters(text) == [("CHAPTER I", ["A."]), ("CHAPTER II", ["B."])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Section 1. A.\n\nSection 2. B.\n\nSection 3. C.\n\nSection 4. D.", 4),
        ("I\n\nII\n\nIII\n\nIV", 4),
        ("So:\n\nPart 1: do it.\nPart 2: do that.\nPart 3: and.\nPart 4: done.\n\nText.", 3),
        ("```sh\n# one\n# two\n# three\n# four\n```\n\nText.", 2),
        ("Contents\n\nIt is a bag.", 1),
    ],
)
def test_what_is_no_table_of_contents(text: str, said: int) -> None:
    found = [text for chapter in plain(text) for text in chapter.heading + chapter.paragraphs]
    assert len(found) == said


def test_many_headings_are_no_deep_water() -> None:
    [chapter] = plain("# Day\n\n" * 5_000)
    assert chapter.heading == ["Day"]


def test_numerals_above_titles() -> None:
    text = "I.\nTHE EVE.\n\nOne.\n\n1\nThe Old Dog\n\nTwo.\n\nII\nit is.\n\nIII\n\nThree."
    assert chapters(text) == [
        ("I. THE EVE.", ["One."]),
        ("1. The Old Dog", ["Two.", "II it is."]),
        ("III", ["Three."]),
    ]


def test_numbers_that_begin_anew_in_each_part() -> None:
    names = ["Chapter I", "Chapter II", "Chapter III"]
    contents = [line for part in ("Book One", "Book Two") for line in (part, *names)]
    body = "\n\n".join(name if "Book" in name else f"{name}\n\nText." for name in contents)
    found = [name for name, _ in chapters("A Title\n\n" + "\n\n".join([*contents, body]))]
    expected = [f"Book One {names[0]}", *names[1:], f"Book Two {names[0]}", *names[1:]]
    assert found == ["", *expected]


def test_headings_of_many_levels_that_come_again() -> None:
    parts = [
        f"# {what}\n\n## API {what}\n\n### List\n\n### Parameters\n\nText." for what in ("A", "B")
    ]
    assert [name for name, _ in chapters("\n\n".join(parts))] == [
        "A API A List Parameters",
        "B API B List Parameters",
    ]


def test_the_contents_of_a_play() -> None:
    scenes = "Scene I. A room.\nScene II. A hall."
    text = f"Contents\n\nACT I\n{scenes}\n\nACT II\n{scenes}\n\nACT I\n\nScene I. A room.\n\nHo!"
    assert chapters(text)[0] == ("ACT I Scene I. A room.", ["Ho!"])


def test_code_in_markdown() -> None:
    text = "# A\n\n```sh\nmake\n\n# install it\n\nmake\n```\n\nText.\n\n    # code\n\n# B\n\nEnd."
    assert [name for name, _ in chapters(text)] == ["A", "B"]
    for alone in ("```", "~~~~"):
        found = chapters(f"One.\n\n{alone}\n\nTwo.\n\nThree.")
        assert [text for text in found[0][1] if text] == ["One.", "Two.", "Three."]


def test_chinese_paragraphs() -> None:
    text = "第一章 开始\n　　他来了\n　　她说：“不。”\n第二章 结束\n　　完了。"
    assert chapters(text) == [
        ("第一章 开始", ["他来了", "她说：“不。”"]),
        ("第二章 结束", ["完了。"]),
    ]
    assert chapters("Chapter One\n\tHe came.\n\tShe went.") == [
        ("Chapter One", ["He came.", "She went."])
    ]


def test_markdown_without_empty_lines() -> None:
    text = "# One\nIt begins.\n# Two\nIt goes\non.\nThe Third\n=========\nIt ends."
    assert chapters(text) == [
        ("One", ["It begins."]),
        ("Two", ["It goes on. The Third", BREAK, "It ends."]),
    ]
    assert chapters("Title\n=====\n\nText.\n\n* one\n* two") == [
        ("Title", ["Text.", "* one * two"])
    ]


def test_several_books_of_project_gutenberg() -> None:
    mark = "*** {} OF THIS PROJECT GUTENBERG EBOOK {} *** "
    text = "".join(
        f"Head\n{mark.format('START', name)}\n\n{name}.\n\nEnd of the Project Gutenberg EBook of "
        f"{name}\n\n{mark.format('END', name)}\n\nLicense\n"
        for name in ("A*", "B")
    )
    assert chapters(text) == [("", ["A*.", "B."])]
    assert chapters(f"See.\n\n{mark.format('END', 'C')}\n\nLicense") == [("", ["See."])]


def test_pictures() -> None:
    text = "A.\n\n[Illustration: Foo\n\n[_Copyright 1894._]]\n\n[Illustration:\n\n  Bar\n]\n\nB."
    assert chapters(text) == [("", ["A.", "B."])]
    assert chapters("x[0] is a[10].") == [("", ["x[0] is a[10]."])]
    started = time.perf_counter()
    plain("[Illustration: " * 20_000)
    plain("\n" * 100_000 + "a")
    plain("." * 200_000 + "\n" + "# " + "#" * 200_000 + "\n\n" + "\u3000" * 200_000 + "a")
    assert time.perf_counter() - started < 10


def test_project_gutenberg() -> None:
    text = """The Project Gutenberg eBook of X

*** START OF THE PROJECT GUTENBERG EBOOK X;
OR, Y ***

[Illustration]

[Illustration: A whale,
spouting]

One,[12] two.[3] [4] is no note.

[3] A note.

*** END OF THE PROJECT GUTENBERG EBOOK X ***

Licence"""
    assert chapters(text) == [("", ["One, two. [4] is no note.", "[3] A note."])]


@pytest.mark.parametrize("text", ["", " \n\n", "* * *", "[Illustration]", "Contents"])
def test_no_text(text: str) -> None:
    with pytest.raises(TextError, match="no text"):
        plain(text)


def test_encodings() -> None:
    for data in ("Äh.".encode(), "Äh.".encode("utf-8-sig"), "Äh.".encode("utf-16")):
        assert read(data)[0].paragraphs == ["Äh."]
    with pytest.raises(TextError, match="neither EPUB nor text in UTF-8"):
        read("Äh.".encode("latin-1"))
    with pytest.raises(TextError, match="neither EPUB nor text in UTF-8"):
        read(b"\xff\xfea")
    with pytest.raises(TextError, match="holds a NUL"):
        read("Ah.".encode("utf-16-le"))


def test_lines_and_the_silence_between() -> None:
    parts = [
        Chapter("", ["Title"], ["One.", BREAK, "Two."]),
        Chapter("Next", [], ["Three {"]),
    ]
    text = "\n".join(lines(enumerate(parts, 7)))
    said = [(line.utterance(), line.pause) for line in utterances([text.encode()])]
    assert [(u.id, u.text, pause) for u, pause in said] == [
        ("7.1", "Title", 0.0),
        ("7.2", "One.", 0.5),
        ("7.3", "Two.", 1.0),
        ("8.1", "Three {", 2.0),
    ]


def test_a_long_paragraph_is_divided_between_sentences() -> None:
    sentence = "Dr. Who came to see what there was to be seen, and saw it. "
    found = [json.loads(line)["text"] for line in lines([(1, Chapter("", [], [sentence * 40]))])]
    assert len(found) == 3
    assert all(len(text) <= LONGEST and text.endswith("saw it.") for text in found)
    assert " ".join(found).split() == (sentence * 40).split()
    [cut, rest] = lines([(1, Chapter("", [], ["word " * 300]))])
    assert all(len(json.loads(text)["text"]) <= LONGEST for text in (cut, rest))


words = st.text("abcäÉ字.,!?'()", max_size=9).map(lambda word: f"a{word}")
text_lines = st.lists(words, max_size=12).map(" ".join)


@given(st.lists(text_lines, min_size=1), st.sampled_from(["\n", "\r\n", "\n\n", "\n    "]))
def test_no_word_is_lost(rows: list[str], between: str) -> None:
    text = between.join(rows)
    if not text.split():
        with pytest.raises(TextError, match="no text"):
            plain(text)
        return
    found = "\n".join(lines(enumerate(plain(text))))
    said = [json.loads(line)["text"] for line in found.splitlines() if line]
    assert "".join(" ".join(said).split()) == "".join(text.split())


def test_a_paragraph_of_many_lines_takes_no_longer_than_many_paragraphs() -> None:
    rows = ["It was a dark and stormy night, and the rain fell in torrents, except"] * 50_000
    started = time.perf_counter()
    [[whole]] = [chapter.paragraphs for chapter in plain("\n".join(rows))]
    assert whole == " ".join(rows)
    assert time.perf_counter() - started < 10
