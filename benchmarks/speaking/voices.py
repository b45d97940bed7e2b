"""How soon and how steadily one voice speaks, alone and several times at once.

All voices are asked as a server asks them: through the Synthesizer Protocol, by threads that take
each piece as soon as it is there. XTTS and the library are in a process of their own, whose memory
and CPU time are measured; espeak-ng and Kokoro are in this one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from streamkit.errors import ConfigurationError
from streamkit.server.sound import first_audible
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.spec import EngineSpec
from streamkit_benchmarks.speaking.playback import (
    Chunk,
    Figures,
    listen,
    middle,
    queued,
    together,
)
from streamkit_benchmarks.speaking.texts import text_of

PATIENCE: Final = 900.0
"""Seconds; the library takes minutes for some chunks."""
SEED: Final = 0
WARM_UP: Final = "Yes."
SAMPLING_SECONDS: Final = 0.05
MEBIBYTE: Final = 1 << 20

Tell = Callable[[str], None]
Task = Mapping[str, Any]


@contextmanager
def opened(task: Task) -> Iterator[SpeechEngine]:
    """Load the voice of a task, and end it.

    Args:
        task: `system` is "streamkit", "library", "kokoro" or "espeak"; the others are `directory`,
            `device`, `precision`, `threads`, `wait`, `limited` and `batch`, as far as it has them.
    """
    with TemporaryDirectory() as folder:
        engine = _engine(task, Path(folder))
        try:
            engine.prepare()
            yield engine
        finally:
            engine.close()


def _engine(task: Task, folder: Path) -> SpeechEngine:
    match task["system"]:
        case "espeak":
            from streamkit.tts.espeak_engine import load_espeak

            return load_espeak()
        case "kokoro":
            from streamkit.tts.kokoro import load_kokoro

            return load_kokoro(Path(task["directory"]), threads=task["threads"])
        case "streamkit":
            factory, own = "ours", {"precision": task["precision"], "batch": task["batch"]}
        case "library":
            factory, own = "library", {}
        case other:
            raise ConfigurationError(f"there is no voice {other!r} to measure")
    from streamkit.tts.voices.store import VoiceStore
    from streamkit.tts.xtts.synthesizer import speech_engine

    shared = {key: task[key] for key in ("directory", "device", "threads", "wait", "limited")}
    spec = EngineSpec(
        f"streamkit_benchmarks.speaking.engines:{factory}", {**shared, **own}, extra="xtts"
    )
    limits = WorkerLimits(
        ready_timeout=PATIENCE, heartbeat_timeout=PATIENCE, sound_timeout=PATIENCE
    )
    return speech_engine(spec, name="xtts_v2", voices=VoiceStore(folder), limits=limits, seed=SEED)


def process_of(engine: SpeechEngine) -> psutil.Process:
    """The process that speaks."""
    pid = None if engine.statistics is None else engine.statistics().pid
    return psutil.Process(os.getpid() if pid is None else pid)


class Memory:
    """Watches how much memory a voice takes.

    Args:
        engine: the voice, loaded.

    Attributes:
        peak: the most resident bytes of its process since `begin`.
        told: the most that the process tells of itself, with what it has on a device.
    """

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self._process = process_of(engine)
        self._over = threading.Event()
        self.begin()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Forget what was."""
        self.peak = self._process.memory_info().rss
        self.told = 0

    def end(self) -> None:
        """Watch no more."""
        self._over.set()
        self._thread.join()

    def figures(self) -> Figures:
        """In MiB."""
        return {
            "peak_mib": round(self.peak / MEBIBYTE, 1),
            "told_mib": round(self.told / MEBIBYTE, 1) or None,
        }

    def _watch(self) -> None:
        while not self._over.wait(SAMPLING_SECONDS):
            try:
                self.peak = max(self.peak, self._process.memory_info().rss)
            except psutil.NoSuchProcess:
                return
            if self._engine.statistics is not None:
                self.told = max(self.told, self._engine.statistics().memory)


def speak(engine: SpeechEngine, text: str) -> Figures:
    """Have a text spoken, and listen; see `playback.listen`."""
    began = time.perf_counter()
    stream = engine.synthesizer.synthesize(text, voice=engine.find_voice(None))
    chunks: list[Chunk] = []
    rate = 0
    for piece in stream:
        at = time.perf_counter() - began
        chunks.append(Chunk(at, len(piece.samples), first_audible(piece.samples)))
        rate = piece.sample_rate
    return listen(chunks, rate)


def measure(task: Task, tell: Tell) -> Figures:
    """Measure one voice.

    Args:
        task: see `opened`; and `lengths`, pairs of seconds and how often; `streams`, numbers of
            sentences at once; `stream_seconds` of each, one of the lengths; `one_by_one`: up to so
            many of them are measured, and more are calculated, since the voice speaks one after the
            other.
        tell: takes progress.
    """
    began = time.perf_counter()
    with opened(task) as engine:
        speak(engine, WARM_UP)
        process = process_of(engine)
        info: Figures = {
            "load_seconds": round(time.perf_counter() - began, 1),
            "loaded_mib": round(process.memory_info().rss / MEBIBYTE, 1),
        }
        memory = Memory(engine)
        try:
            info["lengths"] = [
                _length(engine, seconds, times, tell) for seconds, times in task["lengths"]
            ]
            info |= memory.figures()
            info["streams"] = list(_streams(engine, task, memory, tell, info["lengths"]))
        finally:
            memory.end()
    return info


def _length(engine: SpeechEngine, seconds: float, times: int, tell: Tell) -> Figures:
    text = text_of(seconds)
    process = process_of(engine)
    runs = []
    before = process.cpu_times()
    for _ in range(times):
        runs.append(speak(engine, text))
        tell(
            f"{seconds:g} s: heard after {_shown(runs[-1]['first_audible'])}, RTF "
            f"{runs[-1]['rtf']:.2f}, longest gap {_shown(runs[-1]['longest_gap'])}"
        )
    after = process.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    found = middle(runs)
    found["asked"] = seconds
    found["cpu_per_audio_second"] = round(max(0.0, cpu / sum(run["audio"] for run in runs)), 4)
    found["runs"] = runs
    return found


def _shown(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"


def _streams(
    engine: SpeechEngine, task: Task, memory: Memory, tell: Tell, lengths: Sequence[Figures]
) -> Iterator[Figures]:
    seconds = task["stream_seconds"]
    text = text_of(seconds)
    one = next((row for row in lengths if row["asked"] == seconds), None)
    for count in task["streams"]:
        if count == 1 and one is not None:
            yield together(one["runs"][-1:]) | {"calculated": False}
            continue
        if one is not None and count > task.get("one_by_one", count):
            yield queued(one, count) | {"calculated": True}
            continue
        memory.begin()
        runs = _at_once(engine, text, count)
        row = together(runs) | memory.figures() | {"calculated": False}
        tell(
            f"{count} at once: RTF {row['rtf']['max']:.2f}, "
            f"longest gap {_shown(row['longest_gap'])}"
        )
        yield row


def _at_once(engine: SpeechEngine, text: str, count: int) -> list[Figures]:
    barrier = threading.Barrier(count)

    def one(_: int) -> Figures:
        barrier.wait()
        return speak(engine, text)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
