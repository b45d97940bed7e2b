"""How late the event loop of a server is while a voice speaks.

A timer of 5 ms runs on the loop, as connections do in a server. Beside it somebody listens to one
text after the other: threads wait for the voice, as in a server, and no more than two seconds are
taken ahead of what is being played.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
import numpy as np
from anyio.to_thread import run_sync

from streamkit.server.sound import PieceShaper, Shaped
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.synthesizer import SpeechStream
from streamkit_benchmarks.speaking.texts import text_of
from streamkit_benchmarks.speaking.voices import SEED

TICK: Final = 0.005
AHEAD: Final = 2.0
RATE: Final = 24_000
TEXT_SECONDS: Final = 10.0
SETTLING: Final = 0.5
"""Seconds of each phase that are not counted."""

Figures = dict[str, Any]
Task = Mapping[str, Any]


def measure(task: Task, tell: Callable[[str], None]) -> Figures:
    """Measure the idle loop, and then each voice.

    Args:
        task: `seconds` of each phase; `voices`: name -> `directory` of the weights, if it has any;
            `device`, `precision`, `threads`, `batch` of XTTS.
        tell: takes progress.
    """
    found = {"idle": anyio.run(_watched, None, task["seconds"])}
    for name, directory in task["voices"].items():
        with _opened(name, directory, task) as engine:
            found[name] = anyio.run(_watched, engine, task["seconds"])
        tell(f"loop while {name} speaks: p99 {found[name]['p99']:.1f} ms")
    return found


@contextmanager
def _opened(name: str, directory: str | None, task: Task) -> Iterator[SpeechEngine]:
    """A voice as a server loads it."""
    with TemporaryDirectory() as folder:
        engine: SpeechEngine
        if name == "espeak":
            from streamkit.tts.espeak_engine import load_espeak

            engine = load_espeak()
        elif name == "kokoro":
            from streamkit.tts.kokoro import load_kokoro

            engine = load_kokoro(Path(str(directory)), threads=task["threads"])
        else:
            from streamkit.tts.voices.store import VoiceStore
            from streamkit.tts.xtts.synthesizer import load_xtts

            engine = load_xtts(
                Path(str(directory)),
                name="xtts_v2",
                voices=VoiceStore(Path(folder)),
                device=task["device"],
                precision=task["precision"],
                batch=task["batch"],
                threads=task["threads"],
                seed=SEED,
            )
        try:
            engine.prepare()
            yield engine
        finally:
            engine.close()


async def _watched(engine: SpeechEngine | None, seconds: float) -> Figures:
    """Milliseconds that the timer was late, while a voice speaks."""
    delays: list[float] = []
    heard = 0.0

    async def listen() -> None:
        nonlocal heard
        while engine is not None:
            began, had = time.perf_counter(), 0.0
            stream = await run_sync(partial(_begin, engine))
            shaper = PieceShaper(RATE, trim=True)
            try:
                while True:
                    shaped = await run_sync(partial(_next, stream, shaper), abandon_on_cancel=True)
                    if shaped is None:
                        break
                    had += len(shaped.samples) / RATE
                    heard += len(shaped.samples) / RATE
                    await anyio.sleep(max(0.0, began + had - AHEAD - time.perf_counter()))
            finally:
                stream.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await anyio.sleep(SETTLING)
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            await anyio.sleep(TICK)
            delays.append(1000 * max(0.0, time.perf_counter() - now - TICK))
        tasks.cancel_scope.cancel()
    low, high = np.percentile(delays, (50, 99)).tolist()
    return {
        "p50": round(low, 3),
        "p99": round(high, 3),
        "max": round(max(delays), 3),
        "ticks": len(delays),
        "heard_seconds": round(heard, 2),
    }


def _begin(engine: SpeechEngine) -> SpeechStream:
    text = text_of(TEXT_SECONDS)
    return engine.synthesizer.synthesize(text, voice=engine.find_voice(None))


def _next(stream: SpeechStream, shaper: PieceShaper) -> Shaped | None:
    piece = next(stream, None)
    return None if piece is None else shaper.shape(piece)
