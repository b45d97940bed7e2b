"""Replays a session: against a server in this process, on either clock, or against another one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.to_thread
from pydantic import ValidationError

from streamkit.config import Settings
from streamkit.errors import ConfigurationError, ReplayError
from streamkit.replay.compare import Comparison, compare
from streamkit.replay.playing import Played, play
from streamkit.replay.recorded import RecordedSession, is_recording, read_session
from streamkit.replay.run import Line, Run, sum_up
from streamkit.replay.script import Script, from_recording, from_sound
from streamkit.replay.simulated_clock import SimulatedClock, run_simulated
from streamkit.replay.wire import inside, over_socket
from streamkit.server.app import create_app
from streamkit.server.local import PRIVATE
from streamkit.server.serving import load_recognizer, running
from streamkit.server.state import ServerState

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.asr.recognizer import Recognizer

logger = logging.getLogger("streamkit.replay")

Clock = Literal["simulated", "real"]

OWN: dict[str, Any] = {**PRIVATE, "record": None, "trace": None, "otel": False}
"""Settings of the server in this process, which leaves nothing behind."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes:
        run: what was said, how late, and what else happened.
        old: the same of the recorded session; None: there is none.
        notes: what had to be adapted, and what is to be known when the two are compared.
        clock: on which it ran.
        seconds: of the session.
        took: seconds that it really took.
    """

    run: Run
    old: Run | None
    notes: tuple[str, ...]
    clock: Clock
    seconds: float
    took: float

    @property
    def comparison(self) -> Comparison | None:
        """What is different; None: there is nothing to compare with."""
        return None if self.old is None else compare(self.old, self.run)


def replay(
    source: str | Path,
    *,
    clock: Clock = "simulated",
    talk: bool = False,
    engine: tuple[Recognizer, ModelProfile] | None = None,
    url: str | None = None,
    key: str | None = None,
    against: Run | None = None,
    **settings: object,
) -> Replayed:
    """Replay a recorded session, or a sound file, against the server as it is today.

    Args:
        source: folder of a recorded session, the events.jsonl in it, or a sound file.
        clock: `simulated`: time in which nothing computes is skipped; `real`: over a socket, as
            long as it took.
        talk: a sound file is said in a conversation; else it is captioned.
        engine: a recognizer that is loaded already, with its profile; None: that of the settings.
        url: `ws://HOST:PORT` of a running server, which is used instead, on the real clock.
        key: for that one.
        against: an earlier run that is compared with instead of the recorded one.
        settings: of the server here; what is not given is as it was recorded.

    Raises:
        ReplayError: the source cannot be read, or the session cannot be played.
        StreamkitError: the server cannot be started with these settings.
    """
    path = Path(source)
    session: RecordedSession | None = None
    if is_recording(path):
        session = read_session(path)
        script = from_recording(session)
    else:
        try:
            script = from_sound(path, talk=talk)
        except OSError as error:
            raise ReplayError(
                f"{path} cannot be read: {error.strerror}; give the folder of a recorded session, "
                "or a sound file"
            ) from error
    began = time.monotonic()
    played: Played | ReplayError
    if url is not None:
        played = anyio.run(_play_elsewhere, script, url, key)
    else:
        chosen = make_settings(session, settings)
        loaded = engine or load_recognizer(chosen)[:2]
        if clock == "simulated":
            played = run_simulated(partial(_play_simulated, script, chosen, loaded))
        else:
            played = anyio.run(_play_here, script, chosen, loaded)
    if isinstance(played, ReplayError):
        raise played
    took = time.monotonic() - began
    return _sum_up(script, session, against, played, "real" if url else clock, took)


def make_settings(session: RecordedSession | None, given: Mapping[str, object]) -> Settings:
    """The settings of a server that is as it was recorded, but for what is given.

    Raises:
        ConfigurationError: a setting is unknown, or has a value that cannot be used.
    """
    unknown = sorted(set(given) - set(Settings.model_fields))
    if unknown:
        raise ConfigurationError(
            f"there is no setting {', '.join(unknown)}; `streamkit serve --help` and the "
            "documentation name those that there are"
        )
    recorded = {} if session is None else session.settings
    values = {name: value for name, value in recorded.items() if name in Settings.model_fields}
    if session is not None and values.get("model") == "auto":
        values["model"] = session.recognizer
    if "llm_url" in given:
        # The name of a model is one of its endpoint.
        values.pop("llm_model", None)
    try:
        return Settings(**{**values, **OWN, **given})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(f"settings that cannot be used: {problems}") from error


async def _play_elsewhere(script: Script, url: str, key: str | None) -> Played | ReplayError:
    shift = 0.0 if script.started_at is None else time.time() - script.started_at
    try:
        async with over_socket(url, f"/v1/{script.endpoint}", script.query, key) as wire:
            return await play(script, wire, shift)
    except ReplayError as error:
        # From here it would come out as a group of exceptions.
        return error


async def _play_here(
    script: Script, settings: Settings, engine: tuple[Recognizer, ModelProfile]
) -> Played | ReplayError:
    async with running(settings, *engine) as (_, url):
        return await _play_elsewhere(script, url, None)


async def _play_simulated(
    script: Script,
    settings: Settings,
    engine: tuple[Recognizer, ModelProfile],
    clock: SimulatedClock,
) -> Played | ReplayError:
    app = create_app(settings, *engine, clock=clock.now)
    state: ServerState = app.state.streamkit
    await anyio.to_thread.run_sync(state.speech.prepare)
    clock.busy = working(state)
    async with app.router.lifespan_context(app):
        if script.started_at is not None:
            state.epoch = script.started_at - clock.now()
        async with inside(app, f"/v1/{script.endpoint}", script.query) as wire:
            return wire if isinstance(wire, ReplayError) else await play(script, wire)


def working(state: ServerState) -> Callable[[], bool]:
    """Tells whether a thread works for the sessions of a server in this event loop."""
    limiters = (
        anyio.to_thread.current_default_thread_limiter(),
        state.voice_threads,
        state.synthesis_threads,
        state.file_threads,
    )
    return lambda: state.scheduler.busy or any(each.borrowed_tokens for each in limiters)


def _sum_up(
    script: Script,
    session: RecordedSession | None,
    against: Run | None,
    played: Played,
    clock: Clock,
    took: float,
) -> Replayed:
    run = sum_up(played.passed, script.endpoint)
    old = against
    if old is None and session is not None:
        old = sum_up(session.passed, script.endpoint)
    notes = [f"{text} ({count})" for text, count in sorted(played.notes.items())]
    if session is not None and session.missing is not None:
        notes.append(f"the recording is not whole: {session.missing}")
    if old is not None and script.waits == "leaves":
        run, left = _without_later(run, old, script.end)
        if left:
            notes.append(f"lines left out that came after the recorded client had left ({left})")
    notes.append(
        "not the same in any two runs: how long the engines take, and so which partial texts there "
        "are; a model of the reply that draws its words"
    )
    seconds = played.passed[-1].at if played.passed else 0.0
    return Replayed(run, old, tuple(notes), clock, seconds, took)


def _without_later(run: Run, old: Run, end: float) -> tuple[Run, int]:
    """Leave out what the recorded client did not stay for."""
    kept: list[Line] = []
    for line in run.lines:
        before = sum(each.who == line.who for each in kept)
        if line.at <= end or before < sum(each.who == line.who for each in old.lines):
            kept.append(line)
    return replace(run, lines=tuple(kept)), len(run.lines) - len(kept)
