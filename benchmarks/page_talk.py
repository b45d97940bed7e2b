"""Voice chat in the page: silences, interruptions, and gaps in what is played.

Both ends of a silence are taken from samples, on the page's `performance.now`:

* The microphone's blocks are taken from its track as they come, past the page's audio graph. A
  block's last sample cannot have been captured after it came; so the block that came soonest of
  all says when each sample was captured. The page reads the track in the same way in Chromium; in
  other browsers it has to guess how long sound waits before the audio graph has it.
* The loudspeaker's samples are taken where the page gives them to the audio context's output; when
  a frame is heard, the browser tells (`getOutputTimestamp`): the median of all readings. What the
  device adds beyond what it tells the browser nobody in the browser can see.

A sample is loud from 0.01 of full scale on, at both ends, as the microphone is after the
browser's echo and noise suppression, since that is what the page and the server hear.
"""

from __future__ import annotations

import base64
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

import numpy as np
import psutil

from streamkit_benchmarks.page_browser import Stage, begin, end
from streamkit_benchmarks.page_judge import (
    QUIET,
    Rendered,
    Samples,
    Span,
    Turn,
    clear_end,
    compare_sound,
    match_turns,
    merge,
    silences,
    summary,
    time_to_silence,
)

Figures = dict[str, Any]

PAUSE: Final = 900.0
"""Milliseconds of silence that part two sentences."""

APART_SECONDS: Final = 1.5
"""Of zeros between the sound of two replies."""

LOOK_AHEAD: Final = 8
"""Replies that may have gone unheard before the one that a stretch of sound is of."""

DRAIN_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
INTO_REPLY_SECONDS: Final = 2.0
"""After the end of a sentence somebody speaks into its answer."""

TAKE: Final = """() => ({
  ...benchmarkSound.take(),
  origin: performance.timeOrigin,
  turns: streamkit.trace.turns.map(({ at, total, parts }) => ({ at, total, parts })),
})"""

SPEAKER: Final = """() => ({
  underruns: streamkit.speaker.underruns,
  dry: streamkit.speaker.dryMilliseconds,
  interrupted: streamkit.talker.turns.filter((turn) => turn.interrupted).length,
})"""


# Silences and interruptions


def timing(stage: Stage, starts: int) -> tuple[Figures, Figures]:
    """Start a talk several times, each with two sentences, and one said into an answer.

    Returns:
        Figures of the waterfall against the samples, and of interruptions.
    """
    differences: list[Figures] = []
    onsets: list[float | None] = []
    talks: list[Figures] = []
    unmatched = unanswered = 0
    for number in range(starts):
        stage.tell(f"talk: start {number + 1} of {starts}")
        speech = stage.speech().pause(1.5).say().pause(ANSWER_SECONDS)
        speech.say(long=True).pause(INTO_REPLY_SECONDS).say().pause(ANSWER_SECONDS)
        with stage.open(speech, scripts=("page_sound.js",), loop=False, bypass_csp=True) as page:
            page.goto(stage.url)
            begin(page, "talk")
            stage.wait(page, speech.seconds, "talk")
            found = page.evaluate(TAKE)
        said, ends, heard, runs = _on_one_clock(found)
        pauses = silences(said, heard)
        unanswered += len(speech.texts) - len(pauses)
        turns = [
            Turn(1000 * each["at"] - found["origin"], each["total"]) for each in found["turns"]
        ]
        pairs, more, less = match_turns(turns, pauses)
        unmatched += more + less
        for turn, silence in pairs:
            place = [end for _, end in said].index(silence.said_until)
            differences.append(
                {
                    "start": number + 1,
                    "page": round(turn.total, 1),
                    "samples": round(silence.length, 1),
                    "captured": round(turn.at - silence.said_until, 1),
                    "heard": round(turn.at + turn.total - silence.heard_from, 1),
                    "clear": clear_end(ends[place]),
                }
            )
        talks.append({"texts": speech.texts, "said": _rounded(said), "heard": _rounded(heard)})
        if len(said) == len(speech.texts):
            onsets.append(time_to_silence(*said[-1], runs))
    waterfall = _differences(differences)
    waterfall |= {
        "starts": starts,
        "unmatched": unmatched,
        "unanswered": unanswered,
        "talks": talks,
    }
    stopped = [each for each in onsets if each is not None and math.isfinite(each)]
    return waterfall, {
        "of": starts,
        "not_judged": starts - sum(each is not None for each in onsets),
        "missed": sum(each is not None and math.isinf(each) for each in onsets),
        "silence": summary(stopped),
        "values": [round(each, 1) for each in stopped],
    }


def _rounded(spans: Sequence[Span]) -> list[list[float]]:
    return [[round(each, 1) for each in span] for span in spans]


def _differences(found: Sequence[Figures]) -> Figures:
    def sizes(rows: Sequence[Figures]) -> Figures:
        return summary([abs(row["page"] - row["samples"]) for row in rows])

    return {
        "difference": sizes(found),
        "difference_clear": sizes([row for row in found if row["clear"]]),
        "of_capture": summary([abs(row["captured"]) for row in found]),
        "of_heard": summary([abs(row["heard"]) for row in found]),
        "silence": summary([row["samples"] for row in found]),
        "values": list(found),
    }


def _on_one_clock(
    found: Figures,
) -> tuple[list[Span], list[list[float]], list[Span], list[Span]]:
    """The taps of one talk in milliseconds on the page's clock.

    Returns:
        What was said; the ends of each of that for all levels; what was heard; its runs.
    """
    microphone, loudspeaker = found["microphones"][-1], found["loudspeakers"][-1]
    zero, rate = microphone["zero"], microphone["rate"]
    levels = [
        merge([(zero + 1000 * a / rate, zero + 1000 * b / rate) for a, b in runs], PAUSE)
        for runs in microphone["runs"]
    ]
    said = levels[1]
    ends = [
        [min((end for _, end in level), key=lambda each: abs(each - until)) for level in levels]
        for _, until in said
    ]
    zero, rate = median(loudspeaker["zeros"]), loudspeaker["rate"]
    runs = [(zero + 1000 * a / rate, zero + 1000 * b / rate) for a, b in loudspeaker["runs"][1]]
    return said, ends, merge(runs, QUIET), runs


# A long chat


def chat(stage: Stage, minutes: float) -> Figures:
    """Talk while one core is kept busy, and look for gaps in what is played.

    `underruns` and `dry_ms` are what the page counts. `gaps` are found without it: stretches of
    zeros in the rendered sound that are not in the sound that its socket brought.
    `device_underruns` are those that the browser counts behind the page, where it does.
    """
    speech = stage.speech().pause(1.0)
    while speech.seconds < min(60 * minutes, 120):
        speech.say(long=True).pause(ANSWER_SECONDS)
    pieces: list[tuple[int, Samples]] = []
    sent: dict[str, list[Samples]] = {}
    with stage.open(speech, scripts=("page_sound.js",), bypass_csp=True) as page:
        page.goto(stage.url)
        page.evaluate("() => { benchmarkSound.record = true; }")
        begin(page, "talk")
        told = 0.0
        with busy_core():
            while told < 60 * minutes:
                step = min(DRAIN_SECONDS, 60 * minutes - told)
                page.wait_for_timeout(1000 * step)
                told += step
                found = page.evaluate(TAKE)
                _keep(found, pieces, sent)
                if told % 30 < step:
                    stage.tell(f"    chat: {told:.0f} of {60 * minutes:.0f} s")
        speaker = page.evaluate(SPEAKER)
        # What was on its way when the time was over.
        page.wait_for_timeout(500)
        _keep(found := page.evaluate(TAKE), pieces, sent)
        end(page)
    replies = [np.concatenate(each) for each in sent.values()]
    rendered, unheard = compare_all(pieces, replies)
    rate = found["loudspeakers"][-1]["rate"]
    gaps = [gap / rate for each in rendered for gap in each.gaps]
    return {
        "minutes": minutes,
        "underruns": speaker["underruns"],
        "dry_ms": round(speaker["dry"], 1),
        "device_underruns": found["loudspeakers"][-1]["underruns"],
        "gaps": len(gaps),
        "gap_ms": round(1000 * sum(gaps), 1),
        "replies": len(rendered),
        "unheard": unheard,
        "cut": sum(not each.whole for each in rendered),
        "altered": sum(each.altered for each in rendered),
        "interrupted": speaker["interrupted"],
        "played_seconds": round(sum(each.samples for each in rendered) / rate, 1),
        "silence": summary([each["total"] for each in found["turns"]]),
    }


def _keep(
    found: Figures, pieces: list[tuple[int, Samples]], sent: dict[str, list[Samples]]
) -> None:
    for loudspeaker in found["loudspeakers"]:
        pieces += [(first, _samples(text)) for first, text in loudspeaker["sound"]]
    for response, delta in found["sent"]:
        sent.setdefault(response, []).append(_samples(delta))


def _samples(text: str) -> Samples:
    return np.frombuffer(base64.b64decode(text), "<i2").astype(np.int16)


def compare_all(
    pieces: Sequence[tuple[int, Samples]], replies: Sequence[Samples], rate: int = 24_000
) -> tuple[list[Rendered], int]:
    """Compare all that was rendered with all that was sent.

    Args:
        pieces: first frame and samples of each stretch that is not zero, in order.
        replies: sound of each reply, in order.
        rate: of both.

    Returns:
        How each reply that was rendered was, and how many were not.
    """
    waiting = [each for each in replies if each.any()]
    found: list[Rendered] = []
    for stretch in _stretches(pieces, round(APART_SECONDS * rate)):
        tries = [compare_sound(stretch, each) for each in waiting[:LOOK_AHEAD]]
        fits = [place for place, each in enumerate(tries) if not each.altered and each.samples]
        if not tries:
            found.append(Rendered((), 0, whole=False, altered=True))
            continue
        found.append(tries[fits[0] if fits else 0])
        # What fits nothing (a reply that was held, and faded) must not cost the next ones theirs.
        if fits:
            del waiting[: fits[0] + 1]
    return found, max(0, sum(map(bool, map(len, replies))) - len(found))


def _stretches(pieces: Sequence[tuple[int, Samples]], apart: int) -> Iterator[Samples]:
    """Pieces that are less than so many frames apart, with the zeros between them.

    Where frames are counted anew (the page has opened another loudspeaker), a new one begins.
    """
    parts: list[Samples] = []
    end = -1
    for first, samples in pieces:
        if parts and not 0 <= first - end < apart:
            yield _trimmed(parts)
            parts = []
        if parts:
            parts.append(np.zeros(first - end, np.int16))
        parts.append(samples)
        end = first + len(samples)
    if parts:
        yield _trimmed(parts)


def _trimmed(parts: Sequence[Samples]) -> Samples:
    joined = np.concatenate(parts)
    return joined[int(np.flatnonzero(joined)[0]) :]


@contextmanager
def busy_core() -> Iterator[None]:
    """A process that does nothing but keep one core busy, the first one if one may choose."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        watched = psutil.Process(process.pid)
        if hasattr(watched, "cpu_affinity"):
            watched.cpu_affinity(watched.cpu_affinity()[:1])
        yield
    finally:
        process.kill()
        process.wait()
