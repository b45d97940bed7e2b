"""Names of voices are keys, never paths."""

from __future__ import annotations

import pytest

from streamkit.tts.voices.errors import VoiceNameError
from streamkit.tts.voices.names import check_name, key_of


@pytest.mark.parametrize("name", ["a", "Anna", "0", "anna.smith_2-b", "a" * 64, "con", "a..b"])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "-x", "_x", "a b", "a\n",
        "a\0", "ä", "\uff41", "٣", "a" * 65, "C:x", "~", "x" * 100_000,
    ],
    ids=ascii,
)  # fmt: skip
def test_no_names(name: str) -> None:
    with pytest.raises(VoiceNameError) as caught:
        check_name(name)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["alloy", "ALLOY", "Alloy", "Viktor"])
def test_names_that_mean_something_else(name: str) -> None:
    with pytest.raises(VoiceNameError, match="built-in"):
        check_name(name, ("alloy", "viktor"))
    check_name(name, ("alloys", "other"))


def test_keys() -> None:
    assert key_of("Anna") == key_of("aNNA")
    assert key_of("Camilla Holmstr\u00f6m") == key_of("CAMILLA HOLMSTRO\u0308M")
    assert key_of("anna") != key_of("anna ")
