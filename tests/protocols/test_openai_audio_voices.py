"""Forms of `/v1/audio/voices`, and what is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio.voice import Voice
from openai.types.audio.voice_deleted import VoiceDeleted

from streamkit.protocols.openai_audio import (
    ApiError,
    VoiceRequest,
    no_consents,
    parse_voice,
    voice_deleted,
    voice_list,
    voice_not_found,
    voice_object,
)
from streamkit.protocols.openai_audio.voices import SAMPLE

GOOD = {"name": "Anna", "consent": "Anna agreed on the telephone"}


def parse(sample: bool = True, **fields: str | None) -> VoiceRequest:
    merged = {**GOOD, **fields}
    return parse_voice(
        [(name, value) for name, value in merged.items() if value is not None], sample
    )


def refusal(sample: bool = True, **fields: str | None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse(sample, **fields)
    assert caught.value.status == 400
    assert "accepted" in str(caught.value)
    return caught.value


def test_what_is_needed() -> None:
    assert parse() == VoiceRequest("Anna", "Anna agreed on the telephone", None)
    assert parse(type="audio_sample", language="pt-BR", other="x").language == "pt-BR"
    assert parse(type="", language="") == parse()


@pytest.mark.parametrize("name", ["name", "consent"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_missing(name: str, value: str | None) -> None:
    error = refusal(True, **{name: value})
    assert (error.param, error.code) == (name, "missing_required_parameter")


def test_no_recording() -> None:
    assert refusal(sample=False).param == "audio_sample"


@pytest.mark.parametrize("kind", ["prompt", "AUDIO_SAMPLE", "x" * 1000])
@pytest.mark.parametrize("sample", [True, False])
def test_voices_are_made_from_recordings_only(kind: str, sample: bool) -> None:
    error = refusal(sample, type=kind, prompt="a friendly robot", consent=None)
    assert (error.param, error.code) == ("type", "unsupported_voice_type")
    assert len(str(error)) < 500


@pytest.mark.parametrize("statement", ["no", "False", " none ", "0", "NULL"])
def test_no_consent(statement: str) -> None:
    error = refusal(consent=statement)
    assert (error.param, error.code) == ("consent", "consent_required")


def test_an_id_of_openai_s_is_a_statement_too() -> None:
    assert parse(consent="cons_1234").consent == "cons_1234"


def test_a_long_statement() -> None:
    assert parse(consent="x" * 500).consent == "x" * 500
    assert refusal(consent="x" * 501).param == "consent"


def test_it_is_not_shown_by_accident() -> None:
    assert "telephone" not in repr(parse())


@given(
    st.lists(st.tuples(st.sampled_from(["name", "consent", "type", "language"]), st.text())),
    st.booleans(),
)
def test_any_form_is_read_or_refused(fields: list[tuple[str, str]], sample: bool) -> None:
    try:
        request = parse_voice(fields, sample)
    except ApiError as error:
        assert str(error).isprintable()
    else:
        assert request.name
        assert request.consent


def test_objects_are_openai_s() -> None:
    voice = Voice.model_validate(voice_object("Anna", 1_790_000_000, SAMPLE, seconds=9.5))
    assert (voice.id, voice.name, voice.created_at) == ("Anna", "Anna", 1_790_000_000)
    assert VoiceDeleted.model_validate(voice_deleted("Anna")).deleted


def test_lists() -> None:
    some = [voice_object(name, 0, SAMPLE) for name in ("a", "b")]
    listed = voice_list(some, [("c", "it is damaged")])
    assert listed["data"] == some
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("a", "b", False)
    assert listed["streamkit"]["unusable"] == [{"id": "c", "reason": "it is damaged"}]
    assert voice_list([], [])["first_id"] is None


def test_what_is_not_there() -> None:
    assert (voice_not_found("x" * 5000).status, no_consents().status) == (404, 404)
    assert len(str(voice_not_found("x" * 5000))) < 400
    assert "consent=" in str(no_consents())
