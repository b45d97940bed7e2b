"""The turns of a conversation as its client knows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streamkit.client.playback import REALTIME_RATE, Part
from streamkit.client.spoken_text import SpokenText

MAX_PAST = 64
"""Closed turns that are remembered."""


@dataclass(slots=True)
class UserTurn:
    """Something that the person says or has written.

    Attributes:
        item_id: of the conversation; empty for what was written.
        text: the words so far.
        speaking: they have not stopped yet.
        closed: the words will not change any more.
    """

    item_id: str
    text: str = ""
    speaking: bool = False
    closed: bool = False

    @property
    def told(self) -> str:
        """What the conversation holds of it."""
        return self.text.strip()


@dataclass(slots=True)
class Spoken:
    """One part of a reply, spoken; positions are samples.

    Attributes:
        text: its words.
        arrived: sound that there is so far.
        heard: sound that was played.
        over: no more of it will be played.
        cut: it was stopped before its end.
    """

    text: SpokenText = field(default_factory=SpokenText)
    arrived: int = 0
    heard: int = 0
    over: bool = False
    cut: bool = False


@dataclass(slots=True)
class AgentTurn:
    """A reply.

    Attributes:
        response_id: of the protocol.
        session: number of the session that it belongs to.
        written: text that is not spoken.
        spoken: its parts that are.
        done: the server has finished it, or broken it off.
        interrupted: it was stopped before it was played to its end.
        closed: nothing of it will change any more.
        latency: stage -> milliseconds, as the server tells it.
        voice_to_voice: milliseconds from the end of the person's speech to the first audible
            sample at the loudspeaker; None: not measured.
    """

    response_id: str
    session: int = 0
    written: str = ""
    spoken: dict[Part, Spoken] = field(default_factory=dict)
    done: bool = False
    interrupted: bool = False
    closed: bool = False
    latency: Mapping[str, float] = field(default_factory=dict)
    voice_to_voice: float | None = None

    @property
    def sounding(self) -> bool:
        """Whether some of its sound is still to be played."""
        return any(not spoken.over for spoken in self.spoken.values())

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Items of the conversation that it is made of, as far as they have sound."""
        return tuple(dict.fromkeys(part.item_id for part in self.spoken))

    @property
    def played_ms(self) -> int:
        """Milliseconds of it that were played."""
        return sum(spoken.heard for spoken in self.spoken.values()) * 1000 // REALTIME_RATE

    @property
    def told(self) -> str:
        """What the conversation holds of it: what was heard, and what is written."""
        return self.split()[0].strip()

    def split(self) -> tuple[str, str]:
        """Its text: what was heard so far (and what is written), and the rest."""
        heard, rest = self.written, ""
        for spoken in self.spoken.values():
            first, second = spoken.text.split(spoken.heard, spoken.arrived, whole=spoken.cut)
            heard, rest = heard + first, rest + second
        return heard, rest

    def end(self) -> None:
        """Note that the server sends no more of it."""
        self.done = True
        for spoken in self.spoken.values():
            spoken.text.complete()
            spoken.over = spoken.over or not spoken.arrived
        self.settle()

    def settle(self) -> None:
        """Close it when it is done and everything was played or cut."""
        self.closed = self.done and not self.sounding


Turn = UserTurn | AgentTurn


class Turns:
    """The turns of a conversation, in order: open ones, and a memory of those before."""

    def __init__(self) -> None:
        self.open: list[Turn] = []
        """Turns that may still change, and what came after them."""
        self._past: deque[Turn] = deque(maxlen=MAX_PAST)

    def __iter__(self) -> Iterator[Turn]:
        """All that is remembered, oldest first."""
        yield from self._past
        yield from self.open

    def user(self, item_id: str) -> UserTurn:
        """The person's turn with this item; a new one where there is none."""
        for turn in self:
            if isinstance(turn, UserTurn) and turn.item_id == item_id:
                return turn
        new = UserTurn(item_id)
        self.open.append(new)
        return new

    def agent(self, response_id: str, session: int) -> AgentTurn:
        """The reply with this id; a new one where there is none."""
        for turn in self:
            if isinstance(turn, AgentTurn) and turn.response_id == response_id:
                return turn
        new = AgentTurn(response_id, session)
        self.open.append(new)
        return new

    def find(self, part: Part) -> tuple[AgentTurn, Spoken] | None:
        """The reply that a part belongs to, and the part; None: it is not known (any more)."""
        for turn in self:
            if isinstance(turn, AgentTurn) and part in turn.spoken:
                return turn, turn.spoken[part]
        return None

    def take_finished(self) -> list[Turn]:
        """Take the open turns that are closed, in order; they are still remembered.

        One that waits for a transcript or an ending that does not come is not waited for when a
        later one is closed.
        """
        finished: list[Turn] = []
        while self.open:
            turn, later = self.open[0], self.open[1:]
            done = not (turn.speaking if isinstance(turn, UserTurn) else turn.sounding)
            if not turn.closed and not (done and any(each.closed for each in later)):
                break
            turn.closed = True
            finished.append(self.open.pop(0))
        self._past += finished
        return finished
