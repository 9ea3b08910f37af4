"""A book, from its file to sound."""

import json
from pathlib import Path

import pytest
import soundfile

from tests.conftest import ROOT, Run, error_of, needs
from tests.epubs import PAGES, book, link

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


def test_a_text_that_begins_as_zip_files_do(run: Run) -> None:
    assert b"penalty" in run("mlxtts-split", stdin=b"PK is a penalty.\n").stdout


def test_a_text_without_line_ends_is_read(run: Run) -> None:
    assert run("mlxtts-split", stdin=b"Oh.").stdout == b'{"id": "1.1", "text": "Oh."}\n'


@pytest.fixture
def script(tmp_path: Path) -> str:
    """The script for audio books, in a folder with a mlxtts-say that the second chapter stops."""
    (tmp_path / "stopping").mkdir()
    say = tmp_path / "stopping" / "mlxtts-say"
    stop = 'case "$*" in *002.flac*) exit 3;; esac\n'
    say.write_text(f'#!/bin/sh\n{stop}PATH=${{PATH#*:}} exec mlxtts-say "$@"\n')
    say.chmod(0o755)
    return f"{ROOT / 'examples' / 'mlxtts-book'}"


def told(run: Run, name: str) -> tuple[list[str], list[float], float]:
    """Titles of chapters, where they begin, and where all ends."""
    entries = "ffprobe -v error -show_chapters -show_entries format=duration -of json"
    data = json.loads(run(f"{entries} 'file:{name}'").stdout)
    titles = [chapter["tags"]["title"] for chapter in data["chapters"]]
    starts = [float(chapter["start_time"]) for chapter in data["chapters"]]
    return titles, starts, float(data["format"]["duration"])


@needs("ffmpeg")
def test_an_audio_book(run: Run, tmp_path: Path, script: str) -> None:
    """Begun again after it was stopped in the second chapter."""
    (tmp_path / "my book.txt").write_bytes(TEXT.replace(b"Chapter 1", b"Chapter 1: A=B; #c"))
    command = f"{script} 'my book.txt' 'Out: it.m4b' --temperature 0"
    assert run(f"PATH=$PWD/stopping:$PATH {command}").returncode == 3
    parts = tmp_path / "Out: it.m4b.parts"
    before = (parts / "c_001.flac").stat()
    done = run(f"cp -p '{parts}/c_001.flac' kept.flac; {command}")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "kept.flac").stat().st_mtime == before.st_mtime
    assert [path.name for path in tmp_path.glob("Out*")] == ["Out: it.m4b"]
    titles, starts, end = told(run, "Out: it.m4b")
    assert titles == ["-", "Chapter 1: A=B; #c", "Chapter 2"]
    assert starts[1] == pytest.approx(soundfile.info(tmp_path / "kept.flac").duration, abs=0.01)
    assert starts[1] < starts[2] < end


@needs("ffmpeg")
def test_an_audio_book_of_a_text_that_was_changed(run: Run, tmp_path: Path, script: str) -> None:
    book = tmp_path / "b.md"
    book.write_text("# One\n\nNo.\n\n# Two\n\nYes.\n\n# Three\n\nOh.\n")
    assert run(f"PATH=$PWD/stopping:$PATH {script} b.md o.mp3").returncode == 3
    old = soundfile.info(tmp_path / "o.mp3.parts" / "c_001.flac").duration
    book.write_text("# One\n\nNot at all, I must say, not at all.\n\n# Two\n\n[pause:x]\n")
    done = run(f"{script} b.md o.mp3")
    assert done.returncode == 1
    assert error_of(done).endswith("is not a pause: its time must be as 0.5s or 500ms")
    titles, starts, _ = told(run, "o.mp3")
    assert titles == ["One", "Two"]
    assert starts[1] > old + 1


def test_an_audio_book_of_nothing(run: Run, script: str) -> None:
    assert run(script).returncode == 2
    done = run(f"{script} -nothing o.m4b")
    assert done.returncode == 1
    assert b"No such file" in done.stderr
    tools = "for t in bash; do ln -s $(type -P $t) stopping/; done"
    done = run(f"{tools}; PATH=$PWD/stopping {script} a b")
    assert (done.returncode, done.stderr) == (1, b"mlxtts-book: needs ffmpeg\n")


def test_bad_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.epub").write_bytes(book(PAGES)[:-40])
    (tmp_path / "old").write_bytes(b"precious")
    for command, stdin, status, reason in (
        ("mlxtts-split", b"", 1, "stdin: no text"),
        ("mlxtts-split -", b"\xff", 1, "stdin: neither EPUB nor text in UTF-8"),
        ("mlxtts-split -o old none.txt", b"", 1, "none.txt: No such file or directory"),
        ("mlxtts-split .", b"", 1, ".: Is a directory"),
        ("mlxtts-split -o old b.epub", b"", 1, "b.epub: a damaged ZIP file"),
        *(
            (f"mlxtts-split --chapters {o}", TEXT, 2, "--chapters needs -o NAME.SUFFIX")
            for o in ("", "-o -", "-o .", "-o out/", "-o /dev/stdout")
        ),
        ("mlxtts-split --list > /dev/full", TEXT, 1, "stdout: No space left on device"),
        ("mlxtts-split -o no/x", TEXT, 1, "no/x: No such file or directory"),
    ):
        done = run(command, stdin=stdin)
        assert (done.returncode, done.stdout) == (status, b"")
        assert error_of(done).startswith(f"mlxtts-split: {reason}"), command
    assert (tmp_path / "old").read_bytes() == b"precious"
