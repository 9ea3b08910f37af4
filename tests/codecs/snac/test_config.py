import json
from pathlib import Path
from typing import Any

import pytest

from mlxtts.codecs.snac.config import Config
from mlxtts.errors import ModelError
from tests import weights


def read(tmp_path: Path, config: object) -> Config:
    (tmp_path / "config.json").write_text(json.dumps(config))
    return Config.read(tmp_path / "config.json")


def test_the_published_model_is_the_default(tmp_path: Path) -> None:
    config = read(tmp_path, weights.SNAC_FULL)
    assert config == Config()
    assert (config.latents, config.hop_length, config.frame_samples) == (768, 512, 2048)


def test_the_order_of_codes_in_a_frame(tmp_path: Path) -> None:
    assert Config().layout == weights.SNAC_LAYOUT
    assert read(tmp_path, weights.SNAC_ODD).layout == weights.SNAC_ODD_LAYOUT
    four = read(tmp_path, weights.SNAC_FULL | {"vq_strides": [8, 4, 2, 1]})
    assert four.layout == [0, 1, 2, 3, 3, 2, 3, 3, 1, 2, 3, 3, 2, 3, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attn_window_size": 32}, "only SNAC's 24 kHz architecture is implemented"),
        ({"depthwise": False}, "only SNAC's 24 kHz architecture is implemented"),
        ({"noise": False}, "only SNAC's 24 kHz architecture is implemented"),
        ({"vq_strides": [3, 2, 1]}, "not a SNAC configuration"),
        ({"vq_strides": []}, "not a SNAC configuration"),
        ({"decoder_rates": [0]}, "not a SNAC configuration"),
        ({"decoder_dim": "wide"}, "decoder_dim cannot be 'wide'"),
    ],
)
def test_variants_that_are_not_implemented(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        read(tmp_path, weights.SNAC_FULL | change)
