"""What the silence between a person's last word and the reply is made of.

The stages of one turn pass in order, at least on paper: a reply that was begun before the turn
was certainly over has its first token before the endpoint. What the person waited for is then
not the token, so a stage that passed early costs nothing, and the parts always add up to the
whole. Times are seconds on one monotonic clock of the server.
"""

from __future__ import annotations

import enum
import math


class TurnStage(enum.Enum):
    """What has to happen before the person hears something, in order."""

    ENDPOINT = "endpoint"
    """It was decided that the person has finished."""
    FINAL = "final"
    """All words are known."""
    FIRST_TOKEN = "first_token"
    """The model has said something."""
    FIRST_PIECE = "first_piece"
    """There is enough to be spoken."""
    FIRST_BYTE = "first_byte"
    """The voice has given sound."""
    FIRST_AUDIBLE = "first_audible"
    """Sound that can be heard has been sent."""
    PLAYED = "played"
    """The client says that it has begun to play it."""


class TurnTrace:
    """When one turn passed each stage.

    Args:
        speech_end: when the last sample of speech had arrived; None: nobody spoke (the client
            asked for a response), and the stages count from `asked_at`.
        asked_at: when it was known that there is something to answer.
        captured_at: when that sample was captured, Unix seconds by the client's clock.
        position: after that sample, in the person's audio.
    """

    def __init__(
        self,
        speech_end: float | None,
        asked_at: float,
        captured_at: float | None = None,
        position: int | None = None,
    ) -> None:
        self.begin = asked_at if speech_end is None else speech_end
        self.spoken = speech_end is not None
        self.captured_at = captured_at
        self.position = position
        self._passed: dict[TurnStage, float] = {}

    def mark(self, stage: TurnStage, at: float) -> None:
        """A stage was passed; only the first time counts."""
        self._passed.setdefault(stage, at)

    def passed(self, stage: TurnStage) -> float | None:
        """When a stage was passed; None: not yet."""
        return self._passed.get(stage)

    @property
    def stages(self) -> dict[TurnStage, float]:
        """When each stage was passed, in the order of the stages; only those that were."""
        return {stage: self._passed[stage] for stage in TurnStage if stage in self._passed}

    def parts(self) -> dict[TurnStage, float]:
        """Seconds that each stage added, 0 for one that was early; only stages that were passed.

        All up to `FIRST_AUDIBLE` add up to `voice_to_voice`: nobody has waited for what came
        after the sound.
        """
        parts = {}
        reached = self.begin
        audible = self._passed.get(TurnStage.FIRST_AUDIBLE, math.inf)
        for stage in TurnStage:
            at = self._passed.get(stage)
            if at is not None:
                if stage is not TurnStage.PLAYED:
                    at = min(at, audible)
                parts[stage] = max(0.0, at - reached)
                reached = max(reached, at)
        return parts

    @property
    def voice_to_voice(self) -> float | None:
        """Seconds from the end of speech to the first audible sample sent; None: not yet."""
        at = self._passed.get(TurnStage.FIRST_AUDIBLE)
        return None if at is None else max(0.0, at - self.begin)
