"""The sound of one reply: texts in, one after the other; samples in a buffer, and word of them.

The voice is a blocking iterator, so it runs in worker threads, a piece of sound at a time. It
runs ahead of the client by a bounded amount, and stops at once when nobody wants the reply any
more. How long it may be silent is for the session to say, which has the clock.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from streamkit.errors import SynthesisError
from streamkit.server.sound import ENCODERS, PieceShaper, Shaped, SoundBuffer
from streamkit.session.conversation_effects import SendSound, Synthesize
from streamkit.session.conversation_events import SoundFailed, SoundReady
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.synthesizer import SpeechStream

logger = logging.getLogger("streamkit.realtime")

T = TypeVar("T")


NO_VOICE = "default"
"""A voice that goes with the language of what it says; OpenAI's clients want a name for it."""


def find_voice(speech: SpeechEngine, name: str | None) -> str | None:
    """The engine's name of a voice; None: the language decides. To be called in a worker thread.

    Raises:
        SynthesisError: there is no such voice.
    """
    return None if name == NO_VOICE else speech.find_voice(name)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks for all sessions of a server.

    Attributes:
        speech: the engine. Beyond the speeds that it knows, it is the nearest of them.
        ahead: seconds of sound that may wait to be sent, per reply. More than a session asks for,
            which would take a voice that waits for one that has failed.
        threads: in which engines are waited for. Hearing has others, and never waits for a voice.
    """

    speech: SpeechEngine
    ahead: float = 60.0
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(64))


class ReplyVoice:
    """Speaks one reply; `run` is its task, all else is called beside it in the same event loop.

    Args:
        speaker: who speaks.
        generation: of the reply.
        rate: Hz that the client gets.
        encoding: that the client gets, one of `sound.ENCODERS`.
        post: takes what there is to say about the sound.
    """

    def __init__(
        self,
        speaker: Speaker,
        generation: int,
        rate: int,
        encoding: str,
        post: Callable[[SoundReady | SoundFailed], None],
    ) -> None:
        self.generation = generation
        self._speaker = speaker
        self._rate = rate
        self._encode = ENCODERS[encoding]
        self._post = post
        self._texts: deque[Synthesize] = deque()
        self._sound = SoundBuffer()
        self._changed = anyio.Event()
        self._scope = anyio.CancelScope()

    def say(self, text: Synthesize) -> None:
        """Speak this after all that was said before."""
        self._texts.append(text)
        self._notify()

    def take(self, sound: SendSound) -> bytes:
        """Encode sound that is due; it is forgotten here."""
        samples = self._sound.take(sound.start, sound.end)
        self._notify()
        return self._encode(samples)

    @property
    def idle(self) -> bool:
        """All that it was given to say was said, and taken."""
        return not self._texts and not len(self._sound)

    def stop(self) -> None:
        """Nothing more is wanted."""
        self._scope.cancel()

    async def run(self) -> None:
        """Speak until `stop`."""
        with self._scope:
            while True:
                while not self._texts:
                    await self._changed.wait()
                await self._say(self._texts[0])
                self._texts.popleft()

    async def _say(self, text: Synthesize) -> None:
        try:
            await self._speak(text)
        except SynthesisError as error:
            self._fail(text, str(error))
        except Exception as error:
            # An engine may fail in its own ways, and its words may be those of the reply.
            logger.error("the voice failed with %s", type(error).__name__)
            self._fail(text, f"the voice failed with {type(error).__name__}")

    async def _speak(self, text: Synthesize) -> None:
        shaper = PieceShaper(self._rate, trim=text.first)
        stream = await self._in_thread(partial(self._begin, text))
        try:
            shaped: Shaped | None = None
            while (shaped := await self._in_thread(partial(_next, stream, shaper))) is not None:
                if len(shaped.samples) or shaped.marks:
                    self._hand_over(text, shaped)
                while len(self._sound) > self._speaker.ahead * self._rate:
                    await self._changed.wait()
        finally:
            # The thread that may still wait for the engine is let go by this.
            stream.close()
        self._hand_over(text, shaper.finish(), last=True)

    def _begin(self, text: Synthesize) -> SpeechStream:
        speech = self._speaker.speech
        voice = find_voice(speech, text.voice)
        speed = min(max(text.speed, speech.speeds[0]), speech.speeds[1])
        speak = partial(speech.synthesizer.synthesize, text.text, voice=voice, speed=speed)
        try:
            return speak(language=text.language)
        except SynthesisError:
            if text.language is None:
                raise
        # A strange accent is better than no answer; and the language may have been misheard.
        return speak()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Wait for the engine; an engine that hangs keeps nobody from stopping."""
        return await run_sync(call, abandon_on_cancel=True, limiter=self._speaker.threads)

    def _hand_over(self, text: Synthesize, shaped: Shaped, *, last: bool = False) -> None:
        self._sound.append(shaped.samples)
        self._tell(
            SoundReady(
                self.generation,
                text.piece,
                len(shaped.samples),
                shaped.marks,
                shaped.audible,
                last,
            )
        )

    def _fail(self, text: Synthesize, reason: str) -> None:
        self._tell(SoundFailed(self.generation, text.piece, reason))

    def _tell(self, event: SoundReady | SoundFailed) -> None:
        if not self._scope.cancel_called:
            self._post(event)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _next(stream: SpeechStream, shaper: PieceShaper) -> Shaped | None:
    """The next sound of a stream, as the client gets it; None at the end."""
    piece = next(stream, None)
    return None if piece is None else shaper.shape(piece)
