"""How many sessions one core decodes in time: the recognizer and its scheduler, no sockets.

    python benchmarks/random_model.py FOLDER
    python benchmarks/compute_load.py FOLDER [--sessions 4,8,12,16] [--seconds 60]

For a model of a real size whose weights cannot be had: it is given random ones, and answers the
truth (see `redecode.py`), so that sessions commit and cut as they would. Sessions hear the same
talk in real time, each a little later than the one before, through the server's own channels,
scheduler and detector, all in this process, on one core. The latency of a word is from its last
sample, due at its time, to its commit.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import time
from pathlib import Path
from typing import Any

import anyio

from streamkit.asr.recognizer import Guidance
from streamkit.asr.scheduler import Scheduler
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.config import Settings
from streamkit.models import resolve
from streamkit.protocols.deepgram.query import ListenOptions
from streamkit.server.channel import Channel
from streamkit.server.options import caption_options
from streamkit.server.state import ServerState
from streamkit.session.captions import CaptionSession
from streamkit.session.effects import Output, Transcript
from streamkit.session.events import CloseRequested, Event
from streamkit.vad.silero import SileroVad
from streamkit_benchmarks.drive import available_cores, on_cores
from streamkit_benchmarks.redecode import truthful
from streamkit_benchmarks.streamkit_system import ENDPOINTING, Screen
from streamkit_benchmarks.systems import CHUNK_SAMPLES
from streamkit_benchmarks.talk import Talk, make_talk
from streamkit_benchmarks.timeline import Recording, evaluate, percentiles

STAGGER_SECONDS = 15.0
"""Sessions begin within so long, so that they do not speak and pause together."""


class Session:
    """One session: plays the talk into a channel, and notes what it says."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.recording = Recording()
        self._screen = Screen()
        self._started = 0.0

    def output(self, output: Output) -> None:
        """Note what a viewer would see."""
        if not isinstance(output, Transcript):
            return
        self._screen.see(output)
        at = time.monotonic() - self._started
        self.recording.show(at, self._screen.committed, self._screen.tentative)

    async def run(self, state: ServerState, talk: Talk, delay: float) -> None:
        """Play the whole talk in real time."""
        await anyio.sleep(delay)
        asked = ListenOptions(interim_results=True, endpointing=ENDPOINTING)
        async with anyio.create_task_group() as tasks:
            channel: Channel[Event, Output] = Channel(
                state,
                tasks,
                CaptionSession(caption_options(asked, state)),
                SAMPLE_RATE,
                Guidance(),
                self.output,
                self.number,
            )
            self._started = time.monotonic()
            for first in range(0, len(talk.samples), CHUNK_SAMPLES):
                piece = talk.samples[first : first + CHUNK_SAMPLES]
                due = self._started + (first + len(piece)) / SAMPLE_RATE
                await anyio.sleep(max(0.0, due - time.monotonic()))
                heard = await anyio.to_thread.run_sync(channel.digest, piece)
                await channel.hear(heard, time.monotonic())
            await channel.hear(channel.digest(None), time.monotonic())
            channel.receive(CloseRequested())
            await channel.closed.wait()


async def play(state: ServerState, talk: Talk, count: int) -> dict[str, Any]:
    """Run `count` sessions at once; their figures."""
    sessions = [Session(number) for number in range(count)]
    delays = random.Random(count)
    wall, cpu = time.monotonic(), time.process_time()
    async with state.scheduler, anyio.create_task_group() as tasks:
        for session in sessions:
            tasks.start_soon(session.run, state, talk, delays.uniform(0, STAGGER_SECONDS))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    commit: list[float] = []
    lost = 0
    for session in sessions:
        found = evaluate(session.recording.updates, talk.words, talk.seconds, None, ENDPOINTING)
        commit += found.commit
        lost += found.report["missing"]
    return {
        "sessions": count,
        "commit": percentiles(commit, 50, 95, 99),
        "words_missing": lost,
        "words": count * len(talk.words),
        "cpu_percent": round(100 * cpu / wall, 1),
        "stretch_at_end": round(state.scheduler.cadence.look(time.monotonic()).stretch, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="name or directory")
    parser.add_argument("--sessions", default="4,8,12,16")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--margin", type=float, help="seconds of padding; default: the profile's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = resolve(arguments.model)
    profile = found.profile
    if arguments.margin is not None:
        profile = dataclasses.replace(profile, margin=arguments.margin)
    talk = make_talk(arguments.seconds, arguments.seed)
    rows = []
    with on_cores(available_cores()[:1]):
        recognizer = WhisperRecognizer.load(found.path, name=found.name, profile=profile)
        engine, _ = truthful(recognizer, talk)
        vad = SileroVad.load()
        for count in map(int, arguments.sessions.split(",")):
            state = ServerState(Settings(), Scheduler(engine), vad, profile)
            row = anyio.run(play, state, talk, count)
            print(json.dumps(row), flush=True)
            rows.append(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
