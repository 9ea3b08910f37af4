from pathlib import Path

import pytest

from mlxtts import hub
from mlxtts.errors import ModelError


def test_the_starter_is_in_the_package() -> None:
    assert (hub.locate("starter") / "model.safetensors").is_file()
    assert (hub.locate_codec("starter") / "model.safetensors").is_file()
    assert hub.locate_codec("starter").name == "codec"


def test_a_short_name_is_not_a_folder_that_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("starter").mkdir()
    Path("starter/config.json").touch()
    assert hub.locate("starter") == hub.SHORT_NAMES["starter"]
    assert hub.locate("./starter") == Path("starter")
    assert hub.locate_codec("./starter") == Path("starter")


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model 'x/y': neither a folder nor a known name"):
        hub.locate("x/y")
    with pytest.raises(ModelError, match=r"not a model folder: no config\.json in "):
        hub.locate(str(tmp_path))
