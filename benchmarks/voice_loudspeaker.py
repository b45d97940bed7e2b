"""What a person hears of an agent: a model of the client's playback. Pure: times are arguments.

Sound that came is played as soon as what came before it has been played, and where nothing is
left to play, after the time of the jitter buffer. When the person is told to have begun to speak,
everything that has not been played is thrown away, and what still comes of those replies is not
played at all; that is what clients of this protocol do. One that is told to hold is silent at
once, keeps what it has, and plays on from there when it is told that it was nothing.
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
        resumed: numbers of the stretches that begin where playing was resumed.
    """

    stretches: list[tuple[float, Samples]] = field(default_factory=list)
    flushed_at: float | None = None
    resumed: set[int] = field(default_factory=set)

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
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        for number, ((start, samples), (then, _)) in enumerate(pairs, 1):
            gap = then - (start + len(samples) / WIRE_RATE)
            meant = number in self.resumed
            if gap > GAP and not meant and (self.flushed_at is None or then < self.flushed_at):
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
        self._holds = False
        self._kept: list[tuple[str, Samples]] = []

    def receive(self, at: float, reply: str, samples: Samples) -> None:
        """Sound of a reply has come."""
        played = self.played.setdefault(reply, Played())
        if played.flushed_at is not None or not len(samples):
            return
        if self._holds:
            self._kept.append((reply, samples))
            return
        start = self._free_at if self._free_at > at else at + self._jitter
        self._free_at = start + len(samples) / WIRE_RATE
        played.stretches.append((start, samples))

    def finish(self, reply: str) -> None:
        """No more of it will come."""
        self._finished.add(reply)

    def hold(self, at: float) -> None:
        """Be silent from now on, and keep what has not been played."""
        if self._holds:
            return
        self._holds = True
        for reply, played in self.played.items():
            if played.flushed_at is not None:
                continue
            before: list[tuple[float, Samples]] = []
            for start, samples in played.stretches:
                heard = min(len(samples), max(0, round((at - start) * WIRE_RATE)))
                if heard:
                    before.append((start, samples[:heard]))
                if heard < len(samples):
                    self._kept.append((reply, samples[heard:]))
            played.stretches[:] = before
        self._free_at = min(self._free_at, at)

    def resume(self, at: float) -> None:
        """Play on where playing was held."""
        if not self._holds:
            return
        self._holds = False
        kept, self._kept = self._kept, []
        self._free_at = max(self._free_at, at)
        for number, (reply, samples) in enumerate(kept):
            played = self.played[reply]
            if not number:
                played.resumed.add(len(played.stretches))
            self.receive(at, reply, samples)

    def flush(self, at: float) -> list[str]:
        """Throw away what has not been played.

        Returns:
            The replies that this has cut off.
        """
        kept = {reply for reply, _ in self._kept}
        self._holds, self._kept = False, []
        cut = [
            reply
            for reply, played in self.played.items()
            if played.flushed_at is None
            and played.stretches
            and (played.ends_at > at or reply in kept or reply not in self._finished)
        ]
        for reply in cut:
            self.played[reply].flushed_at = at
        self._free_at = min(self._free_at, at)
        return cut

    def playing(self, at: float) -> str | None:
        """The reply that was being played then, or that had begun and had run dry, or is held."""
        kept = {reply for reply, _ in self._kept}
        for reply, played in self.played.items():
            if (
                (played.flushed_at is None or played.flushed_at > at)
                and played.stretches
                and played.stretches[0][0] <= at
                and (played.ends_at > at or reply in kept or reply not in self._finished)
            ):
                return reply
        return None

    def silent(self, at: float) -> bool:
        """Everything that has come has been played."""
        return self._free_at <= at and not self._kept

    def forget(self, at: float) -> None:
        """Let go of the sound of replies that are over."""
        kept = {reply for reply, _ in self._kept}
        for reply, played in [*self.played.items()]:
            if reply in kept:
                continue
            over = played.flushed_at is not None or not played.stretches or played.ends_at <= at
            if over and reply in self._finished:
                del self.played[reply]
                self._finished.discard(reply)
