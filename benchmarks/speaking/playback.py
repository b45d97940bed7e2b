"""What a listener notices of a voice: when it begins, and when playback runs dry.

Playback begins with the first chunk and never waits on purpose. When its sound is used up before
the next chunk is there, it is silent for as long as that takes: a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound as it came.

    Attributes:
        at: seconds since the text was given.
        samples: of sound.
        audible: index of the first one that can be heard; None: none can.
    """

    at: float
    samples: int
    audible: int | None


def listen(chunks: Sequence[Chunk], rate: int) -> Figures:
    """The figures of one sentence.

    Args:
        chunks: in order, one at least.
        rate: of the sound, in Hz.

    Returns:
        Seconds: `first_chunk`; `first_audible`, when the first sample that can be heard is played
        (None: none can); `audio`; `took`, until the last chunk was there; `longest_gap` and `dry`,
        the time of all gaps. Beside them `rtf`, `took` by `audio`; `gaps` and `chunks`, numbers.
    """
    played = chunks[0].at
    audible: float | None = None
    gaps: list[float] = []
    for chunk in chunks:
        if chunk.at > played:
            gaps.append(chunk.at - played)
            played = chunk.at
        if audible is None and chunk.audible is not None:
            audible = played + chunk.audible / rate
        played += chunk.samples / rate
    audio = sum(chunk.samples for chunk in chunks) / rate
    took = chunks[-1].at
    return {
        "first_chunk": round(chunks[0].at, 4),
        "first_audible": None if audible is None else round(audible, 4),
        "audio": round(audio, 3),
        "took": round(took, 4),
        "rtf": round(took / audio, 4),
        "longest_gap": round(max(gaps, default=0.0), 4),
        "dry": round(sum(gaps, 0.0), 4),
        "gaps": len(gaps),
        "chunks": len(chunks),
    }


def middle(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over several runs; None where a run has none."""
    found: Figures = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        found[key] = None if None in values else _rounded(median(values))
    return found


def _rounded(value: float) -> float:
    return int(value) if value == int(value) else round(value, 4)


def together(runs: Sequence[Figures]) -> Figures:
    """The figures of several sentences that were asked for at once.

    Returns:
        `first_audible` and `rtf`, each median and highest; the longest of the gaps, and the
        longest time that anybody heard nothing; `speed`, seconds of sound a second of all together;
        `real_time`, whether every sentence was made faster than it is played.
    """
    firsts = [run["first_audible"] for run in runs if run["first_audible"] is not None]
    rates = [run["rtf"] for run in runs]
    return {
        "streams": len(runs),
        "first_audible": {"p50": round(median(firsts), 4), "max": max(firsts)} if firsts else None,
        "rtf": {"p50": round(median(rates), 4), "max": max(rates)},
        "longest_gap": max(run["longest_gap"] for run in runs),
        "dry": max(run["dry"] for run in runs),
        "speed": round(sum(run["audio"] for run in runs) / max(run["took"] for run in runs), 4),
        "real_time": max(rates) < 1,
    }


def queued(run: Figures, count: int) -> Figures:
    """What `together` would tell of a system that speaks one sentence after the other.

    Args:
        run: one sentence alone.
        count: sentences that are asked for at once.
    """
    keys = ("first_chunk", "first_audible", "took")
    runs = []
    for place in range(count):
        wait = place * run["took"]
        late = {key: None if run[key] is None else round(run[key] + wait, 4) for key in keys}
        runs.append({**run, **late, "rtf": round(late["took"] / run["audio"], 4)})
    return together(runs)
