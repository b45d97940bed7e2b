"""From what the parts measured to the ratios and limits that are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

Report = dict[str, Any]

OURS: Final = "streamkit"
LIBRARY: Final = "coqui-tts"
SHORT: Final = f"{LIBRARY}, short"
"""The same with threads that wait as ours do."""

JUDGED_LENGTH: Final = 10
FIRST_LENGTH: Final = 5
CUDA_FIRST: Final = 0.15
CUDA_STREAMS: Final = 16


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that streamkit is measured by.

    Attributes:
        figure: what it is.
        wanted: limit, as in "at least 5".
        measured: None: it was not.
        met: None likewise.
        note: why it was not measured, or what belongs to it.
    """

    figure: str
    wanted: str
    measured: float | None
    met: bool | None
    note: str = ""


def length(system: Report | None, seconds: float) -> Report | None:
    """The figures of the sentence of so many seconds, or else the longest one."""
    rows = (system or {}).get("lengths") or []
    return next((row for row in rows if row["asked"] == seconds), rows[-1] if rows else None)


def growth(system: Report | None) -> float | None:
    """Cost of a second of sound in the longest sentence, by that in the shortest."""
    rows = (system or {}).get("lengths") or []
    return rows[-1]["rtf"] / rows[0]["rtf"] if len(rows) > 1 else None


def ratio(one: Report | None, other: Report | None, key: str) -> float | None:
    """A figure of one by that of the other; None where one has none."""
    if one is None or other is None or not one.get(key) or not other.get(key):
        return None
    return float(one[key] / other[key])


def most_streams(system: Report | None) -> int:
    """Sentences at once that are all made faster than they are played; 0: not even one."""
    rows = (system or {}).get("streams") or []
    return max((row["streams"] for row in rows if row["real_time"]), default=0)


def targets(report: Report) -> list[dict[str, Any]]:
    """Every figure with its limit, for the JSON."""
    return [asdict(target) for target in (*_speed(report), *_sound(report), *_device(report))]


def _speed(report: Report) -> Sequence[Target]:
    on_cpu = report["device"] == "cpu"
    elsewhere = "" if on_cpu else "meant for a CPU"
    systems, vocoder = report.get("systems", {}), report.get("vocoder", {})
    ours, theirs = vocoder.get(OURS), vocoder.get(LIBRARY)
    asked = (length(ours, JUDGED_LENGTH) or {}).get("asked", JUDGED_LENGTH)
    their_growth = growth(theirs)
    tokens = report.get("tokens", {})
    precision = "int8" if on_cpu else "bfloat16"
    if report["precision"] != "auto":
        precision = report["precision"]
    token = _token(tokens.get(LIBRARY), "float32"), _token(tokens.get(OURS), precision)
    first = [length(systems.get(name), FIRST_LENGTH) for name in (OURS, LIBRARY)]
    return (
        _least(
            f"time for {asked:g} s of sound, vocoder-bound, library : ours",
            5,
            ratio(length(theirs, JUDGED_LENGTH), length(ours, JUDGED_LENGTH), "took"),
            elsewhere or _short(vocoder, JUDGED_LENGTH, "took", invert=False),
        ),
        _most(
            "cost of a second of sound, longest : shortest sentence",
            1.2,
            growth(ours),
            f"library {their_growth:.1f}" if their_growth else "",
        ),
        _least(
            f"token of the GPT, library float32 : ours {precision}",
            2.5,
            token[0] / token[1] if token[0] and token[1] else None,
            elsewhere,
        ),
        _most(
            "first audible sample, ours : library",
            0.25,
            ratio(first[0], first[1], "first_audible"),
            elsewhere or _short(systems, FIRST_LENGTH, "first_audible", invert=True),
        ),
        _most(
            "event loop's delay while XTTS speaks, p99, ms",
            10,
            report.get("loop", {}).get("xtts", {}).get("p99"),
        ),
    )


def _short(systems: Report, seconds: float, key: str, *, invert: bool) -> str:
    """The same ratio where the library's threads wait as ours do."""
    theirs, ours = length(systems.get(SHORT), seconds), length(systems.get(OURS), seconds)
    found = ratio(ours, theirs, key) if invert else ratio(theirs, ours, key)
    return "" if found is None else f"{found:.2g} where its threads wait as ours do"


def _token(side: Report | None, precision: str) -> float | None:
    found = (side or {}).get(precision)
    return None if found is None else float(found["milliseconds"]["p50"])


def _sound(report: Report) -> Sequence[Target]:
    parts = [part for part in report.get("exact", {}).values() if "failure" not in part]
    errors = [part["streamkit"]["largest"] for part in parts]
    steps = [part["streamkit"]["seams"]["ratio"] for part in parts]
    apart = [part["interleaved"]["largest_difference"] for part in parts]
    same = all(part["interleaved"]["same_tokens"] for part in parts)
    return (
        _most("sample error against decoding at once", 1e-3, max(errors, default=None)),
        _most("largest step at a chunk's end : elsewhere", 1.0, max(steps, default=None)),
        _most(
            "two interleaved sentences against each alone, largest difference",
            1e-3 if same else -1.0,
            max(apart, default=None),
            "" if not parts else "same tokens" if same else "OTHER TOKENS",
        ),
    )


def _device(report: Report) -> Sequence[Target]:
    figures = ("CUDA: first audible sample, p50, s", "CUDA: streams that keep up with playback")
    if report["device"] != "cuda":
        note = report.get("cuda", "not measured")
        wanted = (f"at most {CUDA_FIRST:g}", f"at least {CUDA_STREAMS}")
        return [
            Target(figure, limit, None, None, note)
            for figure, limit in zip(figures, wanted, strict=True)
        ]
    ours = report.get("systems", {}).get(OURS)
    first = length(ours, FIRST_LENGTH)
    return (
        _most(figures[0], CUDA_FIRST, first["first_audible"] if first else None),
        _least(figures[1], CUDA_STREAMS, most_streams(ours) if ours else None),
    )


def _least(figure: str, limit: float, measured: float | None, note: str = "") -> Target:
    met = None if measured is None else measured >= limit
    return Target(figure, f"at least {limit:g}", measured, met, note)


def _most(figure: str, limit: float, measured: float | None, note: str = "") -> Target:
    met = None if measured is None else measured <= limit
    return Target(figure, f"at most {limit:g}", measured, met, note)
