"""`streamkit bench speech`: how soon and how steadily voices speak, beside the library's own way.

XTTS v2 as streamkit speaks it, `inference_stream` of coqui-tts on the same weights, espeak-ng, and
Kokoro where its weights are there: each in a process of its own, with the same texts, one sentence
and several at once. Then what the single parts do: the vocoder, a token, the event loop, and
whether the sound is what it should be. Without trained weights random ones of the same size are
made: then times are real, and sound is not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from streamkit.errors import ConfigurationError, StreamkitError

PARTS: Final = ("voices", "vocoder", "tokens", "exact", "loop", "heard")
MAX_STREAMS: Final = 64


def speech(
    xtts: Annotated[
        str | None, typer.Option(help="Weights of XTTS v2, a name or a directory.")
    ] = None,
    kokoro: Annotated[
        str | None, typer.Option(help="Weights of Kokoro, a name or a directory.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Keep random weights in this folder, and take them from it.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Of XTTS: auto, int8, bfloat16, float16 or float32.")
    ] = "auto",
    threads: Annotated[
        int, typer.Option(help="Of the CPU, for all; 0: one for each core, --quick one.")
    ] = 0,
    streams: Annotated[
        str, typer.Option(metavar="1,2,…", help="Sentences at once; 1,2,4,8, on cuda to 32.")
    ] = "",
    wait: Annotated[
        str | None,
        typer.Option(
            help="How threads wait: short, passive, active, default. Else short for streamkit, and "
            "default for the library, with one sentence in the other way."
        ),
    ] = None,
    parts: Annotated[str, typer.Option(help="What is measured.")] = ",".join(PARTS),
    recognizer: Annotated[
        str, typer.Option(help="Whisper model that listens to the voices.")
    ] = "whisper-micro-en",
    seed: Annotated[int, typer.Option(help="Of the sentences of the round trip.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny model and short sentences, about a minute.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for speech.json and the plots.")] = Path(
        "speech-benchmark"
    ),
    plots: Annotated[bool, typer.Option(help="Draw PNG files.")] = True,
) -> None:
    """Measure voices: time to the first sound, pace, gaps, memory, beside coqui-tts's own."""
    chosen = _chosen(parts)
    counts = _numbers(
        streams or ("1,2" if quick else "1,2,4,8,16,32" if device == "cuda" else "1,2,4,8")
    )
    _check("--device", device, ("cpu", "cuda"))
    _check("--wait", wait, ("short", "passive", "active", "default", None))
    if not 0 <= threads <= 256:
        raise typer.BadParameter(f"--threads {threads} is out of range: 0 to 256")
    _require(plots=plots)

    from streamkit_benchmarks.captions import ends_on_signal
    from streamkit_benchmarks.drive import available_cores
    from streamkit_benchmarks.speaking.plan import CUDA, FULL, QUICK
    from streamkit_benchmarks.speaking.run import Run

    out.mkdir(parents=True, exist_ok=True)
    plan = QUICK if quick else CUDA if device == "cuda" else FULL
    run = Run(plan, out, seed=seed, recognizer=recognizer)
    with ends_on_signal(), TemporaryDirectory(prefix="streamkit-bench-") as folder:
        try:
            run.begin(
                device,
                precision,
                threads or (1 if quick else len(available_cores())),
                counts,
                wait,
                Path(folder),
            )
            run.find(xtts, kokoro, weights, quick=quick, parts=chosen)
            for part in chosen:
                getattr(run, part)()
            run.report["finished"] = True
        except KeyboardInterrupt:
            run.tell("interrupted")
        finally:
            if "weights" in run.report:
                run.finish(plots)
    if not run.report["finished"]:
        raise typer.Exit(130)
    if run.failed:
        raise typer.Exit(1)


def _check(option: str, value: str | None, accepted: tuple[str | None, ...]) -> None:
    if value not in accepted:
        names = ", ".join(each for each in accepted if each)
        raise typer.BadParameter(f"{option} {value} is not known; accepted: {names}")


def _chosen(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise typer.BadParameter(
            f"--parts {text!r}: any of {', '.join(PARTS)}, with commas between them, are accepted"
        )
    return [part for part in PARTS if part in parts]


def _numbers(text: str) -> list[int]:
    try:
        values = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        values = []
    if not values or values[0] < 1 or values[-1] > MAX_STREAMS:
        raise typer.BadParameter(
            f"--streams {text!r}: numbers from 1 to {MAX_STREAMS} with commas between them are "
            "accepted"
        )
    return values


def _require(*, plots: bool) -> None:
    """Whatever a later step imports is there."""
    from importlib.util import find_spec

    from streamkit_benchmarks.extras import require

    needed = {"psutil": "", "jiwer": ""}
    if plots:
        needed["matplotlib"] = ", or leave the plots out with --no-plots"
    require(needed)
    missing = [name for name in ("torch", "TTS", "transformers") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "the benchmark compares streamkit with coqui-tts, and cannot import "
            f"{', '.join(missing)}: pip install 'streamkit[xtts,bench]'"
        )


def main() -> None:
    """Run as a program of its own; an error raised on purpose is one paragraph."""
    try:
        typer.run(speech)
    except StreamkitError as error:
        typer.echo(f"speech: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
