"""Speech without a pause: the window moves on, and nothing grows with the length of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.policy import CommitPolicy, Either, HoldBack, LocalAgreement
from streamkit.asr.profile import POLICIES, ModelProfile
from streamkit.asr.recognizer import Hypothesis, RecognitionRequest
from streamkit.audio.clock import GRID_SAMPLES, SAMPLE_RATE, seconds
from streamkit.session.captions import CaptionOptions
from streamkit.session.effects import Transcript
from streamkit.testing import ScriptedRecognizer, SimulatedStream, SpokenWord
from streamkit.vad.segmenter import SegmenterOptions
from streamkit.vad.silero import WINDOW_SAMPLES

Samples = npt.NDArray[np.float32]
Garble = Callable[[int, list[str]], list[str]]

OPTIONS = CaptionOptions(
    segmenter=SegmenterOptions(pause=10 * WINDOW_SAMPLES), endpointing=10 * WINDOW_SAMPLES
)
WORD = 0.32
"""Seconds from the beginning of one word to that of the next."""

AGREEMENT = LocalAgreement()
EITHER = Either((LocalAgreement(), HoldBack(seconds(0.5))))


def talk(duration: float, sentence: int | None = 9) -> list[SpokenWord]:
    """Words one after the other from second 1 on; a sentence ends after so many, or never."""
    script = []
    for n in range(round(duration / WORD)):
        at = 1.0 + n * WORD
        end = "." if sentence and n % sentence == sentence - 1 else ""
        script.append(SpokenWord(f"w{n}{end}", seconds(at), seconds(at + 0.9 * WORD)))
    return script


def speaking(script: list[SpokenWord]) -> Callable[[Samples], Iterator[float]]:
    """A detector that is sure of speech from the first word to the last."""
    position = held = 0

    def score(samples: Samples) -> Iterator[float]:
        nonlocal position, held
        held += len(samples)
        while held >= WINDOW_SAMPLES:
            held -= WINDOW_SAMPLES
            position += WINDOW_SAMPLES
            loud = script[0].start < position <= script[-1].end + WINDOW_SAMPLES
            yield 0.95 if loud else 0.02

    return score


@dataclass
class Run:
    """A stream that was played to its end."""

    script: list[SpokenWord]
    recognizer: ScriptedRecognizer
    stream: SimulatedStream

    @property
    def transcripts(self) -> list[tuple[float, Transcript]]:
        outputs = ((each.at, each.output) for each in self.stream.emitted)
        return [(at, output) for at, output in outputs if isinstance(output, Transcript)]

    @property
    def committed_at(self) -> list[float]:
        """When each word was committed; checks that the committed text only grows."""
        text: list[str] = []
        final = 0
        times: list[float] = []
        for at, transcript in self.transcripts:
            words = [word.text for word in transcript.words]
            firm = text[:final] + words[: transcript.committed]
            both = min(len(firm), len(text))
            assert firm[:both] == text[:both], "a committed word changed"
            assert transcript.is_final or len(firm) >= len(text), "committed words were taken back"
            if len(firm) > len(text):
                text = firm
            if transcript.is_final:
                final += len(words)
            times += [at] * (len(text) - len(times))
        assert len(text) == final
        return times

    @property
    def lags(self) -> list[float]:
        """Seconds from the end of each word to its being committed."""
        ends = [word.end / SAMPLE_RATE for word in self.script]
        return [at - end for at, end in zip(self.committed_at, ends, strict=True)]

    @property
    def windows(self) -> list[float]:
        """Seconds of each window that was decoded."""
        return [len(call.samples) / SAMPLE_RATE for call in self.recognizer.calls]

    def lag_in_minute(self, minute: int) -> float:
        return mean(
            lag
            for lag, word in zip(self.lags, self.script, strict=True)
            if 60 * minute <= word.end / SAMPLE_RATE < 60 * (minute + 1)
        )


def run(
    script: list[SpokenWord],
    options: CaptionOptions = OPTIONS,
    *,
    garble: Garble | None = None,
    cost: Callable[[RecognitionRequest], float] | None = None,
) -> Run:
    recognizer = ScriptedRecognizer(script, garble)
    stream = SimulatedStream(
        recognizer,
        speaking(script),
        options,
        # The longer the window, the longer it takes: a window that grows would show.
        decode_seconds=cost or (lambda request: 0.02 + 0.01 * len(request.samples) / SAMPLE_RATE),
    )
    stream.feed(np.zeros(script[-1].end + seconds(1.0), np.float32))
    stream.close()
    return Run(script, recognizer, stream)


def flicker(call: int, texts: list[str]) -> list[str]:
    """The newest word is written differently every time."""
    return [*texts[:-1], f"{texts[-1]}-{call}"] if texts else texts


@pytest.mark.parametrize("trim", [3.0, 12.0])
@pytest.mark.parametrize("sentence", [9, None], ids=["sentences", "no sentences"])
@pytest.mark.parametrize("policy", [AGREEMENT, EITHER], ids=["agreement", "either"])
def test_ten_minutes_without_a_pause(
    policy: CommitPolicy, sentence: int | None, trim: float
) -> None:
    script = talk(600, sentence)
    played = run(script, replace(OPTIONS, policy=policy, trim=seconds(trim)))
    assert played.stream.words == [word.text for word in script]
    assert max(played.windows) < 15
    assert len(played.committed_at) == len(script)
    first, last = played.lag_in_minute(1), played.lag_in_minute(9)
    assert last == pytest.approx(first, abs=0.1)
    assert max(played.lags) < 2
    assert max(len(call.context) for call in played.recognizer.calls) == OPTIONS.context_words


def test_ten_minutes_of_a_recognizer_that_is_never_sure_of_the_newest_word() -> None:
    script = talk(600)
    played = run(script, garble=flicker)
    assert [text.split("-")[0] for text in played.stream.words] == [word.text for word in script]
    assert max(played.windows) < 15
    assert played.lag_in_minute(9) == pytest.approx(played.lag_in_minute(1), abs=0.1)


class UnsureOfOne(ScriptedRecognizer):
    """Gives every 40th word little probability, as a model does to names that it does not know."""

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        return [
            replace(
                hypothesis,
                words=tuple(
                    replace(word, probability=0.3) if word.text.endswith("20.") else word
                    for word in hypothesis.words
                ),
            )
            for hypothesis in super().recognize(requests)
        ]


@pytest.mark.parametrize("name", POLICIES)
def test_a_word_that_stays_improbable_does_not_hold_up_all_that_comes_after_it(name: str) -> None:
    script = [
        replace(word, text=f"{word.text}20.") if n % 40 == 20 else word
        for n, word in enumerate(talk(60))
    ]
    recognizer = UnsureOfOne(script)
    options = replace(OPTIONS, policy=ModelProfile(policy=name).commit_policy(), trim=seconds(12))
    stream = SimulatedStream(recognizer, speaking(script), options)
    stream.feed(np.zeros(script[-1].end + seconds(1.0), np.float32))
    stream.close()
    played = Run(script, recognizer, stream)
    assert stream.words == [word.text for word in script]
    assert max(played.windows) < 15
    assert max(played.lags) < 5


def test_ten_minutes_of_a_recognizer_that_can_just_keep_up() -> None:
    script = talk(600)
    played = run(script, cost=lambda request: 0.5)
    assert played.stream.words == [word.text for word in script]
    assert max(played.windows) < 15
    assert played.lag_in_minute(9) == pytest.approx(played.lag_in_minute(1), abs=0.2)


def test_ten_minutes_of_finals_at_the_ends_of_sentences() -> None:
    script = talk(600)
    played = run(script)
    finals = [final for final in played.stream.finals if final.words]
    assert all(final.words[-1].text.endswith(".") for final in finals[:-1])
    lengths = [(final.end - final.start) / SAMPLE_RATE for final in finals[1:]]
    assert max(lengths) < 12
    # Not every sentence is a final of its own.
    assert mean(len(final.words) for final in finals) > 9


class TestTheWindow:
    def moves(self, played: Run) -> list[RecognitionRequest]:
        """The first pass of each window."""
        calls = pairwise(played.recognizer.calls)
        return [call for one, call in calls if call.start != one.start]

    def test_it_only_moves_forward_and_on_the_grid(self) -> None:
        calls = run(talk(60)).recognizer.calls
        starts = [call.start for call in calls]
        assert starts == sorted(starts)
        assert all(start % GRID_SAMPLES == 0 for start in starts)

    def test_it_begins_between_a_committed_word_and_the_next_one(self) -> None:
        script = talk(60)
        played = run(script)
        for call in self.moves(played):
            assert call.context
            before = script[[word.text for word in script].index(call.context[-1].text)]
            after = script[script.index(before) + 1]
            assert before.end - GRID_SAMPLES < call.start <= after.start

    def test_it_moves_behind_sentences_where_there_are_some(self) -> None:
        played = run(talk(60), replace(OPTIONS, trim=seconds(3)))
        moves = self.moves(played)
        assert len(moves) > 10
        assert all(call.context[-1].text.endswith(".") for call in moves)

    def test_it_moves_before_the_words_are_final(self) -> None:
        """The sentences of a final are behind the window before the final is due."""
        played = run(talk(60), replace(OPTIONS, trim=seconds(3), cut_sentence=seconds(9)))
        finals = [final for final in played.stream.finals if final.words]
        assert len(self.moves(played)) > len(finals)
        assert max(played.windows) < 7
        assert played.stream.words == [word.text for word in played.script]

    def test_without_sentences_it_moves_behind_a_word_once_it_is_twice_as_long(self) -> None:
        played = run(talk(60, None), replace(OPTIONS, trim=seconds(3), cut_word=seconds(14)))
        assert 6 <= max(played.windows) < 8
        assert played.stream.words == [word.text for word in played.script]

    def test_it_stays_while_nothing_is_committed(self) -> None:
        script = talk(8)
        played = run(script, garble=lambda call, texts: [f"{text}-{call}" for text in texts])
        assert {call.start for call in played.recognizer.calls} == {
            played.recognizer.calls[0].start
        }

    @pytest.mark.parametrize("context", [0, 5, 32])
    def test_context_is_what_lies_before_it_the_newest_words_last(self, context: int) -> None:
        script = talk(60)
        options = replace(OPTIONS, trim=seconds(3), context_words=context)
        texts = [word.text for word in script]
        for call in run(script, options).recognizer.calls:
            said = [word.text for word in (*call.context, *call.prefix)]
            known = sum(word.end <= call.start + GRID_SAMPLES for word in script)
            assert len(call.context) == min(known, context)
            assert [word.text for word in call.context] == texts[known - len(call.context) : known]
            assert [word.text for word in call.prefix] == texts[known:][: len(call.prefix)]
            assert said == texts[known - len(call.context) :][: len(said)]
            assert all(word.end <= call.start + GRID_SAMPLES for word in call.context)
            assert all(word.end > call.start for word in call.prefix)

    def test_a_new_segment_has_neither(self) -> None:
        """After a pause nothing hangs on what was said before."""
        script = talk(20)
        later = [
            SpokenWord(f"late{n}", word.start + seconds(25), word.end + seconds(25))
            for n, word in enumerate(talk(5))
        ]
        recognizer = ScriptedRecognizer([*script, *later])
        first, second = speaking(script), speaking(later)

        def detect(samples: Samples) -> list[float]:
            return [max(pair) for pair in zip(first(samples), second(samples), strict=True)]

        stream = SimulatedStream(recognizer, detect, OPTIONS)
        stream.feed(np.zeros(later[-1].end + seconds(1), np.float32))
        stream.close()
        assert stream.words == [word.text for word in (*script, *later)]
        call = next(call for call in recognizer.calls if call.end > later[0].start)
        assert (call.context, call.prefix) == ((), ())
