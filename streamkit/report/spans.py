"""From where to where a wait is counted: as far as most of the ways of a trace are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from streamkit.report.join import Way
from streamkit.report.stages import SERVER_TURN_PARTS, SERVER_WORD_PARTS


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that all ways can be compared in.

    Attributes:
        label: from what to what.
        last: the part with which it ends.
        inner: parts that count.
        captured: it begins when the sound was captured; else when the server had it.
    """

    label: str
    last: str
    inner: frozenset[str]
    captured: bool

    def of(self, way: Way) -> float | None:
        """Seconds; None: not all of it is known of this way."""
        parts = way.parts
        if self.last not in parts or (self.captured and not CAPTURED & parts.keys()):
            return None
        return sum(seconds for part, seconds in parts.items() if part in self.inner)


CAPTURED: Final = frozenset({"capture", "uplink"})
_UP: Final = frozenset({"capture", "network", "uplink"})
_UNTIL_COMMIT: Final = SERVER_WORD_PARTS - {"emit"}

TURN_SPANS: Final = (
    Span(
        "last sound captured → reply heard",
        "played",
        _UP | SERVER_TURN_PARTS | {"downlink", "played"},
        True,
    ),
    Span("last sound captured → reply sent", "first_audible", _UP | SERVER_TURN_PARTS, True),
    Span("last sound received → reply sent", "first_audible", SERVER_TURN_PARTS, False),
)
"""Of turns, the longest first."""

WORD_SPANS: Final = (
    Span(
        "word captured → shown",
        "shown",
        _UP | SERVER_WORD_PARTS | {"downlink", "shown"},
        True,
    ),
    Span("word received → shown", "shown", SERVER_WORD_PARTS | {"downlink", "shown"}, False),
    Span("word captured → sent, committed", "emit", _UP | SERVER_WORD_PARTS, True),
    Span("word captured → committed", "commit", _UP | _UNTIL_COMMIT, True),
    Span("word received → sent, committed", "emit", SERVER_WORD_PARTS, False),
    Span("word received → committed", "commit", _UNTIL_COMMIT, False),
)
"""Of words, the longest first."""


def shared(spans: Iterable[Span], *traces: Sequence[Way]) -> Span | None:
    """The longest span that most ways of each trace are known in; None: there are no ways."""
    if not all(traces):
        return None
    for span in spans:
        if all(2 * sum(span.of(way) is not None for way in ways) > len(ways) for ways in traces):
            return span
    return None


def measured(span: Span | None, ways: Iterable[Way]) -> list[tuple[Way, float]]:
    """The ways that are known in a span, and how long each is."""
    if span is None:
        return []
    return [(way, seconds) for way in ways if (seconds := span.of(way)) is not None]
