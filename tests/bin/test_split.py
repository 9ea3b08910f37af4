"""A book, from its file to sound."""

import json
from pathlib import Path

import soundfile

from tests.conftest import Run, error_of
from tests.text.test_epub import PAGES, book, link

TEXT = b"A Title\n\nChapter 1\n\nOne *is*\none.\n\n* * *\n\nTwo.\n\nChapter 2\n\nThree.\n"


def test_text(run: Run) -> None:
    done = run("mlxtts-split", stdin=TEXT)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().split("\n")
    assert [json.loads(line) if line else "" for line in lines] == [
        {"id": "1.1", "text": "A Title"},
        *[""] * 4,
        {"id": "2.1", "text": "Chapter 1"},
        "",
        {"id": "2.2", "text": "One *is* one."},
        *[""] * 2,
        {"id": "2.3", "text": "Two."},
        *[""] * 4,
        {"id": "3.1", "text": "Chapter 2"},
        "",
        {"id": "3.2", "text": "Three."},
        "",
    ]


def test_epub_and_its_list(run: Run, tmp_path: Path) -> None:
    nav = link("text/one.xhtml", "First\tone") + link("text/more.xhtml#t", "Second")
    (tmp_path / "b.epub").write_bytes(book(PAGES, nav))
    done = run("mlxtts-split --list b.epub")
    assert done.stdout == b"1\t4\t20\tFirst one\n2\t2\t9\tSecond\n"
    assert run("mlxtts-split < b.epub").stdout == run("mlxtts-split b.epub").stdout != b""


def test_chapters_become_files_and_sound(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-split --chapters -o x.y.jsonl", stdin=TEXT)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["x.y_001.jsonl", "x.y_002.jsonl", "x.y_003.jsonl"]
    assert (tmp_path / files[2]).read_bytes() == (
        b'{"id": "3.1", "text": "Chapter 2"}\n\n{"id": "3.2", "text": "Three."}\n'
    )
    done = run("mlxtts-tokens < x.y_003.jsonl | mlxtts-decode | mlxtts-wav -o 3.wav")
    assert (done.returncode, done.stderr) == (0, b"")
    assert soundfile.info(tmp_path / "3.wav").duration > 1.5


def test_a_text_without_line_ends_is_read(run: Run) -> None:
    assert run("mlxtts-split", stdin=b"Oh.").stdout == b'{"id": "1.1", "text": "Oh."}\n'


def test_bad_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.epub").write_bytes(book(PAGES)[:-40])
    (tmp_path / "old").write_bytes(b"precious")
    for command, stdin, status, reason in (
        ("mlxtts-split", b"", 1, "stdin: no text"),
        ("mlxtts-split -", b"\xff", 1, "stdin: neither EPUB nor text in UTF-8"),
        ("mlxtts-split -o old none.txt", b"", 1, "none.txt: No such file or directory"),
        ("mlxtts-split .", b"", 1, ".: Is a directory"),
        ("mlxtts-split -o old b.epub", b"", 1, "b.epub: a damaged ZIP file"),
        ("mlxtts-split --chapters", TEXT, 2, "--chapters needs -o FILE"),
        ("mlxtts-split --chapters -o -", TEXT, 2, "--chapters needs -o FILE"),
        ("mlxtts-split --list > /dev/full", TEXT, 1, "stdout: No space left on device"),
        ("mlxtts-split -o no/x", TEXT, 1, "no/x: No such file or directory"),
    ):
        done = run(command, stdin=stdin)
        assert (done.returncode, done.stdout) == (status, b"")
        assert error_of(done).startswith(f"mlxtts-split: {reason}"), command
    assert (tmp_path / "old").read_bytes() == b"precious"
