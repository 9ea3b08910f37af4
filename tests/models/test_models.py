"""What holds for every model: the folders are found by listing them."""

import importlib
import json
from pathlib import Path

import pytest

from mlxtts import hub, models
from mlxtts.errors import ModelError, VoiceError


@pytest.mark.parametrize("name", models.names())
def test_a_model_folder_defines_what_generic_code_uses(name: str) -> None:
    module = importlib.import_module(f"mlxtts.models.{name}")
    assert module.MODEL_TYPES
    assert callable(module.read_config)
    assert callable(module.load)
    assert callable(module.needed)
    assert callable(module.matrices)
    assert callable(module.checkpoint)
    assert callable(module.beside)


def test_the_model_type_decides(tmp_path: Path) -> None:
    assert models.find(hub.locate("starter")).__name__ == "mlxtts.models.orpheus"
    for model_type in ("bert", None, ["llama"]):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
        with pytest.raises(ModelError, match=r"config\.json: model_type .* is not implemented"):
            models.find(tmp_path)


def test_voices() -> None:
    folder = hub.locate("starter")
    config = models.find(folder).read_config(folder)
    assert models.choose_voice(config, None) == "slt"
    assert models.choose_voice(config, "rms") == "rms"
    with pytest.raises(VoiceError, match="'tara': unknown; the voices are slt, rms, awb, kal16"):
        models.choose_voice(config, "tara")
