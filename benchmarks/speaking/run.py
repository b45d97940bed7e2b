"""One run of the benchmark of voices, part by part."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer

from streamkit.errors import ConfigurationError
from streamkit.models.voice_resolve import find_voice_model, resolve_voice_model
from streamkit_benchmarks.report import save
from streamkit_benchmarks.speaking.parts import PartError, run
from streamkit_benchmarks.speaking.plan import QUICK, Lengths, Plan
from streamkit_benchmarks.speaking.report import plot, show
from streamkit_benchmarks.speaking.results import JUDGED_LENGTH, LIBRARY, OURS, SHORT, targets
from streamkit_benchmarks.speaking.surroundings import (
    BUSY,
    cuda_note,
    described_machine,
    load_average,
)
from streamkit_benchmarks.speaking.weights import Weights, given, pulled, random_weights

NO_KOKORO: Final = "not measured: its weights are not here; `streamkit models pull kokoro`"


class Run:
    """The parts of a benchmark, and the report that grows with each.

    Args:
        plan: how much is measured.
        out: folder of what is written.
        seed: of the sentences of the round trip.
        recognizer: Whisper model of the round trip.

    Attributes:
        report: all so far.
        failed: something that should have been measured could not be.
    """

    def __init__(self, plan: Plan, out: Path, *, seed: int, recognizer: str) -> None:
        self.report: dict[str, Any] = {"finished": False}
        self.failed = False
        self._plan = plan
        self._out = out
        self._seed = seed
        self._recognizer = recognizer
        self._started = time.monotonic()
        self._kokoro: Path | None = None
        self._weights: Weights
        self._narrow: Weights | None = None
        self._shared: dict[str, Any]
        self._streams: list[int]
        self._wait: str | None
        self._folder: Path
        self._quick = plan is QUICK

    def tell(self, line: str) -> None:
        """One line of progress."""
        typer.echo(f"[{time.monotonic() - self._started:6.1f} s] {line}", err=True)

    def begin(
        self,
        device: str,
        precision: str,
        threads: int,
        streams: list[int],
        wait: str | None,
        folder: Path,
    ) -> None:
        """Note what is measured on what; see the options of `speech`.

        Raises:
            ConfigurationError: there is no such device.
        """
        load = load_average()
        if load > BUSY:
            self.tell(f"load average {load:.1f}: something else is at work, and figures suffer")
        self._streams, self._wait, self._folder = streams, wait, folder
        self._shared = {
            "device": device,
            "precision": precision,
            "threads": threads,
            "batch": max(streams),
        }
        self.report |= {
            "machine": described_machine(),
            "device": device,
            "threads": threads,
            "precision": precision,
            "load_average": round(load, 2),
            "wait": wait or "streamkit short, coqui-tts default",
            "quick": self._quick,
            "cuda": cuda_note(device),
        }

    def find(
        self,
        xtts: str | None,
        kokoro: str | None,
        keep: Path | None,
        *,
        quick: bool,
        parts: list[str],
    ) -> None:
        """Find or make the weights.

        Raises:
            StreamkitError: they are not there, or cannot be made.
        """
        folder = keep or self._folder
        folder.mkdir(parents=True, exist_ok=True)
        found = given(xtts) if xtts else None if quick else pulled()
        self._weights = found or random_weights(folder, "tiny" if quick else "full", self.tell)
        if not quick and {"vocoder", "exact"} & set(parts):
            self._narrow = random_weights(folder, "vocoder", self.tell)
        speaks = resolve_voice_model(kokoro) if kokoro else find_voice_model("kokoro")
        if speaks is not None and speaks.engine != "kokoro":
            raise ConfigurationError(f"--kokoro {kokoro} is a model of {speaks.engine}")
        self._kokoro = None if speaks is None else speaks.path
        self.report["weights"] = {"real": self._weights.real, "what": self._weights.what}
        self.tell(self._weights.what)

    # The parts, by the names of `PARTS`

    def voices(self) -> None:
        """Every voice, by length and by number of sentences at once."""
        plan, found = self._plan, self.report.setdefault("systems", {})
        directory = {"directory": str(self._weights.directory)}
        limited = {"limited": not self._weights.real}
        found["espeak"] = self._voice("espeak", plan.others, {})
        if self._kokoro is None:
            found["kokoro"] = {"failure": NO_KOKORO}
        else:
            found["kokoro"] = self._voice("kokoro", plan.others, {"directory": str(self._kokoro)})
        ours = {**directory, **limited, "wait": self._wait or "short"}
        found[OURS] = self._voice("streamkit", plan.ours, ours)
        theirs = {**directory, **limited, "wait": self._wait or "default"}
        one_by_one = {"one_by_one": plan.one_by_one}
        found[LIBRARY] = self._voice("library", plan.library, {**theirs, **one_by_one})
        if self._other_way:
            found[SHORT] = self._voice(
                "library", ((plan.stream_seconds, 1),), {**theirs, "wait": "short"}, streams=[]
            )

    def vocoder(self) -> None:
        """XTTS with so small a transformer that the vocoder is all."""
        weights = self._narrow or self._weights
        found = self.report.setdefault("vocoder", {})
        for name, system, lengths, wait in (
            (OURS, "streamkit", self._plan.ours, "short"),
            (LIBRARY, "library", self._plan.library, "default"),
        ):
            own = {
                "directory": str(weights.directory),
                "limited": True,
                "wait": self._wait or wait,
            }
            found[name] = self._voice(system, lengths, own, streams=[])
        if self._other_way:
            own["wait"] = "short"
            found[SHORT] = self._voice("library", ((JUDGED_LENGTH, 1),), own, streams=[])

    def tokens(self) -> None:
        """What a token takes, and what a precision changes."""
        on_cpu = self._shared["device"] == "cpu"
        found = self.report.setdefault("tokens", {})
        task = {
            "part": "tokens",
            "directory": str(self._weights.directory),
            "folder": str(self._folder),
            "steps": self._plan.steps,
            "precisions": ["float32", "bfloat16", "int8" if on_cpu else "float16"],
        }
        for name, side, wait in (
            (LIBRARY, "library", "default"),
            (OURS, "streamkit", "short"),
        ):
            self.tell(f"tokens, {name}")
            found[name] = self._run({**task, "side": side, "wait": self._wait or wait})
            if "failure" in found[name]:
                break

    def exact(self) -> None:
        """Whether the sound is what it should be."""
        found = self.report.setdefault("exact", {})
        narrow, full = self._plan.exact_seconds
        sizes = [("measured weights", self._weights, full, 0.0)]
        if self._narrow is not None:
            sizes.append(("vocoder-bound", self._narrow, narrow, self._plan.stream_seconds))
        elif self._quick:
            sizes = [("measured weights", self._weights, full, full)]
        for name, weights, seconds, library in sizes:
            self.tell(f"sound of {name}, {seconds:g} s")
            found[name] = self._run(
                {
                    "part": "exact",
                    "directory": str(weights.directory),
                    "limited": not weights.real,
                    "seconds": seconds,
                    "library": library,
                    "wait": self._wait or "short",
                }
            )

    def loop(self) -> None:
        """How late an event loop is while each voice speaks."""
        voices: dict[str, str | None] = {"espeak": None}
        if self._kokoro is not None:
            voices["kokoro"] = str(self._kokoro)
        voices["xtts"] = str(self._weights.directory)
        self.tell("event loop")
        self.report["loop"] = self._run(
            {"part": "loop", "voices": voices, "seconds": self._plan.loop_seconds}
        )

    def heard(self) -> None:
        """The round trip."""
        found = self.report.setdefault("heard", {})
        common = {
            "part": "heard",
            "sentences": self._plan.sentences,
            "recognizer": self._recognizer,
            "seed": self._seed,
        }
        found["espeak"] = self._run({**common, "system": "espeak"})
        found["kokoro"] = (
            {"failure": NO_KOKORO}
            if self._kokoro is None
            else self._run({**common, "system": "kokoro", "directory": str(self._kokoro)})
        )
        if not self._weights.real:
            found[OURS] = {"failure": "not measured: random weights say nothing"}
            return
        own = {"directory": str(self._weights.directory), "wait": self._wait or "short"}
        found[OURS] = self._run({**common, **own, "system": "streamkit", "limited": False})

    @property
    def _other_way(self) -> bool:
        """Whether the library's threads are also measured waiting as ours do."""
        return self._wait is None and not self._quick and self._shared["device"] == "cpu"

    def finish(self, plots: bool) -> None:
        """Write and print all that there is."""
        self._keep()
        show(self.report)
        drawn = plot(self.report, self._out) if plots else []
        for path in [self._out / "speech.json", *drawn]:
            self.tell(f"wrote {path}")

    def _voice(
        self,
        system: str,
        lengths: Lengths,
        own: Mapping[str, Any],
        *,
        streams: list[int] | None = None,
    ) -> dict[str, Any]:
        self.tell(f"{system}{', ' + own['wait'] if 'wait' in own else ''}: loading")
        return self._run(
            {
                "part": "voices",
                "system": system,
                "lengths": lengths,
                "streams": self._streams if streams is None else streams,
                "stream_seconds": self._plan.stream_seconds,
                **own,
            }
        )

    def _run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Measure a part; one that fails is noted, and the others are still measured."""
        try:
            return run({**self._shared, **task}, lambda line: self.tell(f"    {line}"))
        except PartError as error:
            self.failed = True
            self.tell(f"failed: {error}")
            return {"failure": f"failed: {error}"}
        finally:
            self._keep()

    def _keep(self) -> None:
        self.report["seconds"] = round(time.monotonic() - self._started, 1)
        self.report["targets"] = targets(self.report)
        save(self.report, self._out / "speech.json")
