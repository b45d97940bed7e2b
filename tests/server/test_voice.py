"""A reply that is spoken: in worker threads, ahead of the client by so much, until stopped."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import anyio
import numpy as np
import pytest
from anyio.to_thread import run_sync

from streamkit.audio.pcm import to_linear16
from streamkit.errors import SynthesisError
from streamkit.server.testing import PATIENCE_SECONDS
from streamkit.server.voice import ReplyVoice, Speaker
from streamkit.session.conversation_effects import Place, SendSound, Synthesize
from streamkit.session.conversation_events import SoundFailed, SoundReady
from streamkit.testing import Asked, FakeSpeech, FakeSynthesizer
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.synthesizer import SpeechPiece, Synthesizer, WordMark

pytestmark = pytest.mark.anyio

RATE = 8000
BUS = "The bus to Berlin is eight minutes late."


def fake(
    pieces: int = 1, before: Callable[[FakeSpeech, int], None] | None = None
) -> FakeSynthesizer:
    """A voice that says so many pieces of 100 samples, whatever it is to say."""
    return FakeSynthesizer(
        [
            SpeechPiece(np.full(100, (piece + 1) / 100, np.float32), RATE, ())
            for piece in range(pieces)
        ],
        before=before,
    )


class Reply:
    """A voice, and what it has posted."""

    def __init__(
        self, synthesizer: Synthesizer, *, encoding: str = "audio/pcm", ahead: float = 30.0
    ) -> None:
        self.events: list[SoundReady | SoundFailed] = []
        self.on_event: Callable[[], None] = lambda: None
        self._news = anyio.Event()
        speech = SpeechEngine("fake", "tests", synthesizer, lambda name: name, list, (0.5, 2.5))
        speaker = Speaker(speech, ahead=ahead)
        self.voice = ReplyVoice(speaker, 7, RATE, encoding, self.post)

    def post(self, event: SoundReady | SoundFailed) -> None:
        self.events.append(event)
        self._news.set()
        self._news = anyio.Event()
        self.on_event()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for what something that is posted makes true."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while not wanted():
                await self._news.wait()

    async def spoken(self, piece: int) -> None:
        await self.until(
            lambda: any(
                each.piece == piece and (isinstance(each, SoundFailed) or each.last)
                for each in self.events
            )
        )

    @property
    def samples(self) -> int:
        return sum(each.samples for each in self.events if isinstance(each, SoundReady))


def text(piece: int, words: str, *, first: bool = False) -> Synthesize:
    return Synthesize(7, piece, words, None, None, 1.0, first)


def sound(start: int, end: int) -> SendSound:
    return SendSound(Place("resp", "item", 0), 7, start, end)


async def test_texts_are_spoken_one_after_the_other() -> None:
    voice = fake(pieces=2)
    said = Reply(voice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        said.voice.say(Synthesize(7, 1, "two", "v", "de", 1.5, False))
        await said.spoken(1)
        said.voice.stop()
    assert voice.asked == [Asked("one", None, None, 1.0), Asked("two", "v", "de", 1.5)]
    assert [(e.piece, e.samples, e.last) for e in said.events if isinstance(e, SoundReady)] == [
        (0, 100, False),
        (0, 100, False),
        (0, 0, True),
        (1, 100, False),
        (1, 100, False),
        (1, 0, True),
    ]
    assert {each.generation for each in said.events} == {7}
    expected = np.repeat(np.array([0.01, 0.02, 0.01, 0.02], np.float32), 100)
    assert said.voice.take(sound(0, 150)) == to_linear16(expected[:150])
    assert said.voice.take(sound(150, 400)) == to_linear16(expected[150:])
    assert all(stream.closed.is_set() for stream in voice.streams)


async def test_a_real_voice_with_its_words() -> None:
    said = Reply(EspeakSynthesizer(), encoding="audio/pcmu")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, BUS, first=True))
        await said.spoken(0)
        said.voice.stop()
    ready = [each for each in said.events if isinstance(each, SoundReady)]
    marks = [mark for each in ready for mark in each.marks]
    words = [BUS[mark.text_offset :][: mark.text_length] for mark in marks]
    assert " ".join(words) + "." == BUS
    assert isinstance(marks[0], WordMark)
    assert ready[0].audible is not None
    assert ready[0].audible <= RATE / 100
    assert len(said.voice.take(sound(0, said.samples))) == said.samples
    assert 1.5 * RATE < said.samples < 4 * RATE


async def test_a_language_that_the_voice_does_not_speak_is_spoken_all_the_same() -> None:
    said = Reply(EspeakSynthesizer())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(Synthesize(7, 0, "Kumusta ka?", None, "tlh", 1.0, True))
        await said.spoken(0)
        said.voice.stop()
    assert said.samples > 0
    assert not any(isinstance(each, SoundFailed) for each in said.events)


async def test_a_speed_that_the_engine_does_not_know_is_the_nearest() -> None:
    voice = fake()
    said = Reply(voice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        for piece, speed in enumerate((0.25, 1.5, 4.0)):
            said.voice.say(Synthesize(7, piece, "text", None, None, speed, False))
        await said.spoken(2)
        said.voice.stop()
    assert [each.speed for each in voice.asked] == [0.5, 1.5, 2.5]


async def test_the_voice_runs_ahead_of_the_client_by_so_much() -> None:
    voice = fake(pieces=10)
    said = Reply(voice, ahead=250 / RATE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "much"))
        await said.until(lambda: said.samples == 300)
        await anyio.wait_all_tasks_blocked()
        assert said.samples == 300
        said.voice.take(sound(0, 200))
        await said.until(lambda: said.samples == 500)
        await anyio.wait_all_tasks_blocked()
        assert said.samples == 500
        said.voice.take(sound(200, 500))
        said.voice.stop()
    assert voice.streams[0].closed.is_set()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SynthesisError("no such voice"), "no such voice"),
        (ValueError("the secret words"), "the voice failed with ValueError"),
    ],
    ids=["of the voice", "of its program"],
)
async def test_a_failure_is_told_and_the_next_text_spoken(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    failures: Iterator[Exception] = iter([error])

    def before(stream: FakeSpeech, piece: int) -> None:
        if piece == 1 and (failure := next(failures, None)) is not None:
            raise failure

    voice = fake(pieces=2, before=before)
    said = Reply(voice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        said.voice.say(text(1, "two"))
        await said.spoken(1)
        said.voice.stop()
    failed = [each for each in said.events if isinstance(each, SoundFailed)]
    assert failed == [SoundFailed(7, 0, reason)]
    assert said.samples == 300
    assert voice.streams[0].closed.is_set()
    assert "secret" not in caplog.text


async def test_stopping_ends_the_voice_and_nothing_is_posted_any_more() -> None:
    go_on = threading.Event()
    waits = threading.Event()
    returned = threading.Event()

    def before(stream: FakeSpeech, piece: int) -> None:
        if piece == 1:
            waits.set()
            wait(go_on)
            returned.set()

    voice = fake(pieces=5, before=before)
    said = Reply(voice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        await run_sync(wait, waits)
        said.voice.stop()
    # The task has ended although the engine has not answered.
    assert not go_on.is_set()
    assert voice.streams[0].closed.is_set()
    assert said.samples == 100
    go_on.set()
    await run_sync(wait, returned)
    await anyio.wait_all_tasks_blocked()
    assert len(said.events) == 1


async def test_stopped_by_what_it_has_posted_it_posts_no_more() -> None:
    voice = fake(pieces=5)
    said = Reply(voice)
    said.on_event = said.voice.stop
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
    assert len(said.events) == 1


async def test_nothing_of_a_stopped_voice_is_kept() -> None:
    async def speak() -> weakref.ref[ReplyVoice]:
        said = Reply(EspeakSynthesizer())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said.voice.run)
            said.voice.say(text(0, BUS))
            await said.until(lambda: said.samples > 0)
            said.voice.stop()
        return weakref.ref(said.voice)

    gone = await speak()
    gc.collect()
    assert gone() is None


def wait(event: threading.Event) -> None:
    assert event.wait(PATIENCE_SECONDS)
