"""The parts that a wait is made of: their names, their order, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a wait.

    Attributes:
        key: as traces have it.
        label: for people.
        meaning: from what to what.
    """

    key: str
    label: str
    meaning: str


CAPTURE: Final = Part("capture", "capture", "sample captured → its chunk has left the client")
NETWORK: Final = Part("network", "network", "chunk sent → received by the server")
UPLINK: Final = Part(
    "uplink", "capture + network", "sample captured → its chunk received by the server"
)
DOWNLINK: Final = Part("downlink", "network back", "sent by the server → received by the client")

TURN_PARTS: Final = (
    CAPTURE,
    NETWORK,
    UPLINK,
    Part("endpoint", "endpoint", "last sound of speech received → the turn is found to be over"),
    Part("final", "last words", "→ all words of the turn are known"),
    Part("first_token", "first token", "→ the model has said something"),
    Part("first_piece", "first piece", "→ there is enough to be spoken"),
    Part("first_byte", "first sound", "→ the voice has given sound"),
    Part("first_audible", "audible", "→ sound that can be heard has been sent"),
    DOWNLINK,
    Part("played", "played", "received → heard: jitter buffer and loudspeaker"),
)
"""From the person's last sound to the first sound of the reply."""

WORD_PARTS: Final = (
    CAPTURE,
    NETWORK,
    UPLINK,
    Part("vad", "speech detector", "received → the detector has heard it"),
    Part("wait", "wait for decoder", "→ a pass that has the word begins"),
    Part("decode", "decode", "→ that pass has ended"),
    Part("commit", "commit", "→ the word will not change any more"),
    Part("emit", "emit", "→ the caption that says so is sent"),
    DOWNLINK,
    Part("shown", "shown", "received → painted on the screen"),
)
"""From the end of a word to where it stands for good."""

SERVER_WORD_PARTS: Final = frozenset({"vad", "wait", "decode", "commit", "emit"})
"""What the server itself adds to a word."""

SERVER_TURN_PARTS: Final = frozenset(
    {"endpoint", "final", "first_token", "first_piece", "first_byte", "first_audible"}
)
"""What the server itself adds to a turn; their sum is its `voice_to_voice`."""


def in_turn(start: float, passed: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Cut a way into parts that add up to all of it.

    Args:
        start: when it begins, seconds.
        passed: part and when it ended, in order; None: unknown, and its time goes to the next.

    Returns:
        Part -> seconds. A part that had ended before the one in front of it has cost nothing.
    """
    parts = {}
    reached = start
    for part, at in passed:
        if at is not None:
            parts[part] = max(0.0, at - reached)
            reached = max(reached, at)
    return parts


def known(parts: Mapping[str, float], order: Iterable[Part]) -> list[Part]:
    """Those parts that a way has, in order."""
    return [part for part in order if part.key in parts]
