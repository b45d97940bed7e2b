"""The file of one voice: what is written is read, and nothing else is."""

from __future__ import annotations

import builtins
import json
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voices.errors import DamagedVoiceError, VoiceError
from streamkit.tts.voices.voice_file import (
    MAX_FILE_BYTES,
    VoiceRecord,
    read_voice,
    write_voice,
)

RecordOf = Callable[..., VoiceRecord]


@pytest.fixture
def content(record_of: RecordOf, latents: VoiceLatents) -> bytes:
    return write_voice(record_of("Anna"), latents)


def metadata_of(content: bytes) -> dict[str, str]:
    (length,) = struct.unpack_from("<Q", content)
    found: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return found


def changed(content: bytes, arrays: dict[str, Any] | None = None, **metadata: str | None) -> bytes:
    """The same file with other arrays or other text; None leaves something out."""
    kept = {**load(content), **(arrays or {})}
    texts = {**metadata_of(content), **metadata}
    return save(
        {name: array for name, array in kept.items() if array is not None},
        {name: text for name, text in texts.items() if text is not None},
    )


def refusal(content: bytes) -> str:
    with pytest.raises(DamagedVoiceError) as caught:
        read_voice(content)
    return str(caught.value)


def test_there_and_back(content: bytes, record_of: RecordOf, latents: VoiceLatents) -> None:
    record, read = read_voice(content)
    assert record == record_of("Anna")
    np.testing.assert_array_equal(read.conditioning, latents.conditioning)
    np.testing.assert_array_equal(read.speaker, latents.speaker)
    assert read.conditioning.flags.writeable


def test_the_size_of_the_published_model_fits(record_of: RecordOf) -> None:
    latents = VoiceLatents(np.zeros((1, 32, 1024), np.float32), np.zeros((1, 512, 1), np.float32))
    assert len(write_voice(record_of("Anna"), latents)) < MAX_FILE_BYTES / 4


def test_arrays_that_are_not_in_one_piece(record_of: RecordOf, latents: VoiceLatents) -> None:
    turned = np.asfortranarray(np.repeat(latents.conditioning, 2, axis=2)[:, :, ::2])
    _, read = read_voice(write_voice(record_of("Anna"), VoiceLatents(turned, latents.speaker)))
    np.testing.assert_array_equal(read.conditioning, latents.conditioning)


def test_a_pickle_is_never_opened() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("it was executed",)

    assert "safetensors" in refusal(pickle.dumps(Trap()))


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 100, b"PK\x03\x04" * 100])
def test_another_kind_of_file(content: bytes) -> None:
    assert "safetensors" in refusal(content)


def test_too_large() -> None:
    assert "bytes" in refusal(bytes(MAX_FILE_BYTES + 1))


def test_cut_off_anywhere(content: bytes) -> None:
    for length in range(0, len(content), 97):
        refusal(content[:length])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0), st.binary(min_size=1, max_size=8))
def test_damaged_anywhere(content: bytes, place: int, damage: bytes) -> None:
    """It is refused, or the damage is in the text or the numbers, and is none."""
    place %= len(content)
    damaged = content[:place] + damage + content[place + len(damage) :]
    try:
        record, latents = read_voice(damaged)
    except DamagedVoiceError:
        return
    assert record.name.isprintable()
    assert np.isfinite(latents.conditioning).all()
    assert latents.speaker.shape == (1, 512, 1)


@pytest.mark.parametrize(
    "arrays",
    [
        {"conditioning": None},
        {"speaker": None},
        {"conditioning": np.zeros((32, 64), np.float32)},
        {"conditioning": np.zeros((2, 32, 64), np.float32)},
        {"conditioning": np.zeros((1, 31, 64), np.float32)},
        {"conditioning": np.zeros((1, 32, 0), np.float32)},
        {"conditioning": np.zeros((1, 32, 5000), np.float32)},
        {"speaker": np.zeros((1, 512), np.float32)},
        {"speaker": np.zeros((1, 512, 1), np.float64)},
        {"conditioning": np.zeros((1, 32, 64), np.float16)},
        {"conditioning": np.zeros((1, 32, 64), np.int64)},
        {"conditioning": np.full((1, 32, 64), np.nan, np.float32)},
        {"speaker": np.full((1, 512, 1), -np.inf, np.float32)},
    ],
    ids=repr,
)
def test_arrays_that_are_no_voice(content: bytes, arrays: dict[str, Any]) -> None:
    assert "add it again" in refusal(changed(content, arrays))


@pytest.mark.parametrize(
    "metadata",
    [
        {"format": None},
        {"format": "pt"},
        {"version": "2"},
        {"version": None},
        {"name": None},
        {"consent": None},
        {"created_at": "yesterday"},
        {"created_at": "9" * 5000},
        {"created_at": "-1"},
        {"consent_at": "253402300800"},
        {"source_seconds": "nan"},
        {"source_seconds": "inf"},
    ],
    ids=repr,
)
def test_text_that_is_no_voice_s(content: bytes, metadata: dict[str, str | None]) -> None:
    refusal(changed(content, None, **metadata))


def test_a_file_without_text(content: bytes) -> None:
    assert "was not written by" in refusal(save(load(content)))


@pytest.mark.parametrize(("text", "given"), [("true", True), ("false", False), ("True", False)])
def test_only_true_is_consent(content: bytes, text: str, given: bool) -> None:
    record, _ = read_voice(changed(content, consent=text))
    assert record.consent.given is given


def test_text_cannot_move_the_cursor(content: bytes) -> None:
    record, _ = read_voice(changed(content, consent_said_by="a\x1b[2Jb\n" + "c" * 5000))
    assert record.consent.said_by.startswith("a\ufffd[2Jb\ufffdc")
    assert len(record.consent.said_by) == 1000


def test_further_arrays_and_text_do_no_harm(content: bytes, record_of: RecordOf) -> None:
    more = changed(content, {"other": np.zeros(3, np.int8)}, note="made elsewhere")
    assert read_voice(more)[0] == record_of("Anna")


@pytest.mark.parametrize(
    "wrong",
    [
        VoiceLatents(np.zeros((1, 32, 64), np.float32), np.zeros((1, 512), np.float32)),
        VoiceLatents(np.full((1, 32, 64), np.inf, np.float32), np.zeros((1, 512, 1), np.float32)),
    ],
    ids=["shape", "infinity"],
)
def test_what_is_no_voice_is_not_written(record_of: RecordOf, wrong: VoiceLatents) -> None:
    with pytest.raises(DamagedVoiceError):
        write_voice(record_of("Anna"), wrong)


def test_without_the_package(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "safetensors":
            raise ImportError("No module named 'safetensors'")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(VoiceError, match=r"pip install 'streamkit\[xtts\]'") as caught:
        read_voice(content)
    assert caught.value.code == "missing_package"
