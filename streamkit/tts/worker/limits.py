"""How much a speech model's process may take, and for how long somebody waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEARTBEAT_SECONDS: Final = 1.0
"""The longest between two reports of a process that is well."""
HEARTBEATS_PER_TIMEOUT: Final = 4
"""With a short timeout the heart beats faster: one late beat is no illness."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Bounds of one `Supervisor`; times are in seconds.

    Attributes:
        max_sentences: that are spoken or wait, of all streams together; more are refused.
        ready_timeout: for a process to load its model.
        heartbeat_timeout: after so long without a report a process has hung, and is replaced.
        sound_timeout: for the next sound of a sentence that a healthy process has; and for a
            voice that is cloned.
        memory_limit: bytes, resident and on a device; a process with more is replaced. None: no
            limit.
        max_restarts: within `restart_window`; after more, requests are refused for a while.
        restart_window: see there.
        max_load_failures: in a row; after these too.
        restart_pause: before the second restart in a window, twice as much before each other.
        refusal_pause: for how long requests are refused at first; twice as much each other time.
        longest_pause: of both kinds.
        niceness: how far the process steps back behind others, 0 to 19.
    """

    max_sentences: int = 64
    ready_timeout: float = 300.0
    heartbeat_timeout: float = 30.0
    sound_timeout: float = 120.0
    memory_limit: int | None = None
    max_restarts: int = 6
    restart_window: float = 60.0
    max_load_failures: int = 2
    restart_pause: float = 0.5
    refusal_pause: float = 5.0
    longest_pause: float = 60.0
    niceness: int = 5

    @property
    def heartbeat(self) -> float:
        """Seconds between two reports of a process that is well."""
        return min(HEARTBEAT_SECONDS, self.heartbeat_timeout / HEARTBEATS_PER_TIMEOUT)

    @property
    def unsent_timeout(self) -> float:
        """For the first sound of a sentence that no process has yet: two may have to load."""
        return 2 * self.ready_timeout + self.sound_timeout
