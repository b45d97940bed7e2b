from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.events import SpeechStarted, Transcript, parse_event
from streamkit.client.replay import AudioPiece, FinalizeMark, ReplayBuffer, Restart
from streamkit.client.testing import ScriptedRecognizer

RATE = 1000
ENDPOINT = 40


def final(start: float, end: float, **changes: bool) -> Transcript:
    flags = {"is_final": True, "speech_final": False, "from_finalize": False} | changes
    return Transcript(
        words=(),
        start=start,
        end=end,
        committed=0,
        utterance=0,
        channel=0,
        latency=None,
        **flags,
    )


def pcm(count: int) -> bytes:
    return np.arange(count, dtype="<i2").tobytes()


@dataclass
class Run:
    words: list[tuple[str, float, float]] = field(default_factory=list)
    utterances: list[int] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)


def play(
    samples: np.ndarray, chunk: int, cuts: list[int], marks: set[int], words_per_final: int
) -> Run:
    """Stream `samples` through a scripted server whose connections end after `cuts` messages."""
    run = Run()
    replay = ReplayBuffer(RATE)
    cuts = list(cuts)
    position = 0
    while True:
        recognizer = ScriptedRecognizer(RATE, ENDPOINT, words_per_final)
        left = cuts.pop(0) if cuts else None
        done = False
        while not done and left != 0:
            if left is not None:
                left -= 1
            item = replay.next()
            if item is None and position < len(samples):
                if position // chunk in marks:
                    replay.finalize()
                    marks = marks - {position // chunk}
                replay.append(samples[position : position + chunk].astype("<i2").tobytes())
                position += chunk
                continue
            if isinstance(item, AudioPiece):
                answers = recognizer.feed(np.frombuffer(item.data, dtype="<i2"))
            elif isinstance(item, FinalizeMark):
                answers = recognizer.finalize()
            else:
                answers = recognizer.close()
                done = True
            for answer in answers:
                if left is not None:
                    left -= 1
                    if left <= 0:
                        left = 0
                        done = False
                        break
                event = parse_event(json.dumps(answer), replay.offset_seconds, replay.utterance)
                assert event is not None
                replay.observe(event)
                if isinstance(event, Transcript) and event.is_final:
                    run.words += [
                        (word.word, round(word.start * RATE), round(word.end * RATE))
                        for word in event.words
                    ]
                    run.utterances += [event.utterance] * len(event.words)
        if done:
            return run
        replay.interrupt()
        run.restarts.append(replay.restart())


speech = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 90)), min_size=1, max_size=20).map(
    lambda runs: np.concatenate([np.full(length, value, dtype=np.int16) for value, length in runs])
)


@given(
    samples=speech,
    chunk=st.integers(1, 70),
    cuts=st.lists(st.integers(1, 60), max_size=6),
    marks=st.sets(st.integers(0, 10), max_size=2),
    words_per_final=st.integers(1, 4),
)
def test_words_equal_those_of_the_uncut_run(
    samples: np.ndarray, chunk: int, cuts: list[int], marks: set[int], words_per_final: int
) -> None:
    uncut = play(samples, chunk, [], marks, words_per_final)
    cut = play(samples, chunk, cuts, marks, words_per_final)
    assert cut.words == uncut.words
    assert cut.utterances == sorted(cut.utterances)
    assert all(restart.lost == 0 for restart in cut.restarts)


def test_every_single_cut_position_of_one_dialogue() -> None:
    runs = [(1, 50), (2, 30), (0, 20), (3, 40), (0, 70), (4, 25), (5, 25), (0, 10), (6, 33)]
    samples = np.concatenate([np.full(length, value, dtype=np.int16) for value, length in runs])
    uncut = play(samples, 16, [], {5}, 2)
    assert [word for word, _, _ in uncut.words][:3] == ["w1", "w2", "w3"]
    cut = 1
    while True:
        run = play(samples, 16, [cut], {5}, 2)
        assert run.words == uncut.words, f"cut after message {cut}"
        if not run.restarts:
            break
        cut += 1
    assert cut > 60


def test_what_is_final_is_not_sent_again() -> None:
    replay = ReplayBuffer(RATE)
    replay.append(pcm(500), captured_at=100.0)
    replay.append(pcm(500), captured_at=100.5)
    assert isinstance(replay.next(), AudioPiece)
    assert isinstance(replay.next(), AudioPiece)
    replay.observe(final(0.0, 0.3))
    assert replay.restart() == Restart(position=300, replayed=700, lost=0)
    piece = replay.next()
    assert isinstance(piece, AudioPiece)
    assert piece.position == 300
    assert piece.captured_at == pytest.approx(100.3)
    assert piece.data == pcm(500)[600:]
    assert replay.offset_seconds == 0.3


def test_a_final_cannot_settle_audio_that_was_never_sent() -> None:
    replay = ReplayBuffer(RATE)
    replay.append(pcm(100))
    replay.next()
    replay.append(pcm(100))
    replay.observe(final(0.0, 99.0))
    assert replay.settled == 100


def test_an_earlier_final_does_not_move_the_settled_position_back() -> None:
    replay = ReplayBuffer(RATE)
    replay.append(pcm(100))
    replay.next()
    replay.observe(final(0.0, 0.09))
    replay.observe(final(0.0, 0.05))
    assert replay.settled == 90


def test_long_audio_is_divided_into_messages_with_their_own_capture_times() -> None:
    replay = ReplayBuffer(RATE)
    replay.append(pcm(2500), captured_at=10.0)
    pieces = [replay.next() for _ in range(3)]
    assert [
        (piece.position, len(piece.data), piece.captured_at)
        for piece in pieces
        if isinstance(piece, AudioPiece)
    ] == [(0, 2000, 10.0), (1000, 2000, 11.0), (2000, 1000, 12.0)]
    assert replay.next() is None


def test_overflow_in_open_speech_is_reported_as_lost() -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    replay.append(pcm(800))
    replay.next()
    replay.observe(SpeechStarted(0.1, 0))
    replay.append(pcm(800))
    assert replay.restart() == Restart(position=600, replayed=200, lost=600)


def test_overflow_of_audio_without_speech_is_no_loss() -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    replay.append(pcm(800))
    replay.next()
    replay.append(pcm(800))
    replay.next()
    assert replay.restart() == Restart(position=600, replayed=1000, lost=0)


def test_overflow_in_an_outage_is_reported_as_lost() -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    replay.append(pcm(800))
    replay.next()
    replay.interrupt()
    replay.append(pcm(800))
    assert replay.restart() == Restart(position=600, replayed=200, lost=600)


def test_overflow_of_audio_that_was_never_sent_is_reported_as_lost() -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    replay.append(pcm(500))
    replay.next()
    for _ in range(5):
        replay.append(pcm(500))
    assert replay.overrun
    assert replay.restart() == Restart(position=2000, replayed=0, lost=1500)
    assert not replay.overrun
    assert replay.unsent == 1000


def test_loss_that_a_later_final_covers_is_none() -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    for _ in range(3):
        replay.append(pcm(500))
        replay.next()
        replay.observe(SpeechStarted(0.0, 0))
    replay.observe(final(0.0, 1.5, speech_final=True))
    assert replay.restart().lost == 0


def test_a_finalize_without_answer_is_asked_again_at_its_place() -> None:
    replay = ReplayBuffer(RATE)
    replay.append(pcm(100))
    replay.finalize()
    replay.append(pcm(100))
    assert [type(replay.next()) for _ in range(3)] == [AudioPiece, FinalizeMark, AudioPiece]
    replay.restart()
    assert [type(replay.next()) for _ in range(3)] == [AudioPiece, FinalizeMark, AudioPiece]
    replay.observe(final(0.0, 0.1, from_finalize=True, speech_final=True))
    replay.restart()
    assert isinstance(replay.next(), AudioPiece)
    assert replay.next() is None


@given(
    sizes=st.lists(st.integers(0, 400), max_size=40),
    taken=st.integers(0, 40),
    ends=st.lists(st.floats(0, 20), max_size=5),
)
def test_the_kept_audio_is_bounded_and_gapless(
    sizes: list[int], taken: int, ends: list[float]
) -> None:
    replay = ReplayBuffer(RATE, keep_seconds=1.0)
    for index, size in enumerate(sizes):
        replay.append(bytes(2 * size))
        if index < taken:
            replay.next()
    for end in ends:
        replay.observe(final(0.0, end))
    assert replay.received - replay.oldest <= RATE
    restart = replay.restart()
    position = restart.position
    while isinstance(piece := replay.next(), AudioPiece):
        assert piece.position == position
        position = piece.end
    assert position == replay.received == sum(sizes)
