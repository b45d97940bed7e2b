"""The benchmark of live captions: what a viewer sees, when, and what it costs.

    streamkit bench captions [--minutes 5] [--peer NAME] …
    python benchmarks/captions.py …

A long talk with pauses and noise is paced in real time through the real socket of a server in a
process of its own, for streamkit, for the loop of the tutorials (`naive`), and for the peers
that are asked for. Then more and more clients listen at once. `timeline` says what each figure
means; `drive` how the time is taken.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamkit.errors import StreamkitError
from streamkit_benchmarks.extras import require

if TYPE_CHECKING:
    from streamkit.config import Settings
    from streamkit_benchmarks.drive import Load
    from streamkit_benchmarks.systems import Served, Setup, System
    from streamkit_benchmarks.talk import Talk
    from streamkit_benchmarks.timeline import Offline

WARM_SECONDS = 6.0
"""Audio that each server hears before it is measured."""

MAX_CLIENTS = 512
MAX_MINUTES = 24 * 60


def captions(
    minutes: Annotated[float, typer.Option(help="Length of the talk.")] = 5.0,
    model: Annotated[
        str, typer.Option(help="Whisper model, a name or a directory, for all systems.")
    ] = "whisper-micro-en",
    threads: Annotated[int, typer.Option(help="CPU threads of one decoding.")] = 1,
    cores: Annotated[
        str | None,
        typer.Option(
            metavar="0,1,…",
            help="Cores of the server; the load comes from the others; else all but the last.",
        ),
    ] = None,
    clients: Annotated[
        str, typer.Option(metavar="1,2,…", help="Numbers of clients at once, growing.")
    ] = "1,2,4,8,16,32",
    limit: Annotated[
        float, typer.Option(help="p95 commit latency in seconds after which no more are tried.")
    ] = 1.0,
    step_seconds: Annotated[
        float, typer.Option(help="Seconds of talk of each client where there are several.")
    ] = 60.0,
    naive: Annotated[bool, typer.Option(help="Measure the tutorials' loop too.")] = True,
    peer: Annotated[
        list[str] | None, typer.Option(help="Another project's server; several.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of streamkit's server."),
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="Folder with reference.json to join instead of speaking.")
    ] = None,
    nonstop: Annotated[
        bool, typer.Option("--nonstop", help="A talk without any pause, in one voice.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of text, voices and arrangement.")] = 1,
    save: Annotated[
        Path | None, typer.Option(help="Write the talk here, WAV, and JSON beside it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for captions.json and the plots.")] = Path(
        "captions-benchmark"
    ),
    plots: Annotated[bool, typer.Option(help="Draw PNG files.")] = True,
    redecode: Annotated[
        bool, typer.Option(help="Also compare the CPU with decoding a growing buffer again.")
    ] = False,
) -> None:
    """Measure live captions: latency of each word, error rate, CPU, and how many clients fit."""
    steps = _numbers("--clients", clients, 1, MAX_CLIENTS)
    for name, value, low, high in (
        ("--minutes", minutes, 0.1, MAX_MINUTES),
        ("--threads", threads, 1, 256),
        ("--limit", limit, 0.05, 60),
        ("--step-seconds", step_seconds, 5, 3600),
    ):
        if not low <= value <= high:
            raise typer.BadParameter(f"{name} {value:g} is out of range: {low:g} to {high:g}")
    _require(plots=plots, recordings=recordings is not None)

    from streamkit.models import resolve
    from streamkit_benchmarks.drive import available_cores, on_cores
    from streamkit_benchmarks.streamkit_system import server_settings
    from streamkit_benchmarks.systems import Setup
    from streamkit_benchmarks.talk import from_recordings, make_talk

    found = resolve(model)
    available = available_cores()
    chosen = _cores(cores, available)
    others = [core for core in available if core not in chosen] or available
    settings = server_settings(set_ or [])
    systems = _systems(model, set_ or [], naive, peer or [])
    seconds = 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    run = Run(steps, limit, step_seconds, Setup(found.path, threads, tuple(chosen)), out)
    run.tell("making the talk" if recordings is None else "joining the recordings")
    talk = (
        make_talk(seconds, seed, nonstop=nonstop)
        if recordings is None
        else from_recordings(recordings, seconds, seed)
    )
    if save is not None:
        talk.save(save)
    run.begin(talk, found.name, others)
    with ends_on_signal(), on_cores(others):
        try:
            run.offline(model, settings)
            for system in systems:
                run.system(system)
            if redecode:
                run.redecode(model)
            run.report["finished"] = True
        except KeyboardInterrupt:
            run.tell("interrupted")
        finally:
            run.finish(plots)
    if not run.report["finished"]:
        raise typer.Exit(130)


def _numbers(option: str, text: str, low: int, high: int) -> list[int]:
    try:
        values = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        values = []
    if not values or any(not low <= value <= high for value in values):
        raise typer.BadParameter(
            f"{option} {text!r}: numbers from {low} to {high} with commas between them are accepted"
        )
    return sorted(set(values))


def _cores(text: str | None, available: list[int]) -> list[int]:
    """The server's cores: those given, or all but the last."""
    if text is None:
        return available[:-1] or available
    chosen = _numbers("--cores", text, 0, max(available))
    absent = sorted(set(chosen) - set(available))
    if absent:
        raise typer.BadParameter(
            f"--cores {text}: this process may not use {', '.join(map(str, absent))}; "
            f"accepted: {', '.join(map(str, available))}"
        )
    return chosen


def _require(*, plots: bool, recordings: bool) -> None:
    """Whatever a later step imports is there."""
    needed = {"psutil": ""}
    if recordings:
        needed["soundfile"] = ""
    if plots:
        needed["matplotlib"] = ", or leave the plots out with --no-plots"
    require(needed)


def _systems(model: str, settings: list[str], naive: bool, peers: list[str]) -> list[System]:
    from streamkit_benchmarks.naive import NaiveSystem
    from streamkit_benchmarks.streamkit_system import StreamkitSystem

    systems: list[System] = [StreamkitSystem(model, tuple(settings))]
    if naive:
        systems.append(NaiveSystem())
    if peers:
        from streamkit_benchmarks.peers import PEERS

        known = {each.name: each for each in PEERS}
        for name in peers:
            if name not in known:
                raise typer.BadParameter(f"there is no peer {name!r}; accepted: {', '.join(known)}")
            systems.append(known[name])
    return systems


@contextmanager
def ends_on_signal() -> Iterator[None]:
    """SIGTERM ends the servers and keeps the figures, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Run:
    """The parts of a benchmark, and the report that grows with each.

    Args:
        steps: numbers of clients.
        limit: of p95 of the commit latency, in seconds.
        step_seconds: of talk, for each client where there are several.
        setup: what all systems are given.
        out: folder of what is written.
    """

    def __init__(
        self, steps: list[int], limit: float, step_seconds: float, setup: Setup, out: Path
    ) -> None:
        self.report: dict[str, Any] = {"finished": False}
        self._steps = steps
        self._limit = limit
        self._step_seconds = step_seconds
        self._setup = setup
        self._out = out
        self._started = time.monotonic()
        self._talk: Talk
        self._offline: Offline | None = None

    def tell(self, line: str) -> None:
        """One line of progress."""
        typer.echo(f"[{time.monotonic() - self._started:6.1f} s] {line}", err=True)

    def begin(self, talk: Talk, model: str, generator_cores: list[int]) -> None:
        """Note what is measured, with what, on what."""
        from streamkit_benchmarks.report import machine

        self._talk = talk
        quiet = sum(each.end - each.start for each in talk.quiet)
        self.report |= {
            "machine": machine(),
            "model": model,
            "threads": self._setup.threads,
            "server_cores": list(self._setup.cores),
            "generator_cores": generator_cores,
            "generator_shares_cores": bool({*generator_cores} & {*self._setup.cores}),
            "limit": self._limit,
            "talk": {
                "origin": talk.origin,
                "seconds": round(talk.seconds, 2),
                "words": len(talk.words),
                "sentences": len(talk.sentences),
                "quiet_seconds": round(quiet, 1),
            },
            "systems": {},
        }
        self.tell(
            f"{talk.seconds:.0f} s of talk, {len(talk.words)} words; each system takes about "
            f"{(talk.seconds + WARM_SECONDS + self._ladder_seconds()) / 60:.1f} minutes at most"
        )

    def _ladder_seconds(self) -> float:
        return sum(min(self._step_seconds, self._talk.seconds) for n in self._steps if n > 1)

    def offline(self, model: str, settings: Settings) -> None:
        """The model without a server: error rate offline, latency without computing."""
        from streamkit.asr.recognizer import join
        from streamkit_benchmarks.offline import Bench, updates
        from streamkit_benchmarks.streamkit_system import ENDPOINTING
        from streamkit_benchmarks.timeline import evaluate, offline_figures

        self.tell("offline: the same model over whole segments, in simulated time")
        talk = self._talk
        bench = Bench(model, settings=settings, threads=self._setup.threads)
        stream = bench.stream(talk.samples, lambda request: 0.0)
        text = " ".join(map(join, bench.offline(talk.samples, stream)))
        self._offline = offline_figures(talk.words, text)
        unaware = evaluate(updates(stream), talk.words, talk.seconds, self._offline, ENDPOINTING)
        self.report["offline"] = {"wer": self._offline.wer, "text": text}
        self.report["unaware"] = unaware.report | {"passes": stream.decodes}
        self._keep()

    def system(self, system: System) -> None:
        """Measure a system: one client over the whole talk, then the larger numbers."""
        from streamkit_benchmarks.drive import play, serving
        from streamkit_benchmarks.systems import UnavailableError

        entry: dict[str, Any] = {"version": "", "clients": []}
        self.report["systems"][system.name] = entry
        try:
            entry["version"] = system.version()
            self.tell(f"{system.name}: starting its server")
            with serving(system, self._setup) as served:
                play(system, served, [self._talk.part(0, WARM_SECONDS)], _nothing)
                self.tell(f"{system.name}: 1 client, {self._talk.seconds:.0f} s")
                load = play(system, served, [self._talk], self.tell)
                self._main(entry, load)
                self._ladder(system, served, entry)
        except UnavailableError as error:
            entry["failure"] = f"not measured: {error}"
        except Exception as error:
            # Somebody else's server may fail in ways of its own; the others are still measured.
            entry["failure"] = f"failed: {type(error).__name__}: {error}"
        if "failure" in entry:
            self.tell(f"{system.name} {entry['failure']}")
        self._keep()

    def _main(self, entry: dict[str, Any], load: Load) -> None:
        from streamkit_benchmarks.streamkit_system import ENDPOINTING
        from streamkit_benchmarks.timeline import evaluate

        (viewer,) = load.viewers
        talk = viewer.talk
        found = evaluate(
            viewer.recording.updates, talk.words, talk.seconds, self._offline, ENDPOINTING
        )
        memory = load.settled_memory
        row = self._row(load)
        entry["main"] = (
            found.report
            | _cost(load, len(self._setup.cores))
            | {
                "memory_mib": None
                if memory is None
                else {
                    "settled": round(memory[0], 1),
                    "end": round(memory[1], 1),
                    "samples": [(round(at, 1), round(size, 1)) for at, size in load.memory],
                },
                "latencies": {
                    "first_partial": [round(each, 3) for each in found.first_partial],
                    "commit": [round(each, 3) for each in found.commit],
                    "end_of_speech_to_final": [round(each, 3) for each in found.finals],
                },
                "text": viewer.recording.committed,
            }
        )
        if viewer.failure is not None:
            entry["failure"] = f"failed: {viewer.failure}"
        entry["clients"].append(row)
        self.tell(_summary(row))
        self._keep()

    def _ladder(self, system: System, served: Served, entry: dict[str, Any]) -> None:
        from streamkit_benchmarks.drive import play

        count = len(self._talk.sentences)
        for number in self._steps:
            if number == 1:
                continue
            if not entry["clients"][-1]["within_limit"]:
                break
            talks = [
                self._talk.part(k * count // number, self._step_seconds) for k in range(number)
            ]
            self.tell(f"{system.name}: {number} clients, {talks[0].seconds:.0f} s each")
            row = self._row(play(system, served, talks, self.tell))
            entry["clients"].append(row)
            self.tell(_summary(row))
            self._keep()

    def _row(self, load: Load) -> dict[str, Any]:
        """The figures of one number of clients."""
        from streamkit_benchmarks.streamkit_system import ENDPOINTING
        from streamkit_benchmarks.timeline import evaluate, percentiles

        commit: list[float] = []
        finals: list[float] = []
        lost = words = rewritten = 0
        for viewer in load.viewers:
            talk = viewer.talk
            found = evaluate(
                viewer.recording.updates, talk.words, talk.seconds, self._offline, ENDPOINTING
            )
            commit += found.commit
            finals += found.finals
            lost += found.lost
            words += found.report["words"]
            rewritten += found.report["committed_words_rewritten"]
        failures = [viewer.failure for viewer in load.viewers if viewer.failure is not None]
        latency = percentiles(commit, 50, 95, 99)
        p95 = latency["p95"]
        return {
            "clients": len(load.viewers),
            "commit": latency,
            "final": percentiles(finals, 50, 95),
            "words": words,
            "words_lost": lost,
            "committed_words_rewritten": rewritten,
            "failures": failures,
            "within_limit": not failures and p95 is not None and p95 <= self._limit,
            **_cost(load, len(self._setup.cores)),
        }

    def redecode(self, model: str) -> None:
        """CPU of decoding a growing buffer again and again, beside ours."""
        from streamkit_benchmarks.redecode import compare

        self.tell("CPU beside decoding a growing buffer again")
        self.report["redecode"] = compare(model, self._talk, self._setup.threads, self.tell)
        self._keep()

    def _keep(self) -> None:
        from streamkit_benchmarks.report import save

        save(self.report, self._out / "captions.json")

    def finish(self, plots: bool) -> None:
        """Write and print all that there is."""
        from streamkit_benchmarks.report import plot, show

        self._keep()
        show(self.report)
        drawn = plot(self.report, self._out) if plots else []
        for path in [self._out / "captions.json", *drawn]:
            self.tell(f"wrote {path}")


def _nothing(line: str) -> None:
    """Progress that nobody wants to see."""


def _cost(load: Load, cores: int) -> dict[str, Any]:
    """What a run took of the server's cores, and how late its generator was."""
    from streamkit_benchmarks.timeline import percentiles

    late = [each for viewer in load.viewers for each in viewer.late]
    loop, message = percentiles(load.loop_late, 99, 100), percentiles(late, 99, 100)
    return {
        "cpu_per_audio_second": round(load.cpu / load.audio, 4) if load.audio else None,
        "cpu_percent_of_cores": round(100 * load.cpu / load.wall / max(1, cores), 1),
        "wall_seconds": round(load.wall, 1),
        "generator": {
            "loop_late_p99": loop["p99"] or 0.0,
            "loop_late_max": loop["p100"] or 0.0,
            "message_late_p99": message["p99"] or 0.0,
            "message_late_max": message["p100"] or 0.0,
        },
    }


def _summary(row: dict[str, Any]) -> str:
    commit = row["commit"]
    text = (
        f"    commit p50 {commit['p50']} s, p95 {commit['p95']} s; "
        f"CPU {row['cpu_percent_of_cores']:.0f} % of the server's cores; "
        f"{row['words_lost']} of {row['words']} words lost"
    )
    if row["failures"]:
        text += f"; {len(row['failures'])} failed: {row['failures'][0]}"
    if row["generator"]["loop_late_p99"] > 0.02:
        text += "; the generator itself was late, see its figures"
    return text if row["within_limit"] else f"{text}; over the limit"


def main(command: Callable[..., None] = captions) -> None:
    """Run as a program of its own; an error raised on purpose is one paragraph."""
    try:
        typer.run(command)
    except StreamkitError as error:
        typer.echo(f"captions: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
