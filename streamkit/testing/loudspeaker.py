"""A client's loudspeaker in simulated time: what of a reply a person has really heard."""

from __future__ import annotations

from dataclasses import dataclass, field

_TRACKS = 8
"""Items whose sound is remembered."""


@dataclass(slots=True)
class _Track:
    """The sound of one item: how much there is, and how far it was played at which time."""

    sent: int = 0
    position: float = 0.0
    at: float = 0.0
    stopped: bool = False

    def played(self, now: float, rate: int) -> float:
        if self.stopped:
            return self.position
        return min(float(self.sent), self.position + max(0.0, now - self.at) * rate)

    def left(self, now: float, rate: int) -> float:
        """Seconds until all of it will have been played."""
        if self.stopped:
            return 0.0
        return max(0.0, self.at - now) + (self.sent - self.played(now, rate)) / rate


@dataclass(slots=True)
class Loudspeaker:
    """Plays the sound of one item after the other, at its rate; stops for good when told.

    While it is held it plays nothing, and goes on where it was.

    Attributes:
        rate: in Hz.
        lag: seconds after which sound is heard that comes while nothing is played.
        item_id: whose sound came last.
    """

    rate: int
    lag: float = 0.0
    item_id: str | None = None
    _tracks: dict[str, _Track] = field(default_factory=dict)
    _held_at: float | None = None

    @property
    def sent(self) -> int:
        """Samples of the newest item that came."""
        return self._newest.sent

    @property
    def stopped(self) -> bool:
        """The newest item is not played on."""
        return self._newest.stopped

    def position(self, now: float, item_id: str | None = None) -> float:
        """Samples of an item, of the newest unless it is given, that were played."""
        track = self._newest if item_id is None else self._tracks.get(item_id, _Track())
        return track.played(self._time(now), self.rate)

    def unplayed(self, now: float) -> list[str]:
        """Items of which some sound is still to be played, the oldest first."""
        time = self._time(now)
        return [each for each, track in self._tracks.items() if track.left(time, self.rate) > 0]

    def play(self, item_id: str, samples: int, now: float) -> None:
        """More sound of an item."""
        now = self._time(now)
        track = self._tracks.get(item_id)
        if track is None:
            left = max((each.left(now, self.rate) for each in self._tracks.values()), default=0.0)
            self._tracks = {each: self._tracks[each] for each in [*self._tracks][-_TRACKS:]}
            track = self._tracks[item_id] = _Track(at=now + (left or self.lag))
        self.item_id = item_id
        if not track.stopped:
            track.position, track.at = track.played(now, self.rate), max(now, track.at)
        track.sent += samples

    def stop(self, now: float) -> None:
        """Forget what was not played."""
        time, self._held_at = self._time(now), None
        for track in self._tracks.values():
            track.position, track.stopped = track.played(time, self.rate), True

    def hold(self, now: float) -> None:
        """Play nothing for the moment."""
        self._held_at = self._time(now)

    def resume(self, now: float) -> None:
        """Go on, if it was held."""
        for track in self._tracks.values():
            track.at += now - self._time(now)
        self._held_at = None

    def _time(self, now: float) -> float:
        """The time that passes only while it plays."""
        return now if self._held_at is None else self._held_at

    @property
    def _newest(self) -> _Track:
        return _Track() if self.item_id is None else self._tracks[self.item_id]
