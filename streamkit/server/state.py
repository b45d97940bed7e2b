"""What all sessions of one server share."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import anyio
import numpy as np
import numpy.typing as npt

from streamkit.asr.scheduler import Scheduler
from streamkit.config import Settings
from streamkit.llm.chat_model import ChatModel
from streamkit.llm.parrot import Parrot
from streamkit.models.catalogue import default_voices
from streamkit.server.auth import Grant, authorize
from streamkit.server.limits import Permits
from streamkit.server.metrics import Metrics
from streamkit.server.recording import Recorder
from streamkit.server.secrets import ClientSecrets
from streamkit.server.tracing import TraceSink
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voices.store import VoiceStore

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.vad.silero import SileroVad


class Drainable(Protocol):
    """A session that can be asked to come to an end."""

    def drain(self) -> None:
        """Say the last words and leave."""

    def abort(self) -> None:
        """Leave at once."""


class TurnListener(Protocol):
    """Judges by the sound whether a turn is over; called from several threads at once."""

    def probability(self, samples: npt.NDArray[np.float32], /) -> float:
        """From 0 to 1, for the end of a turn: float32 mono at 16 kHz."""


@dataclass(eq=False)
class ServerState:
    """One server.

    Attributes:
        settings: as given.
        scheduler: the one recognizer and its line.
        vad: the one voice activity network.
        profile: how the model wants to be decoded.
        speech: speaks for all.
        metrics: of this server.
        permits: places for sessions.
        secrets: client secrets that were made.
        sessions: the open ones.
        draining: the server is going down; nobody new comes in.
        clock: seconds that never go back; all times of sessions are of it, and so is the time of
            the event loop.
        epoch: Unix time at which `clock` was 0.
        file_threads: in which sound files are unpacked.
        chat_model: replies for all.
        turn_detector: hears whether a turn is over; None: the words decide.
        trace: gets the records of all sessions; None: nobody wants them.
        recorder: writes sessions down, with sound and words; None: nobody asked for that.
        voice_threads: in which the voices of conversations are waited for.
        synthesis_threads: in which voices are waited for that answer HTTP requests.
        voice_store: cloned voices.
        cloning: held by the thread in which a voice is made; there is one at a time.
    """

    settings: Settings
    scheduler: Scheduler
    vad: SileroVad
    profile: ModelProfile
    speech: SpeechEngine = field(default_factory=load_espeak)
    chat_model: ChatModel = field(default_factory=Parrot)
    turn_detector: TurnListener | None = None
    trace: TraceSink | None = None
    recorder: Recorder | None = None
    metrics: Metrics = field(default_factory=Metrics)
    sessions: set[Drainable] = field(default_factory=set)
    draining: bool = False
    ready: bool = False
    clock: Callable[[], float] = time.monotonic
    epoch: float = field(default_factory=lambda: time.time() - time.monotonic())

    def __post_init__(self) -> None:
        self.permits = Permits(self.settings.max_sessions)
        self.secrets = ClientSecrets(self.settings.max_client_secrets)
        self.file_threads = anyio.CapacityLimiter(self.settings.file_threads)
        self.voice_threads = anyio.CapacityLimiter(self.settings.max_sessions)
        self.synthesis_threads = anyio.CapacityLimiter(self.settings.synthesis_threads)
        self.voice_store = VoiceStore(
            self.settings.voices or default_voices(self.settings.cache), self.settings.max_voices
        )
        self.cloning = threading.Lock()
        self._empty = anyio.Event()

    def now(self) -> float:
        """Unix time in seconds, of a clock that nobody sets while the server runs."""
        return self.epoch + self.clock()

    def authorize(self, key: str | None) -> Grant | None:
        """What a key allows at this moment; None: nothing."""
        return authorize(key, self.settings.api_keys, self.secrets, self.now())

    def reply_model(self, wanted: str) -> str:
        """What is called the model that replies in a session that has asked for `wanted`."""
        return wanted if wanted in self.settings.llm_models else self.chat_model.name

    @property
    def model_uuid(self) -> str:
        """The same for the same model on every machine."""
        return str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"streamkit:{self.scheduler.recognizer.info.name}")
        )

    def enter(self, session: Drainable) -> None:
        """A session begins; it holds a permit already."""
        self.sessions.add(session)
        self.metrics.sessions.set(len(self.sessions))

    def leave(self, session: Drainable) -> None:
        """A session is over."""
        self.sessions.discard(session)
        self.metrics.sessions.set(len(self.sessions))
        if not self.sessions:
            self._empty.set()

    async def drain(self) -> None:
        """Refuse new sessions and wait for the last words of the open ones."""
        self.draining = True
        for session in tuple(self.sessions):
            session.drain()
        await self.empty()

    def abort(self) -> None:
        """End the sessions that are still open, whatever they have left to say."""
        for session in tuple(self.sessions):
            session.abort()

    async def empty(self) -> None:
        """Wait until no session is open."""
        while self.sessions:
            self._empty = anyio.Event()
            await self._empty.wait()
