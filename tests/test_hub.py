"""Names to folders; tests/bin/test_fetch.py downloads."""

from pathlib import Path

import pytest

from mlxtts import catalogue, codecs, hub, models
from mlxtts.errors import ModelError
from mlxtts.hub import Access
from tests import mimi, weights


def test_the_starter_is_in_the_package() -> None:
    assert (hub.locate("starter") / "model.safetensors").is_file()
    assert (hub.locate_codec("starter") / "model.safetensors").is_file()
    assert hub.locate_codec("starter").name == "codec"
    assert hub.fetch("starter") == hub.locate("starter")


def test_the_starter_is_small() -> None:
    """What the wheel has of it; its training stays behind."""
    starter = hub.locate("starter")
    files = [path for path in starter.rglob("*") if path.is_file()]
    size = sum(f.stat().st_size for f in files if "training" not in f.relative_to(starter).parts)
    assert 15e6 < size <= 20e6


def test_a_short_name_is_not_a_folder_that_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("starter", "a/b"):
        Path(name).mkdir(parents=True)
        Path(name, "config.json").touch()
    assert hub.locate("starter") == hub.PACKAGE / "voices" / "starter"
    assert hub.locate("./starter") == Path("starter")
    assert hub.locate_codec("./starter") == Path("starter")
    assert hub.locate("a/b") == Path("a/b")


def test_what_another_process_finds_a_model_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("starter", "a/b"):
        Path(name).mkdir(parents=True)
        assert hub.address(f"./{name}", Path(name)) == str(tmp_path / name)
    assert hub.address("starter", Path("x")) == "starter"
    assert hub.address("a/b", Path("a/b")) == str(tmp_path / "a" / "b")
    assert hub.address("c/d", Path("x")) == "c/d"
    assert hub.address("c/d", Path("x"), Access("v1")) == str(tmp_path / "x")


def test_what_is_no_model(tmp_path: Path) -> None:
    for name in ("x", "./x/y", "x/y/z", "/x/y", "../y", "x/", "/y", ".x/y", "~/y", "x y/z", "x/é"):
        with pytest.raises(ModelError, match="neither a folder nor a name that"):
            hub.locate(name)
    with pytest.raises(ModelError, match=r"not a model folder: no config\.json in "):
        hub.locate(str(tmp_path))
    with pytest.raises(ModelError, match="'starter': a folder, which has no revision 'v1'"):
        hub.locate("starter", Access("v1"))


def test_the_table_of_short_names() -> None:
    for name, entry in hub.names().items():
        assert "/" not in name
        assert (entry.folder is None) != (entry.repository is None)
        assert hub.repository(name) == entry.repository
        assert entry.licence
        if entry.repository:
            assert hub.repository(entry.repository) == entry.repository
            assert hub.known(entry.repository) == hub.known(name) == entry
        if entry.kind == "model":
            assert entry.languages
            assert entry.voices
        else:
            assert name in codecs.names()
    assert hub.known("c/d") is None
    starter = hub.locate("starter")
    assert hub.names()["starter"].voices == models.find(starter).read_config(starter).voices


def test_the_codec_that_a_model_needs(model_folder: Path) -> None:
    assert catalogue.codec_of(model_folder) is None
    assert catalogue.codec_of(model_folder / "codec") is None
    (model_folder / "codec").rename(model_folder.parent / "codec")
    assert catalogue.codec_of(model_folder) == "mlx-community/snac_24khz"
    assert hub.repository("snac") == "mlx-community/snac_24khz"


def test_a_codec_may_say_of_what_kind_it_is(tmp_path: Path) -> None:
    folder = mimi.write(tmp_path / "small", weights.MIMI_SMALL, {})
    assert catalogue.codec_of(folder) is None
    assert catalogue.find(str(folder)).kind == "codec"
