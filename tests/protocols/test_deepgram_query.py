"""The query string of `/v1/listen`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.recognizer import ModelInfo, Task
from streamkit.audio.decoders import ACCEPTED_ENCODINGS, open_decoder
from streamkit.audio.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from streamkit.audio.opus import MAX_OPUS_CHANNELS
from streamkit.errors import ProtocolError
from streamkit.protocols.deepgram.query import (
    MAX_ENDPOINTING_MS,
    MAX_KEYTERM_CHARACTERS,
    MAX_KEYTERMS,
    MAX_PROMPT_CHARACTERS,
    MAX_UTTERANCE_END_MS,
    MIN_ENDPOINTING_MS,
    MIN_UTTERANCE_END_MS,
    ListenOptions,
    check_model,
    parse_query,
)

RAW = {"encoding": "linear16", "sample_rate": "16000"}
SERVED = ModelInfo(name="whisper-micro-en")
FAMILIES = ("nova-3", "nova-2-general", "nova", "enhanced", "base", "whisper-large", "flux-x")


def parse(**parameters: str) -> ListenOptions:
    return parse_query(parameters.items())


def test_nothing_given_is_a_container_in_english() -> None:
    assert parse() == ListenOptions()


def test_everything_given_arrives() -> None:
    options = parse(
        encoding="mulaw",
        sample_rate="8000",
        channels="2",
        multichannel="true",
        interim_results="true",
        endpointing="450",
        utterance_end_ms="1200",
        vad_events="true",
        language="de",
        punctuate="false",
        model="nova-3",
        task="translate",
        keyterm="Berlin",
        prompt="At the bus stop.",
    )
    assert options == ListenOptions(
        encoding="mulaw",
        sample_rate=8000,
        channels=2,
        multichannel=True,
        interim_results=True,
        endpoints=True,
        endpointing=0.45,
        utterance_end=1.2,
        vad_events=True,
        language="de",
        punctuate=False,
        model="nova-3",
        task=Task.TRANSLATE,
        keyterms=("Berlin",),
        prompt="At the bus stop.",
    )


@pytest.mark.parametrize(
    ("value", "meant"), [("true", True), ("True", True), ("false", False), ("FALSE", False)]
)
def test_truth_in_any_case(value: str, meant: bool) -> None:
    assert parse(punctuate=value, multichannel=value) == ListenOptions(
        punctuate=meant, multichannel=meant
    )


@pytest.mark.parametrize(
    ("given_ms", "seconds"), [("10", 0.1), ("100", 0.1), ("101", 0.101), ("30000", 30.0)]
)
def test_endpointing_in_milliseconds(given_ms: str, seconds: float) -> None:
    options = parse(endpointing=given_ms)
    assert (options.endpoints, options.endpointing) == (True, seconds)


def test_endpointing_off_and_on() -> None:
    assert not parse(endpointing="false").endpoints
    on = parse(endpointing="true")
    assert (on.endpoints, on.endpointing) == (True, None)


@pytest.mark.parametrize(
    ("value", "language"),
    [("en", "en"), ("en-US", "en"), ("en_GB", "en"), ("DE", "de"), ("multi", None)],
)
def test_languages_without_their_region(value: str, language: str | None) -> None:
    assert parse(language=value).language == language


def test_detecting_the_language() -> None:
    assert parse(detect_language="true", language="en").language is None


@pytest.mark.parametrize("encoding", ["flac", "ogg-opus"])
def test_encodings_that_carry_their_rate_need_none(encoding: str) -> None:
    assert parse(encoding=encoding).sample_rate is None


BAD = [
    ({"encoding": "linear17"}, "linear16"),
    ({"encoding": ""}, "linear16"),
    ({"encoding": "linear16"}, "sample_rate"),
    ({"encoding": "opus"}, "sample_rate"),
    ({**RAW, "sample_rate": "7999"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "48001"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "16k"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "-16000"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "16000.0"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "٨٠٠٠"}, "8000 to 48000"),
    ({**RAW, "sample_rate": "9" * 5000}, "8000 to 48000"),
    ({**RAW, "channels": "0"}, "1 to 8"),
    ({**RAW, "channels": "9"}, "1 to 8"),
    ({**RAW, "channels": "two"}, "1 to 8"),
    ({**RAW, "channels": ""}, "1 to 8"),
    ({"multichannel": "yes"}, "true, false"),
    ({"interim_results": "1"}, "true, false"),
    ({"vad_events": ""}, "true, false"),
    ({"punctuate": "no"}, "true, false"),
    ({"detect_language": "maybe"}, "true, false"),
    ({"endpointing": "soon"}, "milliseconds"),
    ({"endpointing": "-1"}, "milliseconds"),
    ({"endpointing": "30001"}, "milliseconds"),
    ({"endpointing": "00000099999"}, "milliseconds"),
    ({"endpointing": "0" * 6 + "9" * 5000}, "milliseconds"),
    ({"interim_results": "true", "utterance_end_ms": "999"}, "1000 to 60000"),
    ({"interim_results": "true", "utterance_end_ms": "60001"}, "1000 to 60000"),
    ({"interim_results": "true", "utterance_end_ms": "1.5"}, "1000 to 60000"),
    ({"utterance_end_ms": "1000"}, "interim_results=true"),
    ({"task": "summarise"}, "transcribe, translate"),
    ({"task": ""}, "transcribe, translate"),
    ({"task": "TRANSLATE"}, "transcribe, translate"),
    ({"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)}, f"up to {MAX_PROMPT_CHARACTERS}"),
    ({"keyterm": "x" * (MAX_KEYTERM_CHARACTERS + 1)}, f"of up to {MAX_KEYTERM_CHARACTERS} char"),
    ({"keywords": "x" * (MAX_KEYTERM_CHARACTERS + 1) + ":2"}, f"up to {MAX_KEYTERMS} of"),
]


NAMED = {"keyterm": "key term", "keywords": "key term"}
"""What a parameter is called where it is not called by its name."""


@pytest.mark.parametrize(
    ("parameters", "accepted"),
    BAD,
    ids=["&".join(f"{k}={v[:12]}" for k, v in p.items()) for p, _ in BAD],
)
def test_a_bad_value_is_named_with_what_is_accepted(
    parameters: dict[str, str], accepted: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(**parameters)
    text = str(caught.value)
    assert accepted in text
    assert any(name in text or NAMED.get(name, name) in text for name in parameters)
    assert len(text) < 700


def test_unknown_encoding_names_every_accepted_one() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(encoding="linear17", sample_rate="16000")
    assert all(encoding in str(caught.value) for encoding in ACCEPTED_ENCODINGS)


@pytest.mark.parametrize("name", ["smart_format", "diarize", "redact", "tag", "no_such_thing"])
def test_parameters_that_are_not_known_change_nothing(name: str) -> None:
    assert parse(**{name: "whatever"}) == ListenOptions()


@pytest.mark.parametrize("name", [*FAMILIES, "whisper-micro-en", None])
def test_model_names_that_stand_for_the_one_served(name: str | None) -> None:
    check_model(ListenOptions(model=name), SERVED)


@pytest.mark.parametrize("name", ["gpt-4o", "../../etc/passwd", "novanova", "x" * 9000])
def test_other_model_names(name: str) -> None:
    with pytest.raises(ProtocolError, match="whisper-micro-en") as caught:
        check_model(ListenOptions(model=name), SERVED)
    assert len(str(caught.value)) < 700


def test_languages_that_are_served() -> None:
    many = ModelInfo("large", frozenset({"en", "de", "fr"}))
    check_model(ListenOptions(language="de"), many)
    check_model(ListenOptions(language=None), many)
    with pytest.raises(ProtocolError, match="de, en, fr"):
        check_model(ListenOptions(language="tlh"), many)
    with pytest.raises(ProtocolError, match="whisper-micro-en"):
        check_model(ListenOptions(language="de"), SERVED)


class TestKeyTerms:
    def test_each_one_is_a_parameter(self) -> None:
        query = [("keyterm", "Berlin"), ("model", "nova-3"), ("keyterm", " Potsdamer Platz ")]
        assert parse_query(query).keyterms == ("Berlin", "Potsdamer Platz")

    @pytest.mark.parametrize(
        ("value", "term"),
        [
            ("Berlin", "Berlin"),
            ("Berlin:2", "Berlin"),
            ("Berlin:-1.5", "Berlin"),
            ("Potsdamer Platz:10", "Potsdamer Platz"),
            ("Berlin:", "Berlin"),
        ],
    )
    def test_keywords_are_key_terms_without_their_boost(self, value: str, term: str) -> None:
        assert parse(keywords=value).keyterms == (term,)

    def test_a_colon_that_is_no_boost_belongs_to_the_term(self) -> None:
        assert parse(keywords="Terminator: Genisys").keyterms == ("Terminator: Genisys",)
        assert parse(keyterm="Alien: Covenant").keyterms == ("Alien: Covenant",)

    def test_both_in_their_order_and_none_that_is_empty(self) -> None:
        query = [("keywords", "bus:3"), ("keyterm", ""), ("keyterm", "late"), ("keywords", "  ")]
        assert parse_query(query).keyterms == ("bus", "late")

    def test_as_many_as_are_accepted_and_no_more(self) -> None:
        query = [("keyterm", "x" * MAX_KEYTERM_CHARACTERS)] * MAX_KEYTERMS
        assert len(parse_query(query).keyterms) == MAX_KEYTERMS
        with pytest.raises(ProtocolError, match=f"accepted: up to {MAX_KEYTERMS}"):
            parse_query([*query, ("keywords", "one more:1")])
        # Empty ones do not count.
        parse_query([*query, ("keyterm", " ")])


MANY = ModelInfo("large", frozenset({"en", "de"}), translates=True)


class TestTask:
    def test_it_transcribes_unless_told_otherwise(self) -> None:
        assert parse().task is Task.TRANSCRIBE
        assert parse(task="transcribe").task is Task.TRANSCRIBE
        assert parse(task="translate").task is Task.TRANSLATE

    def test_a_model_that_knows_english_only_does_not_translate(self) -> None:
        check_model(ListenOptions(task=Task.TRANSCRIBE), SERVED)
        with pytest.raises(ProtocolError) as caught:
            check_model(ListenOptions(task=Task.TRANSLATE), SERVED)
        assert str(caught.value) == (
            "task=translate is not possible: model whisper-micro-en knows English only; "
            "accepted: transcribe, or a server with a multilingual model"
        )

    @pytest.mark.parametrize("language", ["en", "de", None])
    def test_a_model_that_does_translates_all_its_languages(self, language: str | None) -> None:
        check_model(ListenOptions(task=Task.TRANSLATE, language=language), MANY)

    def test_a_language_that_it_does_not_know_is_refused_all_the_same(self) -> None:
        with pytest.raises(ProtocolError, match="tlh"):
            check_model(ListenOptions(task=Task.TRANSLATE, language="tlh"), MANY)


def test_a_prompt() -> None:
    assert parse(prompt="  At the bus stop. ").prompt == "At the bus stop."
    assert parse(prompt="").prompt == ""
    longest = "x" * MAX_PROMPT_CHARACTERS
    assert parse(prompt=f" {longest} ").prompt == longest


NAMES = (
    "encoding",
    "sample_rate",
    "channels",
    "multichannel",
    "interim_results",
    "endpointing",
    "utterance_end_ms",
    "vad_events",
    "language",
    "detect_language",
    "punctuate",
    "model",
    "task",
    "keyterm",
    "keywords",
    "prompt",
)
VALUES = st.one_of(
    st.text(),
    st.integers().map(str),
    st.sampled_from(
        ["true", "false", "multi", "nova-3", "\N{ARABIC-INDIC DIGIT ONE}", "²", *ACCEPTED_ENCODINGS]
    ),
    st.text(st.sampled_from("0123456789"), max_size=9000),
)
QUERIES = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text()), VALUES), max_size=12)


def outcome(query: list[tuple[str, str]]) -> ListenOptions | str:
    try:
        options = parse_query(query)
        check_model(options, SERVED)
    except ProtocolError as error:
        return str(error)
    return options


@given(QUERIES)
def test_any_query_gives_options_within_bounds_or_a_protocol_error(
    query: list[tuple[str, str]],
) -> None:
    options = outcome(query)
    if isinstance(options, str):
        assert options.isprintable()
        return
    if options.sample_rate is not None:
        assert MIN_SAMPLE_RATE <= options.sample_rate <= MAX_SAMPLE_RATE
    assert 1 <= options.channels <= MAX_CHANNELS
    assert len(options.keyterms) <= MAX_KEYTERMS
    assert all(1 <= len(term) <= MAX_KEYTERM_CHARACTERS for term in options.keyterms)
    assert len(options.prompt) <= MAX_PROMPT_CHARACTERS
    assert options.task is Task.TRANSCRIBE
    if options.endpointing is not None:
        assert MIN_ENDPOINTING_MS <= options.endpointing * 1000 <= MAX_ENDPOINTING_MS
    if options.utterance_end is not None:
        assert MIN_UTTERANCE_END_MS <= options.utterance_end * 1000 <= MAX_UTTERANCE_END_MS
    if options.encoding != "opus" or options.channels <= MAX_OPUS_CHANNELS:
        open_decoder(options.encoding, options.sample_rate, options.channels).close()
