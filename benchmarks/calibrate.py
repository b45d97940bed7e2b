"""How one model wants to be decoded on this machine: `streamkit models calibrate`.

Three questions, each answered by trying, on speech whose words and times are known:

1. How short may a window be? Each stretch of speech is decoded once on the full 30 s, and on
   windows that end a margin after it. The cheapest whose error rate is no worse counts.
2. When may a word be committed? The speech is streamed in simulated time under each policy, with
   the time that a pass was seen to take. The soonest whose error rate is no worse counts.
3. How early may the window move on? The same with several lengths; the cheapest counts.

"No worse" is: at most `tolerance` points of word error rate above the best of the same question.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamkit.errors import ConfigurationError, ModelError
from streamkit_benchmarks.extras import require

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.asr.recognizer import Hypothesis
    from streamkit.models import ResolvedModel
    from streamkit_benchmarks.offline import Bench
    from streamkit_benchmarks.talk import Talk

MARGINS = (None, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3)
HOLD_BACKS = (0.3, 0.4, 0.5, 0.6, 0.8)
TRIMS = (2.0, 3.0, 4.0, 6.0)
KEPT = ("margin", "policy", "hold_back", "trim")
"""Fields of a profile that are measured here."""


def calibrate(
    model: Annotated[str, typer.Argument(help="A name, a directory, or auto.")],
    recordings: Annotated[
        Path | None,
        typer.Option(
            help="Folder with reference.json: your own speech. Without it the built-in voice "
            "speaks, which tells less about people."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.2, max=120, help="How much speech.")] = 5.0,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=10, help="Points of word error rate that speed may cost."),
    ] = 0.5,
    threads: Annotated[int, typer.Option(min=1, max=256, help="CPU threads of one pass.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and show, store nothing.")
    ] = False,
) -> None:
    """Measure how short windows may be and how soon words are sure, and store it.

    The profile is used from then on wherever this model is. On a large model without a GPU this
    takes long: each second of speech is decoded about 150 times.
    """
    require({"psutil": "", **({} if recordings is None else {"soundfile": ""})})

    from streamkit.models import resolve
    from streamkit_benchmarks.offline import Bench
    from streamkit_benchmarks.talk import from_recordings, make_talk

    found = resolve(model)
    _tell(f"{found.name} in {found.path}")
    if recordings is not None and not recordings.is_dir():
        raise ConfigurationError(
            f"{recordings} is no folder; accepted: one with reference.json, whose form is told "
            "in docs/benchmarks.md"
        )
    talk = (
        make_talk(60 * minutes, 1)
        if recordings is None
        else from_recordings(recordings, 60 * minutes, 1)
    )
    _tell(f"{talk.seconds:.0f} s of speech, {len(talk.words)} words: {talk.origin}")
    chosen = search(Bench(model, threads=threads), talk, tolerance, _tell)
    fields = {name: getattr(chosen, name) for name in KEPT}
    _tell(f"chosen: {json.dumps(fields)}")
    if dry_run:
        return
    path = store(found, fields)
    _tell(f"stored in {path}")


def _tell(line: str) -> None:
    typer.echo(line)


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of decoding and what came of it.

    Attributes:
        profile: the way.
        wer: errors in a hundred words.
        cost: what is to be small: CPU seconds per second of speech, or latency.
        note: the rest, for the table.
    """

    profile: ModelProfile
    wer: float
    cost: float
    note: str


def search(bench: Bench, talk: Talk, tolerance: float, tell: Callable[[str], None]) -> ModelProfile:
    """Answer the three questions one after another.

    Args:
        bench: with the model.
        talk: speech whose words are known.
        tolerance: points of word error rate that speed may cost at each.
        tell: takes lines of progress.
    """
    profile = bench.profile
    stretches = speech(bench, talk)
    tell(f"\n{'margin':>10} {'WER %':>7} {'ms a pass':>10}  gate")
    tries = []
    for margin in MARGINS:
        trial = whole(bench, talk, stretches, dataclasses.replace(profile, margin=margin))
        name = "full" if margin is None else f"{margin:g} s"
        tell(f"{name:>10} {trial.wer:7.2f} {1000 * trial.cost:10.1f}  {trial.note}")
        tries.append(trial)
    best = pick(tries, tolerance)
    profile, seconds = best.profile, best.cost

    tell(f"\n{'policy':>15} {'WER %':>7}  commit p50 / p95 s   CPU s per s")
    tries = []
    ways: list[dict[str, Any]] = [{"policy": "agreement"}]
    ways += [{"policy": "either", "hold_back": each} for each in HOLD_BACKS]
    for way in ways:
        trial, _ = streamed(bench, talk, dataclasses.replace(profile, **way), seconds)
        hold = f" {way['hold_back']:g} s" if "hold_back" in way else ""
        tell(f"{way['policy'] + hold:>15} {trial.wer:7.2f}  {trial.note}")
        tries.append(trial)
    profile = pick(tries, tolerance).profile

    tell(f"\n{'window':>10} {'WER %':>7}  commit p50 / p95 s   CPU s per s")
    tries = []
    for trim in TRIMS:
        trial, cpu = streamed(bench, talk, dataclasses.replace(profile, trim=trim), seconds)
        tell(f"{trim:8g} s {trial.wer:7.2f}  {trial.note}")
        tries.append(dataclasses.replace(trial, cost=cpu))
    return pick(tries, tolerance).profile


def pick(tries: list[Trial], tolerance: float) -> Trial:
    """The cheapest that is at most `tolerance` points worse than the best."""
    least = min(trial.wer for trial in tries)
    return min((each for each in tries if each.wer <= least + tolerance), key=lambda e: e.cost)


def speech(bench: Bench, talk: Talk) -> list[tuple[int, int]]:
    """Where the detector hears speech, in samples; none longer than a window."""
    from streamkit.testing import ScriptedRecognizer, SimulatedStream
    from streamkit.vad.silero import VadStream
    from streamkit_benchmarks.offline import LONGEST

    state = VadStream()
    stream = SimulatedStream(
        ScriptedRecognizer([]),
        lambda piece: bench.vad.process(state, piece).tolist(),
        bench.options,
    )
    stream.feed(talk.samples)
    stream.close()
    return [
        (first, min(each.end, first + LONGEST))
        for each in stream.segments
        for first in range(each.start, each.end, LONGEST)
    ]


def whole(
    bench: Bench, talk: Talk, stretches: list[tuple[int, int]], profile: ModelProfile
) -> Trial:
    """Decode each stretch once."""
    from streamkit.asr.recognizer import RecognitionRequest, join

    bench.use(profile)
    heard: list[Hypothesis] = []
    before = time.process_time()
    for start, end in stretches:
        request = RecognitionRequest(talk.samples[start:end], start, final=True)
        heard += bench.recognizer.recognize([request])
    seconds = (time.process_time() - before) / max(1, len(stretches))
    gate = Counter(each.decision.value for each in heard)
    text = " ".join(join(each.words) for each in heard)
    note = ", ".join(f"{count} {name}" for name, count in gate.most_common())
    return Trial(profile, _wer(talk, text), seconds, note)


def streamed(
    bench: Bench, talk: Talk, profile: ModelProfile, seconds: float
) -> tuple[Trial, float]:
    """Stream the talk in simulated time.

    Args:
        bench: with the model.
        talk: what is said.
        profile: how it is decoded.
        seconds: that a pass takes on the simulated clock.

    Returns:
        The trial, whose cost is the median commit latency; and CPU seconds per second of sound.
    """
    from streamkit_benchmarks.offline import updates
    from streamkit_benchmarks.streamkit_system import ENDPOINTING
    from streamkit_benchmarks.timeline import evaluate, percentiles

    bench.use(profile)
    before = time.process_time()
    stream = bench.stream(talk.samples, lambda request: seconds)
    cpu = (time.process_time() - before) / talk.seconds
    found = evaluate(updates(stream), talk.words, talk.seconds, None, ENDPOINTING)
    commit = percentiles(found.commit, 50, 95)
    median = commit["p50"] if commit["p50"] is not None else float("inf")
    note = f"{commit['p50']} / {commit['p95']}         {cpu:.4f}"
    return Trial(profile, _wer(talk, " ".join(stream.words)), median, note), cpu


def _wer(talk: Talk, text: str) -> float:
    from streamkit_benchmarks.timeline import align, plain

    reference = plain(talk.text).split()
    return 100 * align(reference, plain(text).split()).errors / max(1, len(reference))


def store(found: ResolvedModel, fields: dict[str, Any]) -> Path:
    """Write what was measured where the model's profile is looked for; other fields stay.

    Raises:
        ModelError: it cannot be written there.
    """
    from streamkit.asr.profile import PROFILE_FILE
    from streamkit.models import default_cache

    named = found.source != "directory"
    path = default_cache() / f"{found.name}.{PROFILE_FILE}" if named else found.path / PROFILE_FILE
    try:
        before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(before | fields, indent=1) + "\n", "utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"the profile cannot be stored in {path}: {error}") from error
    return path
