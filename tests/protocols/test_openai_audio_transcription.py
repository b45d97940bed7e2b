"""Forms of `/v1/audio/transcriptions` and `/v1/audio/translations`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.recognizer import ModelInfo, Task
from streamkit.protocols.openai_audio import (
    ApiError,
    Chunking,
    TranscriptionRequest,
    find_model,
    model_object,
    parse_transcription,
)
from streamkit.protocols.openai_audio.languages import NAMES, language_code, language_name

ENGLISH = ModelInfo("whisper-micro-en")
POLYGLOT = ModelInfo("small", frozenset({"en", "de", "fr", "yue"}), translates=True)


def parse(
    *fields: tuple[str, str],
    task: Task = Task.TRANSCRIBE,
    served: ModelInfo = POLYGLOT,
    model: str = "whisper-1",
) -> TranscriptionRequest:
    return parse_transcription([("model", model), *fields], task, served)


def refusal(
    *fields: tuple[str, str], task: Task = Task.TRANSCRIBE, served: ModelInfo = POLYGLOT
) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse(*fields, task=task, served=served)
    return caught.value


def test_what_is_left_out() -> None:
    assert parse() == TranscriptionRequest()
    assert parse(("language", ""), ("prompt", ""), ("stream", "")) == TranscriptionRequest()
    assert parse(("unknown", "x")) == TranscriptionRequest()


def test_everything_for_captions() -> None:
    request = parse(
        ("language", "de-DE"),
        ("prompt", " Berlin "),
        ("temperature", "0.2"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("keywords[]", "Bus"),
        ("keywords[]", "S-Bahn"),
        ("chunking_strategy", "auto"),
    )
    assert request == TranscriptionRequest(
        language="de",
        prompt="Berlin",
        keyterms=("Bus", "S-Bahn"),
        response_format="verbose_json",
        words=True,
        segments=False,
    )


def test_everything_for_a_stream() -> None:
    request = parse(("stream", "true"), ("include[]", "logprobs"), ("response_format", "json"))
    assert request == TranscriptionRequest(stream=True, logprobs=True)


def test_both_granularities_and_lists_without_brackets() -> None:
    request = parse(
        ("response_format", "verbose_json"),
        ("timestamp_granularities", "segment"),
        ("timestamp_granularities", "word"),
    )
    assert (request.words, request.segments) == (True, True)


def test_a_translation() -> None:
    request = parse(("stream", "true"), task=Task.TRANSLATE)
    # OpenAI's translations have no events.
    assert request == TranscriptionRequest(task=Task.TRANSLATE)


def test_a_translation_by_a_model_that_cannot() -> None:
    error = refusal(task=Task.TRANSLATE, served=ENGLISH)
    assert (error.status, error.code, error.param) == (400, "unsupported_model", "model")
    assert "accepted: /v1/audio/transcriptions, or a server with a multilingual model" in str(error)


@pytest.mark.parametrize(
    "model",
    [
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "small",
        "auto",
    ],
)
def test_names_of_models(model: str) -> None:
    assert parse(model=model) == TranscriptionRequest()


@pytest.mark.parametrize("model", ["medium", "gpt-4o-transcribe-diarize", "../small", "Small"])
def test_an_unknown_model(model: str) -> None:
    with pytest.raises(ApiError, match="accepted: small, or one of whisper-1, ") as caught:
        parse(model=model)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_no_model() -> None:
    with pytest.raises(ApiError, match="model is missing; accepted: small, whisper-1") as caught:
        parse_transcription([], Task.TRANSCRIBE, POLYGLOT)
    assert caught.value.code == "missing_required_parameter"


@pytest.mark.parametrize(
    ("given_", "code"),
    [("de", "de"), ("DE", "de"), ("de_AT", "de"), ("German", "de"), ("Cantonese", "yue")],
)
def test_languages(given_: str, code: str) -> None:
    assert parse(("language", given_)).language == code
    assert parse(("languages[]", given_)).language == code


def test_one_of_several_languages_is_not_known_before() -> None:
    assert parse(("languages[]", "de"), ("languages[]", "en")).language is None
    assert parse(("languages[]", "de"), ("language", "en")).language == "en"


@pytest.mark.parametrize("language", ["xx", "Klingon", "../de", "d e", "\x00"])
def test_an_unknown_language(language: str) -> None:
    error = refusal(("language", language))
    assert (error.status, error.param) == (400, "language")
    assert "languages of model small: de, en, fr, yue; or none" in str(error)


def test_whisper_s_languages_have_their_names() -> None:
    pytest.importorskip("faster_whisper")
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(NAMES) == set(_LANGUAGE_CODES)
    assert len(set(NAMES.values())) == len(NAMES)
    assert all(language_code(language_name(code)) == code for code in NAMES)
    assert language_name("xx") == "xx"


def test_a_long_prompt_keeps_its_end() -> None:
    prompt = parse(("prompt", "a" * 9000 + "b" * 10)).prompt
    assert len(prompt) == 2000
    assert prompt.endswith("ab" + "b" * 9)


@pytest.mark.parametrize(
    ("strategy", "chunking"),
    [
        ([("chunking_strategy", "auto")], Chunking()),
        ([("chunking_strategy", '{"type": "server_vad"}')], Chunking()),
        (
            [
                (
                    "chunking_strategy",
                    '{"type":"server_vad","threshold":0.3,"prefix_padding_ms":null}',
                )
            ],
            Chunking(threshold=0.3),
        ),
        (
            [
                ("chunking_strategy[type]", "server_vad"),
                ("chunking_strategy[silence_duration_ms]", "600"),
                ("chunking_strategy[prefix_padding_ms]", "0"),
                ("chunking_strategy[threshold]", "0.5"),
            ],
            Chunking(0.5, 0.6, 0.0),
        ),
    ],
)
def test_chunking(strategy: list[tuple[str, str]], chunking: Chunking) -> None:
    assert parse(*strategy).chunking == chunking


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ([("temperature", "1.1")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "-0.1")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "nan")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "inf")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "1e999")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "0_1")], "temperature", "accepted: 0 to 1"),
        ([("temperature", "0" * 5000)], "temperature", "accepted: 0 to 1"),
        ([("temperature", "hot")], "temperature", "accepted: 0 to 1"),
        ([("response_format", "xml")], "response_format", "json, text, srt, verbose_json, vtt"),
        ([("response_format", "diarized_json")], "response_format", "speakers are not told apart"),
        ([("known_speaker_names[]", "Ada")], "response_format", "no use for known speakers"),
        ([("stream", "yes")], "stream", "accepted: true, false"),
        ([("stream", "true"), ("response_format", "srt")], "response_format", "with json, text"),
        (
            [("timestamp_granularities[]", "word")],
            "timestamp_granularities",
            "accepted: with verbose_json",
        ),
        (
            [("response_format", "verbose_json"), ("timestamp_granularities[]", "letter")],
            "timestamp_granularities",
            "accepted: word, segment",
        ),
        ([("include[]", "everything")], "include", "accepted: logprobs"),
        ([("include[]", "logprobs"), ("response_format", "text")], "include", "with json"),
        ([("keywords[]", "x" * 101)], "keywords", "up to 100 of up to 100"),
        ([("keywords[]", "x")] * 101, "keywords", "101 of up to 1 characters"),
        ([("chunking_strategy", "manual")], "chunking_strategy", "accepted: auto"),
        ([("chunking_strategy", "[" * 9000)], "chunking_strategy", "accepted: auto"),
        ([("chunking_strategy", '{"type":"none"}')], "chunking_strategy", "type 'none'"),
        ([("chunking_strategy[threshold]", "0.5")], "chunking_strategy", "type ''"),
        (
            [("chunking_strategy", '{"type":"server_vad","threshold":1}')],
            "threshold",
            "accepted: 0.05 to 0.95",
        ),
        (
            [("chunking_strategy", '{"type":"server_vad","silence_duration_ms":[1]}')],
            "silence_duration_ms",
            "accepted: 100 to 10000",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_used(fields: list[tuple[str, str]], param: str, said: str) -> None:
    error = refusal(*fields)
    assert error.status == 400
    assert error.param == param
    assert said in str(error)
    assert len(str(error)) < 500


FIELDS = st.sampled_from(
    [
        "model", "language", "languages[]", "prompt", "temperature", "response_format", "stream",
        "timestamp_granularities[]", "include[]", "keywords[]", "chunking_strategy",
        "chunking_strategy[type]", "chunking_strategy[threshold]", "known_speaker_names[]",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    ["auto", "true", "word", "logprobs", "server_vad", "0.5", "json", "verbose_json", "en", "{}"]
) | st.text(max_size=30)


@given(
    fields=st.lists(st.tuples(FIELDS, VALUES), max_size=8),
    rest=st.sampled_from([[], [("model", "auto")]]),
    task=st.sampled_from(Task),
)
def test_only_documented_errors(
    fields: list[tuple[str, str]], rest: list[tuple[str, str]], task: Task
) -> None:
    try:
        request = parse_transcription([*fields, *rest], task, POLYGLOT)
    except ApiError as error:
        assert error.status in (400, 404)
        assert len(json.dumps(error.body)) < 2000
    else:
        assert request.language in {None, *POLYGLOT.languages}


def test_models_by_name() -> None:
    models = [model_object("small", "streamkit"), model_object("espeak", "espeak-ng")]
    assert find_model("small", models) == {
        "id": "small",
        "object": "model",
        "created": 0,
        "owned_by": "streamkit",
    }
    assert find_model("espeak", models) is models[1]
    for name, stands_for in (("whisper-1", "small"), ("tts-1-hd", "espeak")):
        found = find_model(name, models)
        assert (found["id"], found["streamkit"]) == (name, {"stands_for": stands_for})
    with pytest.raises(ApiError, match=r"accepted: small, espeak, whisper-1, .*tts-1") as caught:
        find_model("medium", models)
    assert caught.value.status == 404
