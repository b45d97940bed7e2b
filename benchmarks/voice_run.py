"""Plays the persons of a benchmark, one or many at once, and measures the benchmark itself."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import psutil
from websockets.exceptions import ConnectionClosed

from streamkit.errors import StreamkitError
from streamkit_benchmarks.drive import cpu_seconds, memory_mib
from streamkit_benchmarks.timeline import percentiles
from streamkit_benchmarks.voice_figures import Report, doubts, passes, summarize
from streamkit_benchmarks.voice_judge import Judgement, judge
from streamkit_benchmarks.voice_link import Target, session
from streamkit_benchmarks.voice_scene import Scene, perform, plan
from streamkit_benchmarks.voice_sounds import Voices
from streamkit_benchmarks.voice_user import VoiceUser, now

TICK_SECONDS: Final = 0.02
PROGRESS_SECONDS: Final = 15.0
LEAST_SCENES: Final = 8
"""Of each of several persons, so that each has done nearly everything once."""

SPREAD_SECONDS: Final = 6.0
"""Persons begin within this time of each other: people do not speak in lockstep."""

GREETING_SECONDS: Final = 1.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a server is measured.

    Attributes:
        target: the server.
        voices: of the persons.
        kinds: of scenes, in turn.
        turns: scenes of one number of users together, at least.
        jitter: of the client, in seconds.
        patience: seconds that an answer may take.
        seed: of what is done when.
        least: scenes of each person, however many there are.
        process: of the server, if it is on this machine; None: its CPU is not measured.
    """

    target: Target
    voices: Voices
    kinds: tuple[str, ...]
    turns: int
    jitter: float
    patience: float
    seed: int
    least: int = LEAST_SCENES
    process: psutil.Process | None = None


@dataclass(slots=True)
class _Step:
    """One number of users while they are at it."""

    users: int
    scenes: int
    judgements: list[Judgement] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    loop_late: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    ours: bool = False


def climb(
    plan: Plan, steps: Sequence[int], limit: float, tell: Tell, keep: Callable[[Report], None]
) -> None:
    """Measure with more and more users, until p95 of the voice-to-voice latency passes the limit.

    Args:
        plan: of the measurement.
        steps: numbers of users, growing.
        limit: seconds.
        tell: takes lines of progress.
        keep: takes the figures of each number.

    Raises:
        ConfigurationError: the server refuses all sessions.
        ConnectionLostError: it is not there, or hangs up before anything could be measured.
    """
    for users in steps:
        count = max(plan.least if users > 1 else 1, math.ceil(plan.turns / users))
        each = f"{count} scene{'s' * (count > 1)} each"
        tell(f"{users} user{'s' * (users > 1)}, {each}: making what they say")
        scripts = [_script(plan, user, count) for user in range(users)]
        figures = anyio.run(_play, plan, scripts, tell)
        figures["passes_limit"] = passes(figures, limit)
        keep(figures)
        tell(_sentence(figures))
        if figures["passes_limit"]:
            break


def _script(plan_: Plan, user: int, count: int) -> list[Scene]:
    # Three on for each person: with ten kinds in turn, all that a few persons do is mixed.
    return plan(plan_.voices, plan_.kinds, count, 3 * user, plan_.seed + user)


def _sentence(figures: Report) -> str:
    waits = figures["voice_to_voice"]
    found = (
        "no answers"
        if waits["p50"] is None
        else f"voice-to-voice p50 {waits['p50']:.2f} p95 {waits['p95']:.2f} s"
    )
    doubt = "; NOT TO BE TRUSTED: " + "; ".join(figures["doubts"]) if figures["doubts"] else ""
    return f"    {found}, {figures['unanswered']} unanswered{doubt}"


async def _play(plan: Plan, scripts: list[list[Scene]], tell: Tell) -> Report:
    step = _Step(len(scripts), sum(map(len, scripts)))
    choose = random.Random(plan.seed)
    started, own = now(), time.process_time()
    server = None if plan.process is None else cpu_seconds(plan.process)
    async with anyio.create_task_group() as watchers:
        watchers.start_soon(_tick, step)
        watchers.start_soon(_progress, step, started, tell)
        async with anyio.create_task_group() as persons:
            for script in scripts:
                delay = choose.uniform(0, SPREAD_SECONDS) if len(scripts) > 1 else 0.0
                persons.start_soon(_person, plan, step, script, delay)
        watchers.cancel_scope.cancel()
    if step.failure is not None and not step.judgements:
        raise step.failure
    wall = now() - started
    figures = {"users": step.users, "seconds": round(wall, 1), **summarize(step.judgements)}
    figures["load"] = {
        "chunks": len(step.late),
        **_lateness("chunk_late", step.late),
        **_lateness("loop_late", step.loop_late),
        "own_cpu": round((time.process_time() - own) / wall, 4),
    }
    if plan.process is not None and server is not None:
        used = cpu_seconds(plan.process) - server
        figures["server"] = {
            "cpu": round(used / wall, 4),
            "cpu_per_user": round(used / wall / step.users, 4),
            "memory_mib": round(memory_mib(plan.process), 1),
        }
    figures["ours"] = step.ours
    figures["errors"] = step.errors[:10]
    figures["failures"] = step.failures
    figures["doubts"] = doubts(figures)
    return figures


def _lateness(name: str, values: Sequence[float]) -> dict[str, Any]:
    largest = round(max(values), 4) if values else None
    return {f"{name}_p99": percentiles(values, 99)["p99"], f"{name}_max": largest}


async def _person(plan: Plan, step: _Step, script: list[Scene], delay: float) -> None:
    """One person's session from its beginning to its end."""
    await anyio.sleep(delay)
    done = 0
    try:
        async with session(plan.target) as (socket, ours):
            step.ours = step.ours or ours
            user = VoiceUser(socket, jitter=plan.jitter, ours=ours)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(user.run)
                    # Who greets has the first word, and nothing is measured of it.
                    await anyio.sleep(GREETING_SECONDS)
                    for scene in script:
                        step.judgements.append(judge(await perform(user, scene, plan.patience)))
                        done += 1
                    tasks.cancel_scope.cancel()
            finally:
                step.late += user.late
                step.errors += user.errors
    except Exception as error:
        reason = _reason(error)
        if not isinstance(reason, StreamkitError | ConnectionClosed | OSError):
            raise
        step.failures.append(f"after {done} of {len(script)} scenes: {reason}")
        step.failure = step.failure or reason


def _reason(error: BaseException) -> BaseException:
    """The first of what task groups have put together."""
    while isinstance(inner := getattr(error, "exceptions", None), tuple) and inner:
        error = inner[0]
    return error


async def _tick(step: _Step) -> None:
    due = now()
    while True:
        due += TICK_SECONDS
        await anyio.sleep(max(0.0, due - now()))
        late = now() - due
        step.loop_late.append(late)
        if late > TICK_SECONDS:
            due += late


async def _progress(step: _Step, started: float, tell: Tell) -> None:
    while True:
        await anyio.sleep(PROGRESS_SECONDS)
        waits = [
            each.wait
            for judgement in step.judgements
            for each in judgement.sentences
            if each.wait is not None
        ]
        middle = percentiles(waits, 50)["p50"]
        so_far = "" if middle is None else f", voice-to-voice p50 {middle:.2f} s so far"
        tell(f"    {len(step.judgements)} of {step.scenes} scenes{so_far}")


def find_process(port: int) -> psutil.Process | None:
    """The process of this machine that listens on a TCP port; None: it cannot be told."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except (psutil.Error, OSError):
            continue
        if any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections
        ):
            return process
    return None
