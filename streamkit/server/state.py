"""What all sessions of one server share."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import anyio

from streamkit.asr.scheduler import Scheduler
from streamkit.config import Settings
from streamkit.server.limits import Permits
from streamkit.server.metrics import Metrics

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.vad.silero import SileroVad


class Drainable(Protocol):
    """A session that can be asked to come to an end."""

    def drain(self) -> None:
        """Say the last words and leave."""

    def abort(self) -> None:
        """Leave at once."""


@dataclass(eq=False)
class ServerState:
    """One server.

    Attributes:
        settings: as given.
        scheduler: the one recognizer and its line.
        vad: the one voice activity network.
        profile: how the model wants to be decoded.
        metrics: of this server.
        permits: places for sessions.
        sessions: the open ones.
        draining: the server is going down; nobody new comes in.
        epoch: Unix time at which `time.monotonic` was 0.
    """

    settings: Settings
    scheduler: Scheduler
    vad: SileroVad
    profile: ModelProfile
    metrics: Metrics = field(default_factory=Metrics)
    sessions: set[Drainable] = field(default_factory=set)
    draining: bool = False
    ready: bool = False
    epoch: float = field(default_factory=lambda: time.time() - time.monotonic())

    def __post_init__(self) -> None:
        self.permits = Permits(self.settings.max_sessions)
        self._empty = anyio.Event()

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
