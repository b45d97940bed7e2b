"""The tab's memory, while people talk and read captions in turn."""

from __future__ import annotations

from typing import Any, Final

import psutil

from streamkit_benchmarks.page_browser import Stage, begin, end
from streamkit_benchmarks.page_judge import slope

Figures = dict[str, Any]

MIB: Final = 2**20
LEAST_MEASUREMENTS: Final = 6
MOST_SECONDS: Final = 60.0
"""From one measurement to the next."""

TOLERATED: Final = 0.05
"""Share of a quantity that it may grow by in half an hour and be called flat."""

QUANTITIES: Final = ("heap_mib", "rss_mib", "nodes")


def memory(stage: Stage, minutes: float) -> Figures:
    """Measure after each minute of talk or captions, by turns, when it has been stopped.

    `heap_mib`: of JavaScript, after garbage was collected; `rss_mib`: of the tab's process;
    `nodes`: of the document, and those that are kept without it. A line through the second half
    of them says whether they grow.
    """
    every = min(MOST_SECONDS, 60 * minutes / LEAST_MEASUREMENTS)
    count = max(1, round(60 * minutes / every))
    speech = stage.speech().pause(0.5)
    while speech.seconds < every:
        speech.say().pause(3.5)
    rows: list[Figures] = []
    with stage.open(speech) as page:
        page.goto(stage.url)
        wire = page.context.new_cdp_session(page)
        browser = page.context.browser
        assert browser is not None
        process = psutil.Process(_renderer(browser.new_browser_cdp_session()))
        for number in range(count):
            kind = ("talk", "captions")[number % 2]
            begin(page, kind)
            page.wait_for_timeout(1000 * every)
            end(page)
            wire.send("HeapProfiler.collectGarbage")
            rows.append(
                {
                    "minute": round((number + 1) * every / 60, 2),
                    "after": kind,
                    "heap_mib": round(wire.send("Runtime.getHeapUsage")["usedSize"] / MIB, 3),
                    "rss_mib": round(process.memory_info().rss / MIB, 1),
                    "nodes": wire.send("Memory.getDOMCounters")["nodes"],
                }
            )
            last = rows[-1]
            stage.tell(
                f"memory: minute {last['minute']:g} of {minutes:g}: heap {last['heap_mib']:.2f} "
                f"MiB, tab {last['rss_mib']:.0f} MiB, {last['nodes']} nodes"
            )
        texts = page.evaluate(
            "() => [streamkit.captioner?.captions.lines.length, streamkit.talker?.turns.length]"
        )
    return {
        "minutes": minutes,
        "lines": texts[0],
        "turns": texts[1],
        "rows": rows,
        "lines_through": {name: judge_growth(rows, name) for name in QUANTITIES},
    }


def judge_growth(rows: list[Figures], name: str) -> Figures | None:
    """A line through the second half of a quantity; None: there are too few values.

    `flat` is true where the whole interval lies below what is tolerated, false where the line
    surely rises, and by more than that; else it is None: that takes more minutes to tell.
    """
    half = rows[len(rows) // 2 :]
    found = slope([row["minute"] for row in half], [row[name] for row in half])
    if found is None:
        return None
    level = sum(row[name] for row in half) / len(half)
    most = 2 * TOLERATED * level
    flat: bool | None = None
    if found.high <= most:
        flat = True
    elif found.low > 0 and found.per_hour > most:
        flat = False
    return {
        "per_hour": round(found.per_hour, 3),
        "low": round(found.low, 3),
        "high": round(found.high, 3),
        "level": round(level, 2),
        "flat": flat,
    }


def _renderer(wire: Any) -> int:
    """The tab's process: of those that draw pages, the one that has worked most."""
    processes = wire.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [each for each in processes if each["type"] == "renderer"]
    return int(max(renderers, key=lambda each: each["cpuTime"])["id"])
