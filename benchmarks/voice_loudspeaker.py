"""What a person hears of an agent: a model of the client's playback. Pure: times are arguments.

Sound that came is played as soon as what came before it has been played, and where nothing is
left to play, after the time of the jitter buffer. When the person is told to have begun to speak,
everything that has not been played is thrown away, and what still comes of those replies is not
played at all; that is what clients of this protocol do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streamkit_benchmarks.voice_sounds import WIRE_RATE, Samples, loud_samples

GAP: float = 0.005
"""Seconds; what is shorter is rounding."""


@dataclass(slots=True)
class Played:
    """One reply at the loudspeaker.

    Attributes:
        stretches: when each stretch of sound begins to be played, and its samples, shape (n,).
        flushed_at: when the rest of it was thrown away; None: it was not.
    """

    stretches: list[tuple[float, Samples]] = field(default_factory=list)
    flushed_at: float | None = None

    @property
    def ends_at(self) -> float:
        """When its last sample has been played."""
        start, samples = self.stretches[-1]
        end = start + len(samples) / WIRE_RATE
        return end if self.flushed_at is None else min(end, self.flushed_at)

    @property
    def first_loud_at(self) -> float | None:
        """When it begins to be heard; None: it never was."""
        for start, samples in self.stretches:
            loud = loud_samples(samples)
            if loud.any():
                at = start + int(loud.argmax()) / WIRE_RATE
                return at if self.flushed_at is None or at < self.flushed_at else None
        return None

    @property
    def last_loud_at(self) -> float | None:
        """When it has been heard for the last time; None: it never was."""
        for start, samples in reversed(self.stretches):
            if self.flushed_at is not None:
                samples = samples[: max(0, round((self.flushed_at - start) * WIRE_RATE))]
            loud = loud_samples(samples)
            if loud.any():
                return start + (len(loud) - int(loud[::-1].argmax())) / WIRE_RATE
        return None

    @property
    def gaps(self) -> list[float]:
        """Seconds of each silence in it that came because there was nothing to play."""
        found = []
        for (start, samples), (then, _) in zip(self.stretches, self.stretches[1:], strict=False):
            gap = then - (start + len(samples) / WIRE_RATE)
            if gap > GAP and (self.flushed_at is None or then < self.flushed_at):
                found.append(gap)
        return found

    def samples_until(self, at: float) -> int:
        """How many samples have been played by then."""
        if self.flushed_at is not None:
            at = min(at, self.flushed_at)
        return sum(
            min(len(samples), max(0, round((at - start) * WIRE_RATE)))
            for start, samples in self.stretches
        )


class Loudspeaker:
    """Plays what comes, one after the other.

    Args:
        jitter: seconds of sound that are waited for before playing.

    Attributes:
        played: by reply, in the order in which their sound came.
    """

    def __init__(self, jitter: float) -> None:
        self.played: dict[str, Played] = {}
        self._jitter = jitter
        self._free_at = float("-inf")
        self._finished: set[str] = set()

    def receive(self, at: float, reply: str, samples: Samples) -> None:
        """Sound of a reply has come."""
        played = self.played.setdefault(reply, Played())
        if played.flushed_at is not None or not len(samples):
            return
        start = self._free_at if self._free_at > at else at + self._jitter
        self._free_at = start + len(samples) / WIRE_RATE
        played.stretches.append((start, samples))

    def finish(self, reply: str) -> None:
        """No more of it will come."""
        self._finished.add(reply)

    def flush(self, at: float) -> list[str]:
        """Throw away what has not been played.

        Returns:
            The replies that this has cut off.
        """
        cut = [
            reply
            for reply, played in self.played.items()
            if played.flushed_at is None
            and played.stretches
            and (played.ends_at > at or reply not in self._finished)
        ]
        for reply in cut:
            self.played[reply].flushed_at = at
        self._free_at = min(self._free_at, at)
        return cut

    def playing(self, at: float) -> str | None:
        """The reply that was being played then, or that had begun and had run dry."""
        for reply, played in self.played.items():
            if (
                (played.flushed_at is None or played.flushed_at > at)
                and played.stretches
                and played.stretches[0][0] <= at
                and (played.ends_at > at or reply not in self._finished)
            ):
                return reply
        return None

    def silent(self, at: float) -> bool:
        """Everything that has come has been played."""
        return self._free_at <= at

    def forget(self, at: float) -> None:
        """Let go of the sound of replies that are over."""
        for reply, played in [*self.played.items()]:
            over = played.flushed_at is not None or not played.stretches or played.ends_at <= at
            if over and reply in self._finished:
                del self.played[reply]
                self._finished.discard(reply)
