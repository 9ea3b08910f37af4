import os
import stat
from pathlib import Path

import pytest

from mlxtts import cli, errors, output
from mlxtts.errors import ModelError, TokensError


def test_a_file_appears_whole_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with output.create(path) as out:
        out.write(b"new")
        assert path.read_text() == "old"
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_file_keeps_its_permissions_and_a_link_its_place(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "private"
    path.touch(0o600)
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "new").symlink_to(tmp_path / "folder" / "other")
    for name in ("link", "new"):
        with output.create(tmp_path / name) as out:
            out.write(b"data")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(found.name for found in path.parent.iterdir()) == ["other", "private"]


@pytest.mark.parametrize("name", ["n" * 255, "\N{SNOWMAN}" * 85])
def test_the_longest_names(tmp_path: Path, name: str) -> None:
    with output.create(tmp_path / name) as out:
        out.write(b"data")
    with output.folder(tmp_path / name[::-1].replace(name[0], "x", 1)) as folder:
        assert folder.is_dir()
    assert (tmp_path / name).read_bytes() == b"data"


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with output.folder(tmp_path / "link") as folder:
        (folder / "file").touch()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").exists()


def test_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with output.create(tmp_path / "out") as out:
            out.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_in_the_file_system_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with output.create(path) as out:
        out.write(b"data")
    assert os.read(reader, 9) == b"data"
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_errors_are_about_the_innermost_subject() -> None:
    with pytest.raises(TokensError) as caught, errors.subject("outer"), errors.subject("inner"):
        raise TokensError(3, "bad")
    assert errors.describe(caught.value) == "inner: line 3: bad"
    with pytest.raises(OSError, match="No such file") as missing, errors.subject("x"):
        Path("/nonexistent/y").read_bytes()
    assert errors.describe(missing.value) == "x: No such file or directory"
    assert errors.describe(OSError(28, "Full", "file")) == "file: Full"
    assert errors.describe(ModelError("plain")) == "plain"


def test_what_is_said_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    tool = cli.Tool("prog", quiet=False, verbose=False, stdout=1, closed=set())
    tool.warn("two\nlines \ud800")
    tool.info("nothing")
    assert not tool.failed
    with tool.reporting("place"):
        raise ModelError("wrong")
    assert tool.failed
    assert capfd.readouterr().err == "prog: two lines \\ud800\nprog: place: wrong\n"
    quiet = cli.Tool("prog", quiet=True, verbose=True, stdout=1, closed=set())
    quiet.warn("nothing")
    quiet.info("done")
    assert capfd.readouterr().err == "prog: done\n"
