"""The real micro model behind the `Recognizer`, and the gate behind which its answers leave."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.mel import MelStream
from streamkit.asr.quality import Answer, Decision, Doubt
from streamkit.asr.recognizer import (
    Guidance,
    Hypothesis,
    RecognitionRequest,
    Recognizer,
    Word,
    join,
)
from streamkit.asr.whisper import (
    CONTEXT_STEPS,
    FALLBACK_TEMPERATURES,
    MAX_WINDOW_SAMPLES,
    WhisperRecognizer,
    _Heard,
)
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import ModelError, RecognitionError
from streamkit.models import resolve
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

Samples = npt.NDArray[np.float32]
MUSIC = "Turn the music down."
BUS = "The bus to Berlin is eight minutes late."
KITCHEN = "Switch off the music in the kitchen."
SENTENCES = (MUSIC, BUS, KITCHEN)


def load(**profile: Any) -> WhisperRecognizer:
    found = resolve("whisper-micro-en")
    return WhisperRecognizer.load(
        found.path,
        name=found.name,
        profile=dataclasses.replace(found.profile, **profile),
        workers=2,
    )


@pytest.fixture(scope="module")
def micro() -> WhisperRecognizer:
    return load()


@pytest.fixture(scope="module")
def stock() -> WhisperRecognizer:
    """A model without a margin in its profile, which is decoded as stock Whisper is."""
    return load(margin=None)


@pytest.fixture(scope="module")
def spoken() -> dict[str, Samples]:
    synthesizer = EspeakSynthesizer()
    return {text: render(synthesizer, text, voice="en-us") for text in SENTENCES}


def alone(recognizer: Recognizer, request: RecognitionRequest) -> Hypothesis:
    (hypothesis,) = recognizer.recognize([request])
    return hypothesis


def texts(hypotheses: Sequence[Hypothesis]) -> list[str]:
    return [join(each.words) for each in hypotheses]


def test_it_is_a_recognizer(micro: WhisperRecognizer) -> None:
    assert isinstance(micro, Recognizer)
    assert micro.info.name == "whisper-micro-en"
    assert micro.info.languages == {"en"}
    assert not micro.info.translates


@pytest.mark.parametrize("text", SENTENCES)
def test_words_and_their_times(
    micro: WhisperRecognizer, spoken: dict[str, Samples], text: str
) -> None:
    samples = spoken[text]
    hypothesis = alone(micro, RecognitionRequest(samples, start=48_000, final=True))
    assert join(hypothesis.words) == text
    assert (hypothesis.start, hypothesis.end) == (48_000, 48_000 + len(samples))
    times = [edge for word in hypothesis.words for edge in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= hypothesis.start
    assert times[-1] <= hypothesis.end
    assert all(0 < word.probability <= 1 for word in hypothesis.words)
    assert (hypothesis.decision, hypothesis.doubts) == (Decision.ACCEPTED, frozenset())
    assert not hypothesis.doubtful
    assert hypothesis.no_speech_probability < 0.5
    assert -0.5 < hypothesis.average_logprob < 0


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0, 30.0])
def test_silence_has_no_words(micro: WhisperRecognizer, seconds: float) -> None:
    silence = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    hypothesis = alone(micro, RecognitionRequest(silence, 160, final=True))
    assert hypothesis.words == ()
    assert not hypothesis.doubtful
    assert (hypothesis.start, hypothesis.end) == (160, 160 + len(silence))


@pytest.mark.parametrize("level", [0.001, 0.01, 0.1, 0.5])
def test_noise_has_no_words(micro: WhisperRecognizer, level: float) -> None:
    noise = np.random.default_rng(0).normal(0, level, 48_000).astype(np.float32)
    hypothesis = alone(micro, RecognitionRequest(noise, 0, final=True))
    assert hypothesis.words == ()
    assert hypothesis.decision in (Decision.ACCEPTED, Decision.SILENT)
    assert hypothesis.no_speech_probability > 0.6


def test_threads_do_not_disturb_each_other(
    micro: WhisperRecognizer, spoken: dict[str, Samples]
) -> None:
    requests = [RecognitionRequest(spoken[text], 0) for text in SENTENCES * 4]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda request: alone(micro, request), requests))
    assert texts(heard) == list(SENTENCES * 4)


def test_a_window_that_is_too_long_is_refused(
    micro: WhisperRecognizer, spoken: dict[str, Samples]
) -> None:
    samples = np.zeros(MAX_WINDOW_SAMPLES + 1, np.float32)
    with pytest.raises(RecognitionError, match="30 s"):
        micro.recognize([RecognitionRequest(spoken[BUS], 0), RecognitionRequest(samples, 0)])


def test_the_full_window_works_too(stock: WhisperRecognizer, spoken: dict[str, Samples]) -> None:
    heard = alone(stock, RecognitionRequest(spoken[MUSIC], 0, final=True))
    assert join(heard.words) == MUSIC


def test_a_broken_model_is_one_clear_error(tmp_path: Path) -> None:
    found = resolve("whisper-micro-en")
    for file in found.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        WhisperRecognizer.load(tmp_path, name="broken", profile=found.profile)


def test_numpy_does_not_spin_on_other_cores(micro: WhisperRecognizer) -> None:
    from threadpoolctl import threadpool_info

    threads = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    assert threads <= {1}


class TestPrefix:
    @pytest.mark.parametrize("count", [1, 3, 8])
    def test_it_is_continued(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], count: int
    ) -> None:
        samples = spoken[BUS]
        whole = alone(micro, RecognitionRequest(samples, 0))
        rest = alone(micro, RecognitionRequest(samples, 0, prefix=whole.words[:count]))
        assert [word.text for word in rest.words] == [word.text for word in whole.words[count:]]
        assert all(word.start >= whole.words[count - 1].end for word in rest.words)

    def test_what_was_not_said_is_kept_as_said(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        wrong = alone(micro, RecognitionRequest(spoken[MUSIC], 0)).words[:1]
        rest = alone(micro, RecognitionRequest(spoken[BUS], 0, prefix=wrong))
        assert rest.words
        assert all(word.tokens for word in rest.words)

    def test_words_without_tokens_are_spelt(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        """Those that another engine or an earlier session gave."""
        whole = alone(micro, RecognitionRequest(spoken[BUS], 0))
        bare = tuple(dataclasses.replace(word, tokens=()) for word in whole.words[:3])
        rest = alone(micro, RecognitionRequest(spoken[BUS], 0, prefix=bare))
        assert [word.text for word in rest.words] == [word.text for word in whole.words[3:]]


class TestTogether:
    @pytest.mark.parametrize("margin", [1.0, None])
    def test_a_batch_gives_what_each_alone_gives(
        self, spoken: dict[str, Samples], margin: float | None
    ) -> None:
        recognizer = load(margin=margin)
        requests = [
            RecognitionRequest(spoken[text], 16_000 * n, final=bool(n % 2))
            for n, text in enumerate((*SENTENCES, MUSIC))
        ]
        together = recognizer.recognize(requests)
        assert texts(together) == [*SENTENCES, MUSIC]
        for request, found in zip(requests, together, strict=True):
            single = alone(recognizer, request)
            assert (found.start, found.end) == (request.start, request.end)
            assert (found.decision, found.language) == (single.decision, single.language)
            for one, other in zip(found.words, single.words, strict=True):
                assert (one.text, one.tokens, one.spaced) == (
                    other.text,
                    other.tokens,
                    other.spaced,
                )
                # A longer window around the same speech moves an edge by a frame or two.
                assert abs(one.start - other.start) <= 0.1 * SAMPLE_RATE
                assert abs(one.end - other.end) <= 0.1 * SAMPLE_RATE

    def test_silence_and_windows_without_a_frame_keep_their_places(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        nothing = np.zeros(0, np.float32)
        short = np.zeros(399, np.float32)
        silence = np.zeros(SAMPLE_RATE, np.float32)
        windows = [nothing, spoken[BUS], silence, short, spoken[MUSIC], silence]
        requests = [RecognitionRequest(each, 160 * n) for n, each in enumerate(windows)]
        found = micro.recognize(requests)
        assert texts(found) == ["", BUS, "", "", MUSIC, ""]
        assert [(each.start, each.end) for each in found] == [
            (each.start, each.end) for each in requests
        ]

    def test_prefixes_may_differ(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        words = alone(micro, RecognitionRequest(spoken[BUS], 0)).words
        requests = [
            RecognitionRequest(spoken[BUS], 0, prefix=words[:count]) for count in (0, 1, 5, 8)
        ]
        found = micro.recognize(requests)
        assert texts(found) == [join(words[count:]) for count in (0, 1, 5, 8)]

    def test_nothing_at_all(self, micro: WhisperRecognizer) -> None:
        assert micro.recognize([]) == []

    def test_one_that_is_doubted_does_not_change_the_others(
        self, spoken: dict[str, Samples]
    ) -> None:
        recognizer = load(margin=0.0)
        requests = [RecognitionRequest(spoken[text], 0) for text in (MUSIC, KITCHEN)]
        singles = [alone(recognizer, each) for each in requests]
        assert [each.decision for each in singles] == [Decision.MENDED, Decision.ACCEPTED]
        assert texts(singles) == [MUSIC, KITCHEN]
        assert texts(recognizer.recognize(requests)) == [MUSIC, KITCHEN]


@pytest.fixture(scope="module")
def said(micro: WhisperRecognizer, spoken: dict[str, Samples]) -> tuple[Word, ...]:
    """A sentence that was committed."""
    return alone(micro, RecognitionRequest(spoken[KITCHEN], 0)).words


class TestContext:
    @pytest.mark.parametrize("times", [1, 2, 5, 20])
    @pytest.mark.parametrize("text", [MUSIC, BUS])
    def test_what_was_said_before_is_not_said_again(
        self,
        micro: WhisperRecognizer,
        spoken: dict[str, Samples],
        said: tuple[Word, ...],
        text: str,
        times: int,
    ) -> None:
        request = RecognitionRequest(spoken[text], 160_000, context=said * times)
        assert join(alone(micro, request).words) == text

    def test_context_and_prefix(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], said: tuple[Word, ...]
    ) -> None:
        whole = alone(micro, RecognitionRequest(spoken[BUS], 0)).words
        request = RecognitionRequest(spoken[BUS], 0, prefix=whole[:3], context=said)
        assert join(alone(micro, request).words) == join(whole[3:])

    def test_who_says_the_same_again_is_heard_on_the_full_window_without_it(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], said: tuple[Word, ...]
    ) -> None:
        """It cannot be told from an echo by its words; without context it can be none."""
        request = RecognitionRequest(spoken[KITCHEN], 160_000, context=said)
        hypothesis = alone(micro, request)
        assert join(hypothesis.words) == KITCHEN
        assert hypothesis.decision is Decision.MENDED
        assert hypothesis.doubts == {Doubt.ECHO}

    def test_a_continued_window_is_no_echo(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], said: tuple[Word, ...]
    ) -> None:
        twice = np.concatenate([spoken[KITCHEN], spoken[KITCHEN]])
        words = alone(micro, RecognitionRequest(twice, 0)).words
        half = len(words) // 2
        request = RecognitionRequest(twice, 0, prefix=words[:half], context=said)
        assert Doubt.ECHO not in alone(micro, request).doubts

    def test_words_before_the_window_have_a_few_lengths_only(
        self, micro: WhisperRecognizer, said: tuple[Word, ...]
    ) -> None:
        samples = np.zeros(SAMPLE_RATE, np.float32)
        keys = {
            micro.batch_key(RecognitionRequest(samples, 0, context=(said * 30)[:count]))
            for count in range(200)
        }
        assert len(keys) == len(CONTEXT_STEPS)

    def test_different_lengths_before_the_answer_do_not_go_together(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], said: tuple[Word, ...]
    ) -> None:
        one = RecognitionRequest(spoken[BUS], 0)
        other = RecognitionRequest(spoken[MUSIC], 0, context=said)
        assert micro.batch_key(one) != micro.batch_key(other)
        with pytest.raises(RecognitionError):
            micro.recognize([one, other])
        assert join(alone(micro, other).words) == MUSIC, "it can be used again afterwards"

    def test_different_contexts_of_one_length_go_together(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], said: tuple[Word, ...]
    ) -> None:
        words = alone(micro, RecognitionRequest(spoken[BUS], 0)).words
        requests = [
            RecognitionRequest(spoken[MUSIC], 0, context=said * 3),
            RecognitionRequest(spoken[KITCHEN], 0, context=words * 3, prefix=said[:2]),
        ]
        assert len({micro.batch_key(each) for each in requests}) == 1
        assert texts(micro.recognize(requests)) == [MUSIC, join(said[2:])]


GUIDANCE = [
    Guidance(keyterms=("Berlin", "Potsdamer Platz")),
    Guidance(prompt="Good morning. The train was late, too."),
    Guidance(keyterms=("bus",), prompt="It is about buses."),
    Guidance(keyterms=tuple(f"term{n}" for n in range(100)), prompt="word " * 400),
    Guidance(prompt="    "),
    Guidance(keyterms=("\N{PILE OF POO}", "\u202ex", "\0", "日本語")),
]

CONTROLS = (
    "<|startoftranscript|>",
    "<|endoftext|>",
    "<|startofprev|>",
    "<|notimestamps|>",
    "<|nospeech|>",
    "<|transcribe|>",
    "<|0.00|>",
)
"""What the library's tokenizer takes for more than text."""


class TestGuidance:
    @pytest.mark.parametrize("guidance", GUIDANCE, ids=range(len(GUIDANCE)))
    def test_it_does_no_harm(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples], guidance: Guidance
    ) -> None:
        said = alone(micro, RecognitionRequest(spoken[MUSIC], 0)).words
        for context in ((), said * 40):
            request = RecognitionRequest(
                spoken[BUS], 0, guidance=guidance, context=context, final=True
            )
            hypothesis = alone(micro, request)
            assert hypothesis.language == "en"
            assert join(hypothesis.words) == BUS

    def test_its_end_is_kept_and_all_key_terms(self, micro: WhisperRecognizer) -> None:
        def before(guidance: Guidance) -> str:
            tokenizer = micro._speaker("en", guidance.task).tokenizer
            request = RecognitionRequest(np.zeros(SAMPLE_RATE, np.float32), 0, guidance=guidance)
            tokens = micro._before(request, tokenizer)
            assert tokens[0] == tokenizer.sot_prev
            assert len(tokens) <= 91
            return str(tokenizer.decode(tokens[1:]))

        text = before(Guidance(keyterms=("Berlin", "bus"), prompt="first " + "word " * 300))
        assert text.endswith("word Berlin, bus")
        assert "first" not in text
        assert before(Guidance(keyterms=("Berlin",))) == " Berlin"
        assert before(Guidance(prompt=" Late again. ")) == " Late again."

    def test_requests_with_other_guidance_may_go_together(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        requests = [
            RecognitionRequest(spoken[text], 0, guidance=Guidance(keyterms=(term,)))
            for text, term in ((MUSIC, "music"), (BUS, "bus"), (KITCHEN, "off"))
        ]
        keys = [micro.batch_key(each) for each in requests]
        same = [each for each, key in zip(requests, keys, strict=True) if key == keys[0]]
        assert len(same) >= 2
        assert texts(micro.recognize(same)) == texts([alone(micro, each) for each in same])

    @pytest.mark.parametrize("where", ["keyterms", "prompt", "prefix", "context"])
    def test_what_a_client_writes_is_text_and_never_a_control_token(
        self, micro: WhisperRecognizer, where: str
    ) -> None:
        for control in CONTROLS:
            guidance = {
                "keyterms": Guidance(keyterms=(f"bus {control}",)),
                "prompt": Guidance(prompt=f"bus {control}"),
            }.get(where, Guidance())
            words = tuple(Word(each, 0, 1600, 1.0) for each in ("a", "b", "c", control) * 3)
            request = RecognitionRequest(
                np.zeros(SAMPLE_RATE, np.float32),
                0,
                guidance=guidance,
                prefix=words if where == "prefix" else (),
                context=words if where == "context" else (),
            )
            speaker = micro._speaker("en", guidance.task)
            job = micro._job(request, speaker)
            tokens = [*job.before[1:], *job.prefix]
            assert tokens
            assert max(tokens) < speaker.tokenizer.eot, control

    def test_a_key_term_cannot_speak(
        self, micro: WhisperRecognizer, spoken: dict[str, Samples]
    ) -> None:
        guidance = Guidance(keyterms=("<|startoftranscript|>", "Berlin"))
        request = RecognitionRequest(spoken[MUSIC], 0, guidance=guidance)
        assert join(alone(micro, request).words) == MUSIC


@pytest.mark.parametrize("margin", [1.0, None])
def test_features_of_the_stream_give_the_same_answer(
    spoken: dict[str, Samples], margin: float | None
) -> None:
    recognizer = load(margin=margin)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    stream = np.concatenate([silence, spoken[MUSIC], silence, spoken[BUS], silence])
    front_end = recognizer.front_end(20 * SAMPLE_RATE)
    assert isinstance(front_end, MelStream)
    for first in range(0, len(stream), 1111):
        front_end.push(stream[first : first + 1111])
    for start, end in ((0, 20_000), (16_000, 40_000), (1600, len(stream)), (48_000, 70_003)):
        samples = stream[start:end]
        asked = RecognitionRequest(samples, start, final=True)
        computed = alone(recognizer, asked)
        given = dataclasses.replace(asked, features=front_end.window(samples, start))
        found = alone(recognizer, given)
        assert [(word.text, word.start, word.end) for word in found.words] == [
            (word.text, word.start, word.end) for word in computed.words
        ]
        # The last decimals of the features decide what they are rounded to in the int8 model.
        assert found.average_logprob == pytest.approx(computed.average_logprob, abs=0.02)
    mixed = [
        RecognitionRequest(spoken[MUSIC], 0),
        RecognitionRequest(stream, 0, features=front_end.window(stream, 0)),
    ]
    assert texts(recognizer.recognize(mixed)) == [MUSIC, f"{MUSIC} {BUS}"]


class TestMargin:
    """What the gate makes of windows that are cut too close to the speech for this model."""

    @pytest.mark.parametrize("margin", [0.0, 0.1])
    @pytest.mark.parametrize("final", [False, True])
    def test_what_is_doubted_is_mended_on_the_full_window(
        self, spoken: dict[str, Samples], margin: float, final: bool
    ) -> None:
        recognizer = load(margin=margin)
        for text in SENTENCES:
            hypothesis = alone(recognizer, RecognitionRequest(spoken[text], 0, final=final))
            if hypothesis.doubts:
                assert hypothesis.decision is Decision.MENDED
                assert join(hypothesis.words) == text
            else:
                assert hypothesis.decision is Decision.ACCEPTED

    def test_a_sentence_that_goes_round_in_circles(self, spoken: dict[str, Samples]) -> None:
        hypothesis = alone(load(margin=0.0), RecognitionRequest(spoken[MUSIC], 0))
        assert Doubt.LOOP in hypothesis.doubts
        assert hypothesis.decision is Decision.MENDED
        assert not hypothesis.doubtful
        assert join(hypothesis.words) == MUSIC


def heard(text: str, logprob: float = -0.1, no_speech: float = 0.0, seconds: float = 3.0) -> _Heard:
    """An answer as it comes out of the model."""
    words = tuple(
        Word(each, 1600 * n, 1600 * (n + 1), 0.9, (n + 1,)) for n, each in enumerate(text.split())
    )
    starts = [word.start / SAMPLE_RATE for word in words]
    answer = Answer([word.text for word in words], starts, logprob, no_speech, seconds)
    return _Heard(words, answer)


LOOP = heard("so so so on")
GOOD = heard("so on")


class Told(WhisperRecognizer):
    """The real one, but what it hears is told it; notes how it was asked.

    Attributes:
        answers: in their order.
        temperatures: of each decoding.
        frames: length of each encoded window.
        before: tokens before the answer, of each decoding.
    """

    answers: Iterator[_Heard]
    temperatures: list[float]
    frames: list[int]
    before: list[int]

    @classmethod
    def make(cls, profile: Any, *answers: _Heard) -> Told:
        found = resolve("whisper-micro-en")
        told = cls.load(
            found.path, name="told", profile=dataclasses.replace(found.profile, **profile)
        )
        assert isinstance(told, Told)
        told.answers = iter(answers)
        told.temperatures, told.frames, told.before = [], [], []
        return told

    def _encode(self, requests: Sequence[RecognitionRequest], frames: int) -> Any:
        self.frames.append(frames)
        return super()._encode(requests, frames)

    def _decode(
        self, encoded: Any, jobs: Sequence[Any], speaker: Any, temperature: float = 0.0
    ) -> list[_Heard]:
        self.temperatures.append(temperature)
        self.before += [len(job.before) for job in jobs]
        return [next(self.answers) for _ in jobs]

    def ask(self, *, final: bool = False, context: tuple[Word, ...] = ()) -> Hypothesis:
        samples = np.zeros(3 * SAMPLE_RATE, np.float32)
        return alone(self, RecognitionRequest(samples, 0, final=final, context=context))


class TestGate:
    """Which answer is taken, told by answers that are made up."""

    def test_an_answer_without_doubts_is_taken_at_once(self) -> None:
        told = Told.make({}, GOOD)
        hypothesis = told.ask(final=True)
        assert (hypothesis.decision, hypothesis.doubts) == (Decision.ACCEPTED, frozenset())
        assert told.temperatures == [0.0]
        assert told.frames == [416]

    @pytest.mark.parametrize("final", [False, True])
    def test_silence_is_not_decoded_again(self, final: bool) -> None:
        told = Told.make({}, heard("hm la la la", logprob=-1.5, no_speech=0.9))
        hypothesis = told.ask(final=final)
        assert (hypothesis.decision, hypothesis.words) == (Decision.SILENT, ())
        assert not hypothesis.doubtful
        assert hypothesis.no_speech_probability == 0.9
        assert told.temperatures == [0.0]

    @pytest.mark.parametrize("final", [False, True])
    def test_the_full_window_mends(self, final: bool) -> None:
        told = Told.make({}, LOOP, GOOD)
        hypothesis = told.ask(final=final)
        assert hypothesis.decision is Decision.MENDED
        assert hypothesis.doubts == {Doubt.LOOP}
        assert join(hypothesis.words) == "so on"
        assert told.temperatures == [0.0, 0.0]
        assert told.frames == [416, 3000]

    def test_a_partial_is_decoded_twice_at_most(self) -> None:
        told = Told.make({}, LOOP, LOOP)
        hypothesis = told.ask()
        assert hypothesis.decision is Decision.REJECTED
        assert hypothesis.doubtful
        assert told.temperatures == [0.0, 0.0]

    def test_a_final_is_worth_more_effort(self) -> None:
        told = Told.make({}, LOOP, LOOP, LOOP, GOOD)
        hypothesis = told.ask(final=True)
        assert hypothesis.decision is Decision.FALLBACK
        assert join(hypothesis.words) == "so on"
        assert told.temperatures == [0.0, 0.0, 0.2, 0.4]
        assert told.frames == [416, 3000], "the full window is encoded once"

    def test_a_final_that_stays_doubtful_is_the_least_doubtful_of_all(self) -> None:
        worse = heard("so so so on", logprob=-1.5)
        best = heard("no no no go", logprob=-0.05)
        rest = [LOOP] * (len(FALLBACK_TEMPERATURES) - 1)
        told = Told.make({}, worse, LOOP, best, *rest)
        hypothesis = told.ask(final=True)
        assert hypothesis.decision is Decision.REJECTED
        assert hypothesis.doubtful
        assert hypothesis.doubts == {Doubt.LOOP, Doubt.UNLIKELY}, "those of the first answer"
        assert join(hypothesis.words) == "no no no go"
        assert told.temperatures == [0.0, 0.0, *FALLBACK_TEMPERATURES]

    def test_silence_on_the_second_look(self) -> None:
        told = Told.make({}, LOOP, heard("hm", logprob=-1.5, no_speech=0.9))
        hypothesis = told.ask(final=True)
        assert (hypothesis.decision, hypothesis.words) == (Decision.SILENT, ())
        assert hypothesis.doubts == {Doubt.LOOP}

    @pytest.mark.parametrize("final", [False, True])
    def test_an_invented_phrase_that_stays_doubtful_is_silence(self, final: bool) -> None:
        told = Told.make({}, *[heard("Thank you.", no_speech=0.4)] * 7)
        hypothesis = told.ask(final=final)
        assert (hypothesis.decision, hypothesis.words) == (Decision.SILENT, ())
        assert hypothesis.doubts == {Doubt.PHRASE}

    def test_a_phrase_that_is_sure_on_the_full_window_is_believed(self) -> None:
        told = Told.make({}, heard("Thank you.", no_speech=0.4), heard("Thank you."))
        assert join(told.ask().words) == "Thank you."

    def test_a_partial_on_the_full_window_already_is_not_decoded_again(self) -> None:
        told = Told.make({"margin": None}, LOOP)
        assert told.ask().decision is Decision.REJECTED
        assert told.temperatures == [0.0]

    def test_a_final_on_the_full_window_goes_on_with_temperatures(self) -> None:
        told = Told.make({"margin": None}, LOOP, GOOD)
        assert told.ask(final=True).decision is Decision.FALLBACK
        assert told.temperatures == [0.0, 0.2]

    @pytest.mark.parametrize("margin", [1.0, None])
    def test_an_echo_is_decoded_again_without_its_prompt(self, margin: float | None) -> None:
        said = tuple(Word(f"w{n}", 0, 0, 1.0) for n in range(8))
        echo = heard("w5 w6 w7 go")
        answer = dataclasses.replace(echo.answer, context=[word.text for word in said])
        told = Told.make({"margin": margin}, _Heard(echo.words, answer), GOOD)
        hypothesis = told.ask(context=said)
        assert hypothesis.decision is Decision.MENDED
        assert hypothesis.doubts == {Doubt.ECHO}
        assert told.before[0] > 0
        assert told.before[1] == 0

    def test_another_doubt_keeps_the_prompt(self) -> None:
        said = tuple(Word(f"w{n}", 0, 0, 1.0) for n in range(8))
        told = Told.make({}, LOOP, GOOD)
        told.ask(context=said)
        assert told.before[0] == told.before[1] > 0

    @pytest.mark.parametrize(
        ("late_by", "text", "doubted"),
        [(1.0, " down", True), (0.2, " down", False), (1.0, ".", False), (1.0, " ...", False)],
    )
    def test_only_a_word_after_the_end_of_the_sound_is_one_too_many(
        self,
        micro: WhisperRecognizer,
        spoken: dict[str, Samples],
        monkeypatch: pytest.MonkeyPatch,
        late_by: float,
        text: str,
        doubted: bool,
    ) -> None:
        """Punctuation is often aligned with the silence after the speech, and is no word."""
        late = len(spoken[BUS]) / SAMPLE_RATE + late_by

        def alignment(tokenizer: Any, texts: Any, *rest: Any) -> list[list[dict[str, Any]]]:
            words = [(0.1, 0.4, " turn", 9), (late, late, text, 10)]
            return [
                [
                    {"word": word, "tokens": [token], "start": start, "end": end, "probability": 1}
                    for start, end, word, token in words
                ]
                for _ in texts
            ]

        monkeypatch.setattr(micro._model, "find_alignment", alignment)
        hypothesis = alone(micro, RecognitionRequest(spoken[BUS], 0))
        assert all(word.end <= hypothesis.end for word in hypothesis.words)
        assert (Doubt.OVERRUN in hypothesis.doubts) is doubted
