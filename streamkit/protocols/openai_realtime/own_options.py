"""Settings of ours, which ride in a session under `streamkit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streamkit.protocols.openai_realtime.fields import Members, boolean, integer
from streamkit.protocols.openai_realtime.turn_detection import in_milliseconds, milliseconds
from streamkit.session.conversation_options import ConversationOptions, Interruption

MIN_LEAD_MS = 50
MAX_LEAD_MS = 30_000
MAX_INTERRUPTION_MS = 10_000
MAX_INTERRUPTION_WORDS = 20

OWN_FIELDS = (
    "lead_ms",
    "min_interruption_ms",
    "min_interruption_words",
    "preemptive",
    "holds",
    # Told by the server only; a client may send it back.
    "without_effect",
)

_DEFAULT = ConversationOptions()


@dataclass(frozen=True, slots=True)
class OwnOptions:
    """See `ConversationOptions` for the meanings."""

    lead: float = _DEFAULT.lead
    interruption: Interruption = field(default_factory=Interruption)
    preemptive: bool = _DEFAULT.preemptive
    holds: bool = _DEFAULT.holds

    def update(self, members: Members) -> OwnOptions:
        """Take over a partial update."""
        default = Interruption()
        return OwnOptions(
            lead=members.changed(
                "lead_ms", milliseconds(MIN_LEAD_MS, MAX_LEAD_MS), self.lead, _DEFAULT.lead
            ),
            interruption=Interruption(
                min_seconds=members.changed(
                    "min_interruption_ms",
                    milliseconds(0, MAX_INTERRUPTION_MS),
                    self.interruption.min_seconds,
                    default.min_seconds,
                ),
                min_words=members.changed(
                    "min_interruption_words",
                    integer(1, MAX_INTERRUPTION_WORDS),
                    self.interruption.min_words,
                    default.min_words,
                ),
                resume_after=self.interruption.resume_after,
            ),
            preemptive=members.changed("preemptive", boolean, self.preemptive, _DEFAULT.preemptive),
            holds=members.changed("holds", boolean, self.holds, _DEFAULT.holds),
        )

    def wire(self) -> dict[str, Any]:
        """As the server tells it."""
        return {
            "lead_ms": in_milliseconds(self.lead),
            "min_interruption_ms": in_milliseconds(self.interruption.min_seconds),
            "min_interruption_words": self.interruption.min_words,
            "preemptive": self.preemptive,
            "holds": self.holds,
        }
