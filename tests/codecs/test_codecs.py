"""What holds for every codec: the folders are found by listing them."""

from pathlib import Path

import pytest

from mlxtts import codecs, hub
from mlxtts.errors import ModelError


def test_snac_is_there() -> None:
    assert "snac" in codecs.names()


def test_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"codec 'mp5': unknown; the codecs are .*snac"):
        codecs.load("mp5", tmp_path)


def test_a_codec_says_what_generic_code_needs() -> None:
    codec = codecs.load("snac", hub.locate_codec("starter"))
    assert (codec.rate, codec.frame_codes, codec.frame_samples) == (24_000, 7, 2048)
    assert codec.lag == 4757
