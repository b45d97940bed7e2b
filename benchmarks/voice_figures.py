"""From judged scenes to the figures of a report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from streamkit_benchmarks.timeline import percentiles
from streamkit_benchmarks.voice_judge import STAGES, WHOLE, BrokenInto, Heard, Judgement
from streamkit_benchmarks.voice_scene import ASIDES

Report = dict[str, Any]

LATE_CHUNKS: Final = 0.02
"""Seconds: p99 of the lateness of chunks from which on pacing is not real."""

LATE_LOOP: Final = 0.01
"""Seconds: p99 of the lateness of the benchmark's own clock from which on times are its own."""

BUSY_SHARE: Final = 0.7
"""Of a core: from here on the one thread of the benchmark is a bottleneck."""

UNANSWERED_SHARE: Final = 0.05
"""From so many on p95 counts as never."""


def summarize(judgements: Sequence[Judgement]) -> Report:
    """Everything that is known from the scenes of one number of users; seconds."""
    sentences = [each for judgement in judgements for each in judgement.sentences]
    broken = [each.broken_into for each in judgements if each.broken_into is not None]
    waits = [each.wait for each in sentences if each.wait is not None]
    staged = [each for each in sentences if WHOLE in each.stages]
    stopped = [each for each in broken if each.kind == "barge-in" and each.stopped]
    gaps = [gap for each in judgements for gap in each.gaps]
    return {
        "scenes": len(judgements),
        "sentences": len(sentences),
        "unanswered": sum(not each.answered for each in sentences),
        "voice_to_voice": _three(waits),
        "mean_wait": round(sum(waits) / len(waits), 4) if waits else None,
        "voice_to_voice_buffered": _three(
            each.wait_buffered for each in sentences if each.wait_buffered is not None
        ),
        "voice_to_voice_by_kind": {
            kind: _three(each.wait for each in of_kind if each.wait is not None)
            for kind, of_kind in _by_kind(sentences).items()
        },
        "beyond_endpoint": _three(
            each.stages[WHOLE] - each.stages.get("endpoint", 0.0) for each in staged
        ),
        "stages": {
            stage: _stage([each.stages[stage] for each in staged if stage in each.stages])
            for stage in (*STAGES, WHOLE)
            if any(stage in each.stages for each in staged)
        },
        "difference": _difference([each for each in sentences if each.difference is not None]),
        "false_endpoints": {
            "of": len(sentences),
            "count": sum(each.too_soon for each in sentences),
            "heard": sum(each.too_soon_heard for each in sentences),
            "by_kind": {
                kind: {"of": len(of_kind), "count": sum(each.too_soon for each in of_kind)}
                for kind, of_kind in _by_kind(sentences).items()
            },
        },
        "barge_ins": _counts([each for each in broken if each.kind == "barge-in"], stops=False),
        "time_to_silence": _three(each.silence for each in stopped if each.silence is not None),
        "last_sound_sent": _three(
            each.last_sound for each in stopped if each.last_sound is not None
        ),
        "false_barge_ins": {
            kind: _counts([each for each in broken if each.kind == kind], stops=True)
            for kind in ASIDES
        },
        "stray_replies": sum(each.strays for each in judgements),
        "gaps": {
            "replies": sum(each.replies for each in judgements),
            "count": len(gaps),
            "longest": round(max(gaps, default=0.0), 3),
        },
        "values": {
            "voice_to_voice": [round(each, 4) for each in waits],
            "time_to_silence": _rounded(each.silence for each in stopped),
            "last_sound_sent": _rounded(each.last_sound for each in stopped),
            "difference": _rounded(each.difference for each in sentences),
            "end_difference": _rounded(each.end_difference for each in sentences),
        },
    }


def passes(step: Report, limit: float) -> bool:
    """p95 of the voice-to-voice latency is beyond the limit; no answer is the longest wait."""
    p95 = step["voice_to_voice"]["p95"]
    share = step["unanswered"] / max(1, step["sentences"])
    return p95 is None or p95 > limit or share > UNANSWERED_SHARE


def doubts(step: Report) -> list[str]:
    """Why the figures of a step are not to be trusted; nothing if they are."""
    load, found = step["load"], []
    if load["loop_late_p99"] is not None and load["loop_late_p99"] > LATE_LOOP:
        found.append(
            f"the benchmark's own clock was {1000 * load['loop_late_p99']:.0f} ms late (p99, at "
            f"most {1000 * LATE_LOOP:.0f}): its machine was too busy"
        )
    if load["chunk_late_p99"] is not None and load["chunk_late_p99"] > LATE_CHUNKS:
        found.append(
            f"chunks left {1000 * load['chunk_late_p99']:.0f} ms late (p99, at most "
            f"{1000 * LATE_CHUNKS:.0f}): the benchmark was too slow, or the server held them back"
        )
    if load["own_cpu"] > BUSY_SHARE:
        found.append(
            f"the benchmark itself used {100 * load['own_cpu']:.0f} % of a core (at most "
            f"{100 * BUSY_SHARE:.0f}): take fewer users, or several machines"
        )
    if step["failures"]:
        found.append(f"{len(step['failures'])} of {step['users']} sessions broke off")
    return found


def _by_kind(sentences: Iterable[Heard]) -> dict[str, list[Heard]]:
    found: dict[str, list[Heard]] = {}
    for each in sentences:
        found.setdefault(each.kind, []).append(each)
    return found


def _three(values: Iterable[float]) -> Report:
    taken = list(values)
    return {"count": len(taken), **percentiles(taken, 50, 95, 99)}


def _stage(values: Sequence[float]) -> Report:
    return {"mean": round(sum(values) / len(values), 4), **percentiles(values, 50, 95)}


def _difference(sentences: Sequence[Heard]) -> Report | None:
    """Of the absolute values, milliseconds; None where the server tells nothing."""
    if not sentences:
        return None

    def of(value: Callable[[Heard], float | None]) -> Report:
        values = [1000 * abs(found) for each in sentences if (found := value(each)) is not None]
        return {**percentiles(values, 50, 95), "max": round(max(values), 3)}

    return {
        "count": len(sentences),
        "all": of(lambda each: each.difference),
        "outside": of(lambda each: each.outside),
        "end_of_speech": of(lambda each: each.end_difference),
    }


def _counts(broken: Sequence[BrokenInto], *, stops: bool) -> Report:
    """How many replies were broken into, and how many did what they should not have done."""
    judged = [each for each in broken if each.stopped is not None]
    return {
        "of": len(judged),
        "count": sum(each.stopped is stops for each in judged),
        "not_judged": len(broken) - len(judged),
    }


def _rounded(values: Iterable[float | None]) -> list[float]:
    return [round(each, 4) for each in values if each is not None]
