"""The caption session under simulated time: no sockets, no threads, no sleeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.asr.policy import CommitPolicy, Either, HoldBack, LocalAgreement
from streamkit.asr.quality import Decision
from streamkit.asr.recognizer import Hypothesis, RecognitionRequest, Word
from streamkit.audio.clock import seconds
from streamkit.latency.trace import Stage
from streamkit.session.captions import CaptionOptions, CaptionSession, StreamState
from streamkit.session.effects import (
    Closed,
    Decode,
    Hasten,
    RangeFailed,
    SpeechBegan,
    Transcript,
    UtteranceEnded,
)
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    DecodeFailed,
    DecodeSkipped,
    Event,
    FinalizeRequested,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
    WordsCommitted,
)
from streamkit.testing import (
    Emitted,
    ScriptedRecognizer,
    SimulatedStream,
    SpokenWord,
    scripted_detector,
)
from streamkit.vad.segmenter import SegmenterOptions
from streamkit.vad.silero import WINDOW_SAMPLES

OPTIONS = CaptionOptions(
    segmenter=SegmenterOptions(pause=10 * WINDOW_SAMPLES), endpointing=10 * WINDOW_SAMPLES
)


def say(text: str, at: float = 1.0, word: float = 0.3, gap: float = 0.02) -> list[SpokenWord]:
    """Words of equal length from second `at` on; "|" is a pause of one second."""
    script = []
    for each in text.split():
        if each == "|":
            at += 1.0
            continue
        script.append(SpokenWord(each, seconds(at), seconds(at + word)))
        at += word + gap
    return script


def play(
    script: list[SpokenWord],
    options: CaptionOptions = OPTIONS,
    *,
    silence: float = 1.5,
    recognizer: ScriptedRecognizer | None = None,
    delay: float = 0.02,
    chunk: int = 1600,
) -> SimulatedStream:
    stream = SimulatedStream(
        recognizer or ScriptedRecognizer(script),
        scripted_detector(script),
        options,
        decode_seconds=lambda request: delay,
    )
    end = max((word.end for word in script), default=0) + seconds(silence)
    stream.feed(np.zeros(end, np.float32), chunk)
    return stream


def transcripts(stream: SimulatedStream) -> list[Transcript]:
    return [each.output for each in stream.emitted if isinstance(each.output, Transcript)]


def check_promises(emitted: list[Emitted]) -> None:
    """What holds for every stream: see the words "committed" and "final" in the docs."""
    committed: list[str] = []
    finalised = 0
    utterance = 0
    for each in emitted:
        output = each.output
        if not isinstance(output, Transcript):
            continue
        texts = [word.text for word in output.words]
        assert output.start == finalised
        assert output.end >= output.start
        assert output.utterance == utterance
        # A final may close fewer words than are committed; the others come after it.
        both = min(len(texts), len(committed))
        assert texts[:both] == committed[:both], "a committed word changed"
        assert output.is_final or len(committed) <= output.committed <= len(texts)
        times = [edge for word in output.words for edge in (word.start, word.end)]
        assert times == sorted(times)
        if output.is_final:
            assert output.committed == len(texts)
            committed = committed[len(texts) :]
            finalised = output.end
        else:
            committed = texts[: output.committed]
        if output.speech_final:
            assert output.is_final
            utterance += 1
    assert committed == [], "committed words were never made final"


def test_one_sentence_from_the_first_partial_to_the_endpoint() -> None:
    script = say("turn the music down please")
    stream = play(script)
    shown = transcripts(stream)
    assert [each.is_final for each in shown[:-1]] == [False] * (len(shown) - 1)
    final = shown[-1]
    assert final.is_final
    assert final.speech_final
    assert [word.text for word in final.words] == ["turn", "the", "music", "down", "please"]
    assert final.start == 0
    first_at = next(each.at for each in stream.emitted if isinstance(each.output, Transcript))
    assert first_at < 1.0 + 5 * 0.32, "no word was shown while the speaker spoke"
    assert any(0 < each.committed < 5 for each in shown)
    stream.close()
    assert stream.closed
    check_promises(stream.emitted)


def test_the_final_comes_with_the_endpoint_and_costs_no_further_pass() -> None:
    script = say("turn the music down")
    stream = play(script)
    end_of_speech = script[-1].end / 16_000
    final = next(
        each
        for each in stream.emitted
        if isinstance(each.output, Transcript) and each.output.is_final
    )
    # 10 windows of silence, plus what the windows and the chunks round up to.
    assert end_of_speech + 0.32 <= final.at <= end_of_speech + 0.32 + 0.032 + 0.1
    recognizer = stream._recognizer
    assert isinstance(recognizer, ScriptedRecognizer)
    assert recognizer.calls[-1].end / 16_000 <= end_of_speech + 0.25


def test_a_slow_decoder_makes_the_final_late_but_complete() -> None:
    script = say("turn the music down please")
    stream = play(script, delay=0.9)
    stream.close()
    assert stream.words == [word.text for word in script]
    check_promises(stream.emitted)


def test_two_utterances() -> None:
    stream = play(say("one two three | four five six"))
    stream.close()
    assert [[word.text for word in final.words] for final in stream.finals] == [
        ["one", "two", "three"],
        ["four", "five", "six"],
    ]
    assert [final.utterance for final in stream.finals] == [0, 1]
    check_promises(stream.emitted)


def test_a_long_endpoint_gives_finals_first_and_the_endpoint_later() -> None:
    options = replace(OPTIONS, endpointing=seconds(2))
    stream = play(say("one two three | four five six"), options, silence=3)
    finals = stream.finals
    assert [len(final.words) for final in finals] == [3, 3, 0]
    assert [final.speech_final for final in finals] == [False, False, True]
    assert {final.utterance for final in finals} == {0}
    stream.close()
    check_promises(stream.emitted)


def test_no_endpoints_when_not_wanted() -> None:
    stream = play(say("one two three"), replace(OPTIONS, endpointing=None), silence=5)
    assert [final.speech_final for final in stream.finals] == [False]


def test_without_interim_results_only_finals_come() -> None:
    stream = play(say("one two three four"), replace(OPTIONS, interim_results=False))
    assert all(each.is_final for each in transcripts(stream))
    assert stream.words == ["one", "two", "three", "four"]


def test_silence_says_nothing() -> None:
    stream = play([], silence=20)
    stream.close()
    assert [type(each.output) for each in stream.emitted] == [Closed]
    assert stream.decodes == 0


def test_speech_without_words_says_nothing_but_the_endpoint() -> None:
    script = say("cough")
    stream = play(script, recognizer=ScriptedRecognizer([]))
    stream.close()
    assert stream.words == []
    assert [final.speech_final for final in stream.finals] == [True]
    check_promises(stream.emitted)


def test_close_in_mid_word_decodes_the_newest_audio() -> None:
    script = say("turn the music down now please")
    stream = play(script, silence=0.05)
    assert stream.finals == []
    stream.close()
    assert stream.words == [word.text for word in script]
    last = stream.emitted[-1].output
    assert last == Closed(script[-1].end + seconds(0.05))
    check_promises(stream.emitted)


def test_close_before_the_detector_is_sure_loses_nothing() -> None:
    script = [SpokenWord("no", seconds(1.0), seconds(1.06))]
    stream = play(script, silence=0.0)
    assert transcripts(stream) == []
    stream.close()
    assert stream.words == ["no"]


def test_finalize_in_mid_speech() -> None:
    script = say("turn the music down")
    recognizer = ScriptedRecognizer([*script, *say("now please", at=2.4)])
    whole = list(recognizer.script)
    stream = SimulatedStream(recognizer, scripted_detector(whole), OPTIONS)
    stream.feed(np.zeros(seconds(2.3), np.float32))
    stream.command(FinalizeRequested())
    stream.feed(np.zeros(seconds(3), np.float32))
    finals = stream.finals
    assert [word.text for word in finals[0].words] == ["turn", "the", "music", "down"]
    assert finals[0].from_finalize
    assert not finals[0].speech_final
    stream.close()
    assert stream.words == [word.text for word in whole]
    assert not any(final.from_finalize for final in stream.finals[1:])
    check_promises(stream.emitted)


def test_finalize_in_silence_is_answered_with_an_empty_final() -> None:
    stream = play([], silence=2)
    stream.command(FinalizeRequested())
    (final,) = stream.finals
    assert final.words == ()
    assert final.from_finalize
    assert final.end == seconds(2)


def test_finalize_in_a_pause_marks_the_final_that_is_due() -> None:
    script = say("turn the music down")
    stream = play(script, silence=0.22)
    stream.command(FinalizeRequested())
    stream.close()
    assert [final.from_finalize for final in stream.finals] == [True]
    assert stream.words == [word.text for word in script]


def test_speech_events_and_utterance_ends() -> None:
    options = replace(OPTIONS, vad_events=True, utterance_end=seconds(1))
    script = say("one two | three four")
    stream = play(script, options, silence=3)
    others = [each.output for each in stream.emitted if not isinstance(each.output, Transcript)]
    starts = [each for each in others if isinstance(each, SpeechBegan)]
    ends = [each for each in others if isinstance(each, UtteranceEnded)]
    assert [start.position // WINDOW_SAMPLES for start in starts] == [
        script[0].start // WINDOW_SAMPLES,
        script[2].start // WINDOW_SAMPLES,
    ]
    assert [end.last_word_end for end in ends] == [script[1].end, script[3].end]


@pytest.mark.parametrize("delay", [0.02, 1.5, 5.0])
def test_an_utterance_end_does_not_depend_on_how_late_the_final_is(delay: float) -> None:
    options = replace(OPTIONS, utterance_end=seconds(1))
    script = [*say("one two"), *say("three four", at=4.0)]
    stream = play(script, options, silence=3, delay=delay)
    stream.close()
    ends = [
        each.output.last_word_end
        for each in stream.emitted
        if isinstance(each.output, UtteranceEnded)
    ]
    assert ends == [script[1].end, script[3].end]


def test_long_speech_is_cut_at_sentences_and_the_window_stays_short() -> None:
    text = " ".join(f"word{n}." if n % 7 == 6 else f"word{n}" for n in range(400))
    script = say(text, word=0.25)
    recognizer = ScriptedRecognizer(script)
    stream = play(script, recognizer=recognizer)
    stream.close()
    assert stream.words == [word.text for word in script]
    assert max(len(call.samples) for call in recognizer.calls) <= seconds(10)
    assert all(final.words[-1].text.endswith(".") for final in stream.finals[:-1])
    check_promises(stream.emitted)


def test_long_speech_without_sentences_is_cut_behind_a_word() -> None:
    script = say(" ".join(f"word{n}" for n in range(300)), word=0.25)
    recognizer = ScriptedRecognizer(script)
    stream = play(script, recognizer=recognizer)
    stream.close()
    assert stream.words == [word.text for word in script]
    assert max(len(call.samples) for call in recognizer.calls) <= seconds(14)
    check_promises(stream.emitted)


def test_a_recognizer_that_never_agrees_with_itself_loses_no_audio() -> None:
    script = say(" ".join(f"word{n}" for n in range(300)), word=0.25)
    recognizer = ScriptedRecognizer(
        script, garble=lambda call, texts: [f"{text}-{call}" for text in texts]
    )
    stream = play(script, recognizer=recognizer)
    stream.close()
    assert [text.split("-")[0] for text in stream.words] == [word.text for word in script]
    assert max(len(call.samples) for call in recognizer.calls) <= seconds(28)
    check_promises(stream.emitted)


def test_a_stalled_decoder_splits_speech_before_the_window_is_too_long() -> None:
    script = say(" ".join(f"word{n}" for n in range(300)), word=0.25)
    recognizer = ScriptedRecognizer(script)
    stream = play(script, recognizer=recognizer, delay=40)
    stream.close()
    assert max(len(call.samples) for call in recognizer.calls) <= seconds(30)
    assert len(stream.words) >= 0.97 * len(script)
    check_promises(stream.emitted)


def test_a_failed_final_keeps_what_was_known_and_says_so() -> None:
    script = say("turn the music down")
    count = len(play(script)._recognizer.calls)  # type: ignore[attr-defined]
    recognizer = ScriptedRecognizer(script, failures=frozenset(range(count - 1, count + 5)))
    stream = play(script, recognizer=recognizer)
    stream.close()
    failed = [each.output for each in stream.emitted if isinstance(each.output, RangeFailed)]
    assert len(failed) == 1
    assert "as scripted" in failed[0].reason
    assert stream.words == ["turn", "the", "music"] or stream.words == [w.text for w in script]
    assert stream.closed


def test_failed_partials_do_no_harm() -> None:
    script = say("turn the music down")
    stream = play(script, recognizer=ScriptedRecognizer(script, failures=frozenset({0, 2})))
    stream.close()
    assert stream.words == [word.text for word in script]
    assert not any(isinstance(each.output, RangeFailed) for each in stream.emitted)


def test_traces_follow_the_last_word() -> None:
    stream = play(say("turn the music down"), delay=0.05)
    final = stream.finals[-1]
    assert final.trace is not None
    passed = final.trace.passed
    assert set(passed) == set(Stage)
    order = [passed[stage] for stage in (Stage.VAD, Stage.DECODE_START, Stage.DECODE_END)]
    assert order == sorted(order)
    assert passed[Stage.DECODE_END] <= passed[Stage.FIRST_PARTIAL] <= passed[Stage.COMMIT]
    assert passed[Stage.DECODE_END] - passed[Stage.DECODE_START] == pytest.approx(0.05)


class Machine:
    """The session by hand, one event at a time."""

    def __init__(self, options: CaptionOptions = OPTIONS) -> None:
        self.session = CaptionSession(options)
        self.position = 0
        self.now = 0.0

    def windows(self, *probabilities: float) -> list[object]:
        end = self.position + len(probabilities) * WINDOW_SAMPLES
        effects = list(self.give(AudioReceived(self.position, end, self.now)))
        self.position = end
        return effects + self.give(WindowsScored(probabilities))

    def give(self, event: Event) -> list[object]:
        return list(self.session.receive(event, self.now))

    def answer(
        self, decode: Decode, *words: Word, doubtful: bool = False, language: str = "en"
    ) -> list[object]:
        decision = Decision.REJECTED if doubtful else Decision.ACCEPTED
        hypothesis = Hypothesis(
            words, decode.start, decode.end, language=language, decision=decision
        )
        return self.give(HypothesisReady(decode.request, hypothesis, self.now, self.now))


def word(text: str, start: int) -> Word:
    return Word(text, start, start + 1000, 1.0)


def decodes(effects: list[object]) -> list[Decode]:
    return [effect for effect in effects if isinstance(effect, Decode)]


def test_one_partial_at_a_time_and_no_more_often_than_asked() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    assert decodes(machine.windows(*[0.9] * 30)) == []
    # Nothing more may come in for a while: what is there is heard at once.
    (second,) = decodes(machine.answer(first))
    assert second.end == 40 * WINDOW_SAMPLES
    assert decodes(machine.answer(second)) == []
    assert decodes(machine.windows(*[0.9] * 7)) == []
    assert len(decodes(machine.windows(0.9))) == 1


def test_a_skipped_partial_frees_the_way() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    machine.give(DecodeSkipped(first.request))
    assert len(decodes(machine.windows(*[0.9] * 10))) == 1


def test_the_pending_pass_over_the_pause_is_hastened_at_the_end() -> None:
    machine = Machine()
    machine.windows(*[0.9] * 10)
    (ahead,) = decodes(machine.windows(*[0.0] * 6))
    assert not ahead.urgent
    assert ahead.thorough
    effects = machine.windows(*[0.0] * 4)
    assert effects == [Hasten(ahead.request)]
    finals = machine.answer(ahead, word("yes", 100))
    assert [type(effect) for effect in finals] == [Transcript]


def test_answers_to_unknown_requests_change_nothing() -> None:
    machine = Machine()
    machine.windows(*[0.9] * 10)
    stray = Decode(99, 0, 0, 5120, (), (), None, None, thorough=False, urgent=False)
    assert machine.answer(stray, word("ghost", 0)) == []
    assert machine.give(DecodeFailed(98, "x")) == []
    assert machine.give(DecodeSkipped(97)) == []


def test_the_language_is_open_until_a_word_is_committed() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    assert first.language is None
    machine.answer(first, word("so", 100), language="en")
    (second,) = decodes(machine.windows(*[0.9] * 8))
    assert second.language is None
    machine.answer(second, language="fr")  # without words it is no evidence
    (third,) = decodes(machine.windows(*[0.9] * 8))
    machine.answer(third, word("das", 100), word("Haus", 2000), language="de")
    (fourth,) = decodes(machine.windows(*[0.9] * 8))
    assert fourth.language is None
    (shown,) = machine.answer(fourth, word("das", 100), word("Haus", 2000), language="de")
    assert isinstance(shown, Transcript)
    assert (shown.language, shown.committed) == ("de", 1)
    (fifth,) = decodes(machine.windows(*[0.9] * 8))
    assert fifth.language == "de"
    (shown,) = machine.answer(fifth, word("Haus", 2000), word("here", 4000), language="en")
    assert isinstance(shown, Transcript)
    assert shown.language == "de"


def test_a_new_segment_may_be_in_another_language() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    machine.answer(first, word("das", 100), word("Haus", 2000), language="de")
    (ahead,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(ahead, word("das", 100), word("Haus", 2000), language="de")
    (final,) = machine.windows(*[0.0] * 10)
    assert isinstance(final, Transcript)
    assert final.language == "de"
    machine.windows(*[0.0] * 20)
    assert decodes(machine.windows(*[0.9] * 12))[0].language is None


def test_a_doubtful_partial_is_not_shown_a_doubtful_final_is() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    assert machine.answer(first, word("la", 0), word("la", 1000), doubtful=True) == []
    (last,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(last, word("la", 0), doubtful=True)
    effects = machine.windows(*[0.0] * 4)
    redone = decodes(effects)
    assert len(redone) == 1
    assert redone[0].urgent
    (final,) = machine.answer(redone[0], word("la", 0), doubtful=True)
    assert isinstance(final, Transcript)
    assert [each.text for each in final.words] == ["la"]


def test_partials_are_doubted_twice_and_then_believed() -> None:
    """What looks odd for longer is odd speech: somebody sings."""
    machine = Machine()
    shown = []
    for _ in range(5):
        (decode,) = decodes(machine.windows(*[0.9] * 10))
        effects = machine.answer(decode, word("la", 0), word("la", 1000), doubtful=True)
        shown.append(any(isinstance(effect, Transcript) for effect in effects))
    assert shown == [False, False, True, True, True]


def test_a_good_answer_in_between_makes_doubts_begin_anew() -> None:
    machine = Machine()
    shown = []
    for doubtful in (True, True, False, True, True, True):
        (decode,) = decodes(machine.windows(*[0.9] * 10))
        effects = machine.answer(decode, word("la", 0), doubtful=doubtful)
        shown.append(any(isinstance(effect, Transcript) for effect in effects))
    assert shown == [False, False, True, False, False, True]


def test_a_doubted_answer_takes_no_words_back() -> None:
    machine = Machine()
    said = [word("turn", 100), word("the", 2000), word("music", 4000)]
    for _ in range(2):
        (decode,) = decodes(machine.windows(*[0.9] * 10))
        machine.answer(decode, *said)
    (decode,) = decodes(machine.windows(*[0.9] * 10))
    assert [each.text for each in decode.prefix] == ["turn", "the"]
    assert machine.answer(decode, word("la", 4000), word("la", 4100), doubtful=True) == []
    (last,) = decodes(machine.give(CloseRequested()))
    assert last.urgent
    effects = machine.give(DecodeFailed(last.request, "trouble"))
    (final,) = [effect for effect in effects if isinstance(effect, Transcript)]
    assert [each.text for each in final.words] == ["turn", "the", "music"]


def test_the_likely_language_is_the_one_of_the_speech_before() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    assert first.likely_language is None
    machine.answer(first, word("das", 100), word("Haus", 2000), language="de")
    (ahead,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(ahead, word("das", 100), word("Haus", 2000), language="de")
    machine.windows(*[0.0] * 10)
    machine.windows(*[0.0] * 20)
    (second,) = decodes(machine.windows(*[0.9] * 12))
    assert (second.language, second.likely_language) == (None, "de")
    # Words without speech between them are no evidence of another language.
    machine.answer(second, language="fr")
    (ahead,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(ahead, language="fr")
    machine.windows(*[0.0] * 30)
    (third,) = decodes(machine.windows(*[0.9] * 12))
    assert third.likely_language == "de"


class TestPace:
    def passes(self, stretch: float, windows: int = 320) -> int:
        """How many passes are asked for while somebody speaks."""
        machine = Machine()
        machine.give(PaceChanged(stretch, overloaded=stretch > 2))
        count = 0
        for _ in range(windows):
            for decode in decodes(machine.windows(0.9)):
                count += 1
                machine.answer(decode)
        return count

    def test_the_interval_stretches(self) -> None:
        at_ease, twice, eight_times = (self.passes(stretch) for stretch in (1.0, 2.0, 8.0))
        assert at_ease == pytest.approx(2 * twice, abs=2)
        assert at_ease == pytest.approx(8 * eight_times, abs=8)
        assert eight_times >= 4

    def test_it_shrinks_again(self) -> None:
        machine = Machine()
        machine.give(PaceChanged(8.0, overloaded=True))
        (first,) = decodes(machine.windows(*[0.9] * 70))
        assert decodes(machine.answer(first)) == []
        assert decodes(machine.windows(*[0.9] * 20)) == []
        machine.give(PaceChanged(1.0, overloaded=False))
        assert len(decodes(machine.windows(0.9))) == 1

    def test_the_end_of_speech_does_not_wait_for_it(self) -> None:
        machine = Machine()
        machine.give(PaceChanged(8.0, overloaded=True))
        machine.windows(*[0.9] * 20)
        (ahead,) = decodes(machine.windows(*[0.0] * 6))
        assert ahead.thorough
        assert machine.windows(*[0.0] * 4) == [Hasten(ahead.request)]

    def overload(self, machine: Machine) -> float | None:
        (decode,) = decodes(machine.windows(*[0.9] * 80))
        (shown,) = [
            effect
            for effect in machine.answer(decode, word("yes", 100))
            if isinstance(effect, Transcript)
        ]
        return shown.overload

    def test_transcripts_tell_of_overload_while_it_lasts(self) -> None:
        machine = Machine()
        assert self.overload(machine) is None
        machine.give(PaceChanged(1.4, overloaded=False))
        assert self.overload(machine) is None
        machine.give(PaceChanged(4.0, overloaded=True))
        assert self.overload(machine) == pytest.approx(4 * OPTIONS.partial_interval / 16_000)
        machine.give(PaceChanged(1.0, overloaded=False))
        assert self.overload(machine) is None

    def test_finals_tell_of_it_too(self) -> None:
        script = say("turn the music down")
        stream = SimulatedStream(ScriptedRecognizer(script), scripted_detector(script), OPTIONS)
        stream.command(PaceChanged(3.0, overloaded=True))
        stream.feed(np.zeros(script[-1].end + seconds(1), np.float32))
        (final,) = stream.finals
        assert final.overload == pytest.approx(0.75)
        assert stream.words == [each.text for each in script]


def test_words_committed_since_the_request_are_not_said_twice() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    machine.answer(first, word("one", 0), word("two", 2000), word("three", 4000))
    (second,) = decodes(machine.windows(*[0.9] * 10))
    (third,) = decodes(machine.windows(*[0.0] * 6))
    said = [word("one", 0), word("two", 2000), word("three", 4000), word("four", 6000)]
    machine.answer(second, *said)
    machine.answer(third, *said, word("five", 8000))
    (final,) = [e for e in machine.windows(*[0.0] * 4) if isinstance(e, Transcript)]
    assert [each.text for each in final.words] == ["one", "two", "three", "four", "five"]


def test_a_late_answer_that_contradicts_what_was_committed_is_asked_again() -> None:
    machine = Machine()
    (first,) = decodes(machine.windows(*[0.9] * 10))
    said = [word("one", 0), word("two", 2000), word("three", 4000)]
    machine.answer(first, *said)
    (second,) = decodes(machine.windows(*[0.9] * 10))
    (third,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(second, *said)
    machine.windows(*[0.0] * 4)
    (again,) = decodes(machine.answer(third, word("un", 0), word("deux", 2000)))
    assert [each.text for each in again.prefix] == ["one", "two"]
    assert again.urgent


def test_a_closed_session_does_nothing_more() -> None:
    machine = Machine()
    assert machine.give(CloseRequested()) == [Closed(0)]
    assert machine.session.state is StreamState.CLOSED
    assert machine.windows(*[0.9] * 20) == []
    assert machine.give(CloseRequested()) == []


def test_samples_that_may_be_needed_are_kept_and_no_others() -> None:
    machine = Machine()
    machine.windows(*[0.0] * 100)
    quiet = machine.session.keep_from
    assert quiet == 100 * WINDOW_SAMPLES - OPTIONS.segmenter.pre_roll
    machine.windows(0.9)
    assert machine.session.keep_from == quiet
    (first,) = decodes(machine.windows(*[0.9] * 9))
    assert machine.session.keep_from == first.start == quiet
    machine.windows(*[0.9] * 100)
    assert machine.session.keep_from == quiet


def test_words_of_an_earlier_session_are_continued() -> None:
    machine = Machine()
    before = (word("Turn", 200), word("of", 1500))
    machine.give(WordsCommitted(before))
    (first,) = decodes(machine.windows(*[0.9] * 10))
    assert first.prefix == before
    (shown,) = machine.answer(first, word("the", 3000))
    assert isinstance(shown, Transcript)
    assert [each.text for each in shown.words] == ["Turn", "of", "the"]
    assert shown.committed == 2
    (last,) = decodes(machine.windows(*[0.0] * 6))
    machine.answer(last, word("the", 3000), word("light", 4200))
    (final,) = [e for e in machine.windows(*[0.0] * 4) if isinstance(e, Transcript)]
    assert [each.text for each in final.words] == ["Turn", "of", "the", "light"]
    (second,) = decodes(machine.windows(*[0.9] * 10))
    assert second.prefix == ()


def test_words_of_an_earlier_session_stand_even_when_no_speech_is_found() -> None:
    machine = Machine()
    machine.give(WordsCommitted((word("Turn", 200),)))
    machine.windows(*[0.0] * 20)
    final, closed = machine.give(CloseRequested())
    assert isinstance(final, Transcript)
    assert [each.text for each in final.words] == ["Turn"]
    assert isinstance(closed, Closed)


EITHER = Either((LocalAgreement(), HoldBack(seconds(0.3))))

gaps = st.sampled_from([0.0, 0.05, 0.15, 0.4, 1.2])
spoken_words = st.lists(
    st.tuples(st.sampled_from(["yes", "no", "red", "Blue.", "ten", "so?"]), gaps),
    min_size=0,
    max_size=60,
)


@given(
    spoken=spoken_words,
    delay=st.sampled_from([0.001, 0.1, 0.7, 3.0]),
    chunk=st.sampled_from([160, 700, 1600, 16_000]),
    garbled=st.sets(st.integers(0, 60), max_size=30),
    failed=st.sets(st.integers(0, 20), max_size=3),
    finalize=st.booleans(),
    silence=st.sampled_from([0.0, 0.2, 1.0]),
    trim=st.sampled_from([1.0, 3.0, 12.0]),
    policy=st.sampled_from([LocalAgreement(), HoldBack(seconds(0.3)), EITHER]),
    stretch=st.sampled_from([1.0, 4.0]),
)
@settings(max_examples=150, deadline=None)
def test_every_word_comes_exactly_once_whatever_happens(
    spoken: list[tuple[str, float]],
    delay: float,
    chunk: int,
    garbled: set[int],
    failed: set[int],
    finalize: bool,
    silence: float,
    trim: float,
    policy: CommitPolicy,
    stretch: float,
) -> None:
    at = 0.5
    script = []
    for number, (text, gap) in enumerate(spoken):
        script.append(SpokenWord(f"{number}{text}", seconds(at), seconds(at + 0.2)))
        at += 0.2 + gap

    def garble(call: int, texts: list[str]) -> list[str]:
        # An unsure recognizer writes the newest word differently.
        return [*texts[:-1], texts[-1] + "?!"] if call in garbled and texts else texts

    recognizer = ScriptedRecognizer(script, garble=garble, failures=frozenset(failed))
    stream = SimulatedStream(
        recognizer,
        scripted_detector(script),
        replace(OPTIONS, utterance_end=seconds(1), trim=seconds(trim), policy=policy),
        decode_seconds=lambda request: delay,
    )
    stream.command(PaceChanged(stretch, overloaded=stretch > 2))
    end = seconds(at + silence) if script else seconds(1)
    half = end // 2
    stream.feed(np.zeros(half, np.float32), chunk)
    if finalize:
        stream.command(FinalizeRequested())
    stream.feed(np.zeros(end - half, np.float32), chunk)
    stream.close()
    assert stream.closed
    assert isinstance(stream.emitted[-1].output, Closed)
    check_promises(stream.emitted)
    said = [text.rstrip("?!.") for text in stream.words]
    expected = [each.text.rstrip("?!.") for each in script]
    if not failed and not finalize:
        assert said == expected
    else:
        # A failed final may lack words, and a word may be cut by Finalize; none comes twice.
        assert len(said) == len(set(said))
        assert [text for text in expected if text in said] == said


def test_windows_never_exceed_what_the_recognizer_sees() -> None:
    seen: list[RecognitionRequest] = []

    class Deaf(ScriptedRecognizer):
        def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
            seen.extend(requests)
            return [Hypothesis((), request.start, request.end) for request in requests]

    script = say(" ".join(["hum"] * 400), word=0.3, gap=0.0)
    stream = play(script, recognizer=Deaf(script))
    stream.close()
    assert max(len(request.samples) for request in seen) <= seconds(28)
    assert stream.closed
