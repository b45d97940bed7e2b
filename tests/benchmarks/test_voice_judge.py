"""What the voice benchmark makes of samples and times, exactly; no clock runs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from streamkit.errors import ConfigurationError
from streamkit_benchmarks.voice_figures import doubts, passes, summarize
from streamkit_benchmarks.voice_judge import Judgement, judge
from streamkit_benchmarks.voice_loudspeaker import Loudspeaker
from streamkit_benchmarks.voice_report import finish
from streamkit_benchmarks.voice_scene import Performance, Scene
from streamkit_benchmarks.voice_sounds import (
    CHUNK,
    PAUSE,
    WIRE_RATE,
    Samples,
    Sound,
    Voices,
    loud_span,
    made_clear,
    quietest,
    to_wire,
    with_pause,
)
from streamkit_benchmarks.voice_user import EPOCH, Reply, Said


def tone(seconds: float, *, quiet_before: float = 0.0, quiet_after: float = 0.0) -> Samples:
    parts = (quiet_before, 0), (seconds, 8000), (quiet_after, 0)
    return np.concatenate([np.full(round(s * WIRE_RATE), v, np.int16) for s, v in parts])


def said(at: float, seconds: float = 2.0) -> Said:
    """A sentence whose energy begins and ends 0.1 s after, before its samples do."""
    sound = Sound("words", tone(seconds - 0.2, quiet_before=0.1, quiet_after=0.1))
    return Said(sound, at, sent=True)


class Story:
    """A performance, put together by hand."""

    def __init__(self, kind: str, *sentences: Said, jitter: float = 0.0) -> None:
        self.kind, self.sentences = kind, sentences
        self.replies: dict[str, Reply] = {}
        self.at_once, self.speaker = Loudspeaker(0.0), Loudspeaker(jitter)

    def reply(
        self, name: str, at: float, *sound: tuple[float, Samples], status: str | None = "completed"
    ) -> Reply:
        reply = self.replies[name] = Reply(name, at, done_at=at, status=status)
        for then, samples in sound:
            reply.audible_at = then if reply.audible_at is None else reply.audible_at
            reply.last_at = then
            for ear in (self.at_once, self.speaker):
                ear.receive(then, name, samples)
        for ear in (self.at_once, self.speaker):
            ear.finish(name)
        return reply

    def flush(self, at: float) -> None:
        self.at_once.flush(at)
        self.speaker.flush(at)

    def judge(self) -> Judgement:
        interrupted = None
        if len(self.sentences) > 1:
            interrupted = self.speaker.playing(self.sentences[1].onset)
        second = self.sentences[1].sound if len(self.sentences) > 1 else None
        return judge(
            Performance(
                Scene(self.kind, self.sentences[0].sound, second),
                tuple(self.sentences),
                interrupted,
                tuple(self.replies.values()),
                self.at_once.played,
                self.speaker.played,
                100.0,
                0.0,
            )
        )


# Sounds


def test_the_ends_of_a_sound_are_its_loud_samples() -> None:
    samples = np.zeros(1000, np.int16)
    samples[[200, 700]] = -328, 328
    samples[[100, 800]] = 327
    assert loud_span(samples) == (200, 700)
    with pytest.raises(ConfigurationError, match="nobody would hear it"):
        loud_span(np.full(1000, 300, np.int16))


@pytest.mark.parametrize("seed", range(4))
def test_no_resampler_moves_the_end_of_a_sentence(seed: int) -> None:
    sound = Voices(seed, None, None).sentence()
    lowered = soxr.resample(sound.samples.astype(np.float32) / 32768, WIRE_RATE, 16_000)
    places = np.flatnonzero(np.abs(lowered) >= 0.01)
    for place, other in zip(sound.loud, (places[0], places[-1]), strict=True):
        assert abs(place / WIRE_RATE - other / 16_000) < 1e-3


def test_a_sound_whose_end_is_doubtful_is_made_softer() -> None:
    swing = np.sin(2 * np.pi * 500 * np.arange(800) / 16_000)
    sound = np.concatenate([0.3 * swing, 0.0101 * swing, 0 * swing]).astype(np.float32)
    assert loud_span(to_wire(sound))[1] / WIRE_RATE == pytest.approx(0.1, abs=0.003)
    assert loud_span(made_clear(sound))[1] / WIRE_RATE == pytest.approx(0.05, abs=0.003)


def test_messages_are_whole_chunks() -> None:
    sound = Sound("a", tone(0.05))
    assert len(sound.messages) == 3
    # Base64 has four characters for three bytes.
    assert {len(message) for message in sound.messages} == {4 * 2 * CHUNK // 3}


@pytest.mark.parametrize("seed", range(8))
def test_a_pause_is_as_long_as_it_should_be(seed: int) -> None:
    sound = Voices(seed, None, None).thinking()
    assert sound.pause is not None
    first, second = sound.pause
    assert PAUSE[0] - 1e-3 <= (second - first) / WIRE_RATE <= PAUSE[1] + 1e-3
    begin, end = sound.loud
    assert begin < first < second < end
    assert np.abs(sound.samples[first + 1 : second].astype(int)).max() < 328


def test_a_recording_is_cut_where_it_is_quiet() -> None:
    samples = np.concatenate([tone(1.0), tone(0.04) // 100, tone(0.9)])
    cut = quietest(samples)
    assert 1.0 <= cut / WIRE_RATE <= 1.04
    sound = with_pause(Sound("recording", samples), cut, 0.8)
    assert sound.pause is not None
    assert (sound.pause[1] - sound.pause[0]) / WIRE_RATE == pytest.approx(0.8, abs=1e-3)


def test_recordings_are_what_is_said(tmp_path: Path) -> None:
    for name, seconds in (("short.wav", 1.0), ("long.flac", 3.0)):
        soundfile.write(tmp_path / name, np.full(round(16000 * seconds), 0.3, np.float32), 16000)
    voices = Voices(1, tmp_path, tmp_path)
    assert voices.sentence(long=True).name == "long.flac"
    assert {voices.sentence().name for _ in range(20)} == {"short.wav", "long.flac"}
    assert voices.thinking().pause is not None
    assert len(voices.noise().samples) == round(0.7 * WIRE_RATE)


def test_a_folder_without_sounds(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there are no recordings in"):
        Voices(1, tmp_path, None)
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16000, np.float32), 16000)
    with pytest.raises(ConfigurationError, match=r"quiet\.wav cannot be used"):
        Voices(1, tmp_path, None)


# Playback


def test_sound_is_played_in_a_row_and_after_the_buffer() -> None:
    speaker = Loudspeaker(0.1)
    for at in (1.0, 1.05, 1.2):
        speaker.receive(at, "a", tone(0.1))
    played = speaker.played["a"]
    assert [start for start, _ in played.stretches] == pytest.approx([1.1, 1.2, 1.3])
    assert played.ends_at == pytest.approx(1.4)
    assert played.gaps == []
    speaker.receive(1.5, "a", tone(0.1))
    assert played.gaps == pytest.approx([0.2])
    assert played.samples_until(1.25) == round(0.15 * WIRE_RATE)


def test_what_is_thrown_away_is_not_heard() -> None:
    speaker = Loudspeaker(0.0)
    speaker.receive(1.0, "a", tone(0.5, quiet_before=0.25, quiet_after=1.0))
    assert speaker.played["a"].last_loud_at == pytest.approx(1.75)
    assert speaker.flush(1.5) == ["a"]
    speaker.receive(1.6, "a", tone(1.0))
    speaker.receive(2.0, "b", tone(1.0))
    assert speaker.played["a"].first_loud_at == pytest.approx(1.25)
    assert speaker.played["a"].last_loud_at == pytest.approx(1.5)
    assert speaker.played["a"].ends_at == pytest.approx(1.5)
    # The next reply does not wait for what is not played.
    assert speaker.played["b"].first_loud_at == pytest.approx(2.0)
    assert speaker.playing(1.4) == "a"
    assert speaker.playing(1.7) is None
    assert speaker.flush(1.8) == ["b"], "who has not finished is cut off, however dry"


def test_a_reply_that_was_cut_before_it_was_loud_was_not_heard() -> None:
    speaker = Loudspeaker(0.0)
    speaker.receive(1.0, "a", tone(0.5, quiet_before=0.25))
    speaker.flush(1.2)
    assert speaker.played["a"].first_loud_at is None
    assert speaker.played["a"].last_loud_at is None


def test_who_holds_is_silent_and_goes_on_with_the_next_sample() -> None:
    speaker = Loudspeaker(0.0)
    speaker.receive(1.0, "a", tone(1.0))
    speaker.finish("a")
    speaker.hold(1.25)
    speaker.receive(1.3, "a", tone(0.5))
    assert speaker.played["a"].last_loud_at == pytest.approx(1.25)
    assert speaker.playing(1.6) == "a"
    assert not speaker.silent(1.6)
    speaker.resume(2.0)
    played = speaker.played["a"]
    assert [start for start, _ in played.stretches] == pytest.approx([1.0, 2.0, 2.75])
    assert played.ends_at == pytest.approx(3.25)
    assert played.gaps == []
    assert played.samples_until(2.25) == round(0.5 * WIRE_RATE)


def test_what_is_held_is_thrown_away_when_it_was_an_interruption() -> None:
    speaker = Loudspeaker(0.0)
    speaker.receive(1.0, "a", tone(1.0))
    speaker.finish("a")
    speaker.hold(1.25)
    assert speaker.flush(1.75) == ["a"]
    speaker.resume(1.8)
    assert speaker.played["a"].last_loud_at == pytest.approx(1.25)
    assert speaker.played["a"].samples_until(9.0) == round(0.25 * WIRE_RATE)
    speaker.receive(2.0, "b", tone(0.5))
    assert speaker.played["b"].first_loud_at == pytest.approx(2.0)


# Judgements


def test_the_wait_is_between_loud_samples() -> None:
    story = Story("plain", said(10.0), jitter=0.06)
    # Silence that is sent in a burst still has to be played before the voice.
    story.reply("a", 12.2, (12.2, tone(0, quiet_before=0.3)), (12.21, tone(1, quiet_before=0.05)))
    (heard,) = story.judge().sentences
    assert heard.wait == pytest.approx(12.55 - 11.9)
    assert heard.wait_buffered == pytest.approx(12.61 - 11.9)
    assert heard.answered
    assert not heard.too_soon


def test_an_answer_before_the_end_is_a_false_endpoint() -> None:
    story = Story("thinking", said(10.0))
    story.reply("unheard", 11.0, status="cancelled")
    story.reply("late", 12.1, (12.2, tone(1.0)))
    found = story.judge()
    (heard,) = found.sentences
    assert (heard.too_soon, heard.too_soon_heard, heard.wait) == (True, False, None)
    assert found.strays == 0
    story = Story("thinking", said(10.0))
    story.reply("heard", 11.1, (11.2, tone(1.0)))
    (heard,) = story.judge().sentences
    assert heard.too_soon_heard


def test_an_answer_that_cannot_be_heard_is_none() -> None:
    story = Story("plain", said(10.0))
    story.reply("a", 12.1, (12.2, tone(0.0, quiet_before=1.0)))
    (heard,) = story.judge().sentences
    assert not heard.answered
    assert heard.wait is None


def broken_into(kind: str, *, flush: float | None, seconds: float = 4.0) -> Judgement:
    """A reply from 12 s on; somebody makes a sound in it whose energy is from 13.1 to 14.9."""
    story = Story(kind, said(10.0), said(13.0))
    pieces = [(12.0, tone(0.5))] + [(12.1 + i / 2, tone(0.5)) for i in range(round(seconds * 2))]
    story.reply("a", 12.0, *pieces)
    if flush is not None:
        story.flush(flush)
    return story.judge()


def test_time_to_silence_is_until_the_client_has_stopped() -> None:
    found = broken_into("barge-in", flush=13.4, seconds=1.5).broken_into
    assert found is not None
    assert found.stopped
    assert found.silence == pytest.approx(0.3)
    assert found.last_sound == pytest.approx(0.0), "the last sound came at 13.1"


@pytest.mark.parametrize(
    ("kind", "flush", "stopped"),
    [
        ("barge-in", None, False),
        ("barge-in", 14.8, True),
        ("barge-in", 15.0, False),
        ("back-channel", None, False),
        ("noise", 13.5, True),
        ("noise", 15.2, True),
    ],
)
def test_what_stops_and_what_does_not(kind: str, flush: float | None, stopped: bool) -> None:
    found = broken_into(kind, flush=flush).broken_into
    assert found is not None
    assert found.stopped is stopped


def test_a_reply_that_ends_soon_tells_nothing() -> None:
    found = broken_into("barge-in", flush=None, seconds=1.0).broken_into
    assert found is not None
    assert found.stopped is None


def test_an_answer_to_a_cough_was_not_asked_for() -> None:
    story = Story("noise", said(10.0), said(12.5, 0.6))
    story.reply("a", 12.0, (12.0, tone(3.0)))
    story.reply("b", 14.0, (15.0, tone(1.0)))
    found = story.judge()
    assert found.strays == 1
    assert [each.kind for each in found.sentences] == ["opening"]


LATENCY = {
    "endpoint": 250.0, "final": 10.0, "first_token": 5.0, "first_piece": 0.0, "first_byte": 15.0,
    "first_audible": 0.0, "voice_to_voice": 280.0,
}  # fmt: skip


@pytest.mark.parametrize("mapped", [True, False])
def test_the_server_s_waterfall_is_held_against_the_samples(mapped: bool) -> None:
    story = Story("plain", said(10.0))
    reply = story.reply("a", 12.2, (12.2, tone(1.0)))
    # Speech ended at 11.9, and the server takes it to have done so 30 ms before; its clock is
    # ahead by a thousand seconds, which does not matter; 2 ms are missing in its stages.
    reply.told = {
        "latency": LATENCY,
        "speech": {
            "end_ms": 11870,
            "captured_at": 11.87 + EPOCH if mapped else None,
            "received_at": 1011.9 + EPOCH,
        },
        "audible_sent_at": 1012.182 + EPOCH,
    }
    (heard,) = story.judge().sentences
    assert heard.end_difference == pytest.approx(0.030, abs=1e-5)
    assert heard.difference == pytest.approx(0.030 - 0.002, abs=1e-5)
    assert heard.outside == pytest.approx(12.2 - 11.9 - 0.28)
    figures = summarize([story.judge()])
    assert figures["difference"]["all"]["max"] == pytest.approx(28.0, abs=0.01)
    assert figures["stages"]["endpoint"]["mean"] == 0.25


# Reports


def step(users: int = 1, **changed: Any) -> dict[str, Any]:
    story = Story("plain", said(10.0))
    story.reply("a", 12.2, (12.2, tone(1.0)))
    load = {
        "chunks": 100, "chunk_late_p99": 0.001, "chunk_late_max": 0.002,
        "loop_late_p99": 0.001, "loop_late_max": 0.002, "own_cpu": 0.1,
    }  # fmt: skip
    judgements = [story.judge(), broken_into("barge-in", flush=13.4)]
    figures = {"users": users, **summarize(judgements), "load": load, "failures": []}
    figures["unanswered"] = 0
    figures |= {"errors": ["<b>no</b>"], "server": {"cpu": 0.2, "cpu_per_user": 0.1}}
    figures |= changed
    figures["doubts"] = doubts(figures)
    figures["passes_limit"] = passes(figures, 1.0)
    return figures


def test_no_answer_counts_as_the_longest_wait() -> None:
    figures = step()
    assert not passes(figures, 1.0)
    assert passes(figures, 0.1)
    assert passes({**figures, "unanswered": 1}, 1.0)


def test_a_benchmark_that_is_too_slow_says_so() -> None:
    assert step()["doubts"] == []
    load = {**step()["load"], "loop_late_p99": 0.05, "chunk_late_p99": 0.04, "own_cpu": 0.9}
    found = step(load=load, failures=["after 1 of 2 scenes: gone"])["doubts"]
    assert len(found) == 4
    assert "50 ms late" in found[0]


def test_everything_is_written(tmp_path: Path) -> None:
    report = {
        "finished": True, "at": "2025-01-01", "url": "wss://agent.example", "reply_model": "big",
        "model": None, "persons": "espeak-ng", "jitter_ms": 60, "limit": 1.0,
        "machine": {"processor": "a", "cores": 2, "system": "b", "versions": {}},
        "steps": [step(1), step(2)],
    }  # fmt: skip
    written = finish(report, tmp_path, plots=True)
    assert {path.name for path in written} == {
        "voice.json", "voice.html", "waits.png", "users.png", "silence.png",
    }  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in written)
    assert json.loads((tmp_path / "voice.json").read_text())["steps"][1]["users"] == 2
    html = (tmp_path / "voice.html").read_text()
    assert html.count("data:image/png;base64,") == 3
    assert "&lt;b&gt;no&lt;/b&gt;" in html
    assert "<b>no" not in html
    assert "wss://agent.example" in html
