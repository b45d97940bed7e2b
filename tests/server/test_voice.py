"""A reply that is spoken: in worker threads, ahead of the client by so much, until stopped."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

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
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.synthesizer import SpeechPiece, Synthesizer, Voice, WordMark

pytestmark = pytest.mark.anyio

RATE = 8000
BUS = "The bus to Berlin is eight minutes late."


@dataclass
class Stream:
    """Gives `pieces` pieces of 100 samples; what `before` does comes before each of them."""

    pieces: int
    before: Callable[[int], None]
    closed: threading.Event = field(default_factory=threading.Event)
    returned: threading.Event = field(default_factory=threading.Event)
    given: int = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> SpeechPiece:
        if self.closed.is_set() or self.given == self.pieces:
            raise StopIteration
        self.before(self.given)
        if self.closed.is_set():
            self.returned.set()
            raise StopIteration
        self.given += 1
        return SpeechPiece(np.full(100, self.given / 100, np.float32), RATE, ())

    def close(self) -> None:
        self.closed.set()


@dataclass
class Fake:
    """A synthesizer whose streams do as they are told."""

    pieces: int = 1
    before: Callable[[int], None] = lambda piece: None
    streams: list[Stream] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None, float]] = field(default_factory=list)

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> Stream:
        self.asked.append((text, voice, language, speed))
        self.streams.append(Stream(self.pieces, self.before))
        return self.streams[-1]

    def voices(self) -> list[Voice]:
        return []


class Reply:
    """A voice, and what it has posted."""

    def __init__(
        self, synthesizer: Synthesizer, *, encoding: str = "audio/pcm", ahead: float = 30.0
    ) -> None:
        self.events: list[SoundReady | SoundFailed] = []
        self.on_event: Callable[[], None] = lambda: None
        self._news = anyio.Event()
        speaker = Speaker(synthesizer, find_voice=lambda name: name, ahead=ahead)
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
    fake = Fake(pieces=2)
    said = Reply(fake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        said.voice.say(Synthesize(7, 1, "two", "v", "de", 1.5, False))
        await said.spoken(1)
        said.voice.stop()
    assert fake.asked == [("one", None, None, 1.0), ("two", "v", "de", 1.5)]
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
    assert all(stream.closed.is_set() for stream in fake.streams)


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
    fake = Fake()
    said = Reply(fake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        for piece, speed in enumerate((0.25, 1.5, 4.0)):
            said.voice.say(Synthesize(7, piece, "text", None, None, speed, False))
        await said.spoken(2)
        said.voice.stop()
    assert [speed for *_, speed in fake.asked] == [0.5, 1.5, 2.5]


async def test_the_voice_runs_ahead_of_the_client_by_so_much() -> None:
    fake = Fake(pieces=10)
    said = Reply(fake, ahead=250 / RATE)
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
    assert fake.streams[0].closed.is_set()


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

    def before(piece: int) -> None:
        if piece == 1 and (failure := next(failures, None)) is not None:
            raise failure

    fake = Fake(pieces=2, before=before)
    said = Reply(fake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        said.voice.say(text(1, "two"))
        await said.spoken(1)
        said.voice.stop()
    failed = [each for each in said.events if isinstance(each, SoundFailed)]
    assert failed == [SoundFailed(7, 0, reason)]
    assert said.samples == 300
    assert fake.streams[0].closed.is_set()
    assert "secret" not in caplog.text


async def test_stopping_ends_the_voice_and_nothing_is_posted_any_more() -> None:
    go_on = threading.Event()
    waits = threading.Event()

    def before(piece: int) -> None:
        if piece == 1:
            waits.set()
            wait(go_on)

    fake = Fake(pieces=5, before=before)
    said = Reply(fake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(said.voice.run)
        said.voice.say(text(0, "one"))
        await run_sync(wait, waits)
        said.voice.stop()
    # The task has ended although the engine has not answered.
    assert not go_on.is_set()
    assert fake.streams[0].closed.is_set()
    assert said.samples == 100
    go_on.set()
    await run_sync(wait, fake.streams[0].returned)
    await anyio.wait_all_tasks_blocked()
    assert len(said.events) == 1


async def test_stopped_by_what_it_has_posted_it_posts_no_more() -> None:
    fake = Fake(pieces=5)
    said = Reply(fake)
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
