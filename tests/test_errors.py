import pytest

from mlxtts.errors import OptionError, UsageError, describe, subject


def test_an_option_has_the_name_that_it_has_here() -> None:
    error = OptionError("max_tokens", "must be above 0", -1)
    assert isinstance(error, UsageError)
    assert (str(error), error.option) == ("max_tokens -1: must be above 0", "max_tokens")
    assert describe(error) == "--max-tokens -1: must be above 0"
    assert describe(OptionError("speed", "one only")) == "--speed: one only"


def test_what_an_option_is_wrong_for() -> None:
    with pytest.raises(OptionError) as caught, subject("me.wav"):
        raise OptionError("speed", "one only")
    assert describe(caught.value) == "me.wav: --speed: one only"
