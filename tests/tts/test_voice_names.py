"""Names of voices that clients know."""

from __future__ import annotations

import numpy as np
import pytest

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render
from streamkit.tts.voice_names import OPENAI_VOICES, UnknownVoiceError, resolve_voice


def test_openai_s_voices_are_all_there() -> None:
    assert set(OPENAI_VOICES) == {
        "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
        "verse", "marin", "cedar",
    }  # fmt: skip


def test_each_has_a_voice_of_its_own_that_can_speak() -> None:
    assert len(set(OPENAI_VOICES.values())) == len(OPENAI_VOICES)
    for name in OPENAI_VOICES:
        sound = render(EspeakSynthesizer(), "Hello.", voice=resolve_voice(name))
        assert np.abs(sound).max() > 0.05


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        (None, None),
        ("alloy", "en-us"),
        ("Nova", "en-us+f2"),
        ("en-us+f2", "en-us+f2"),
        ("DE", "DE"),
    ],
)
def test_what_a_name_stands_for(name: str | None, voice: str | None) -> None:
    assert resolve_voice(name) == voice


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gandalf",
        "en-us+gandalf",
        "../../etc/passwd",
        "/etc/passwd",
        "en-us/../de",
        "en-us\x00",
        "\udc80",
        "alloy ",
        "x" * 10_000,
    ],
    ids=ascii,
)
def test_an_unknown_one_is_told_which_there_are(name: str) -> None:
    with pytest.raises(UnknownVoiceError, match="en-us") as caught:
        resolve_voice(name)
    assert all(voice in str(caught.value) for voice in OPENAI_VOICES)
    assert len(str(caught.value)) < 600
