"""Whether a process is well, and why it is over when it is not; pure, time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streamkit.tts.worker.limits import WorkerLimits

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class End:
    """Why a process is over.

    Attributes:
        reason: for the person; None: how it ended says it.
        useful: its model was there, and was not itself at fault.
        permanent: another process would end in the same way.
    """

    reason: str | None
    useful: bool
    permanent: bool = False


class Health:
    """What is known of one process.

    Args:
        limits: what it has to keep.

    Attributes:
        ready: its model is loaded.
        used: it was given something to do.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self.ready = False
        self.used = False
        self._limits = limits
        self._age = 0.0
        self._silence = 0.0

    def passed(self, seconds: float, *, told: bool) -> End | None:
        """Time has passed in which somebody listened.

        Args:
            seconds: how much.
            told: it told something meanwhile.

        Returns:
            Why it has to end; None: it is well.
        """
        self._age += seconds
        self._silence = 0.0 if told else self._silence + seconds
        if self._silence >= self._limits.heartbeat_timeout:
            return End(f"its process told nothing for {self._silence:.1f} s", useful=self.ready)
        if not self.ready and self._age >= self._limits.ready_timeout:
            reason = (
                f"it was not loaded within {self._limits.ready_timeout:g} s; it may need more "
                "time (tts_start_timeout)"
            )
            return End(reason, useful=False)
        return None

    def takes(self, memory: int) -> End | None:
        """It takes so many bytes; why it has to end, or None."""
        limit = self._limits.memory_limit
        if limit is None or memory <= limit:
            return None
        reason = (
            f"its process took {memory // MEBIBYTE} MiB, and may take {limit // MEBIBYTE} "
            "(tts_memory_limit)"
        )
        # Where it had nothing to do yet, the next one would take as much.
        return End(reason, useful=self.used)
