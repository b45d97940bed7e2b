"""Makes, improves and measures the micro models.

    python -m tools.micro_whisper make WORK OUT               # from nothing
    python -m tools.micro_whisper make WORK OUT --from last.pt  # go on from a checkpoint
    python -m tools.micro_whisper evaluate OUT WORK
    python -m tools.micro_whisper record WORK FOLDER          # held-out sentences as recordings

`docs/micro-whisper.md` says what to install and what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HEAP = "libjemalloc.so.2"


def speak(work: Path, languages: list[str], scale: float) -> list[Path]:
    """Speaks what is not spoken yet, on all cores; returns the prefixes of the training's clips."""
    from tools.micro_whisper.speech import SETS, speak_set

    wanted = [name for name, clips in SETS.items() if clips.language in languages]
    missing = [name for name in wanted if not (work / f"{name}.done").exists()]
    with ProcessPoolExecutor() as pool:
        jobs = {name: pool.submit(speak_set, name, work, scale) for name in missing}
        for name, job in jobs.items():
            print(f"spoken: {name}, {job.result() / 3600:.1f} h", flush=True)
    return [work / name for name in wanted if not SETS[name].held_out]


def need(path: Path, what: str) -> None:
    """Says what is missing, and that `make` writes it.

    Raises:
        RuntimeError: there is no such file.
    """
    if not path.exists():
        raise RuntimeError(f"{path} is not there: {what} is written by `make`")


def make(arguments: argparse.Namespace) -> None:
    """Speaks, trains and exports."""
    from tools.micro_whisper import export, training, vocabulary

    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    clips = speak(work, arguments.languages, arguments.clips)
    kind = "-".join(arguments.languages)
    tokenizer = work / f"tokenizer-{kind}.json"
    if not tokenizer.exists():
        vocabulary.build(tokenizer, arguments.languages)
    plan = training.Plan(
        arguments.minutes,
        begin=arguments.begin,
        rate=arguments.rate,
        audio_seconds=arguments.audio_seconds,
        threads=os.cpu_count() or 1,
    )
    checkpoint = training.train(
        plan, work / f"run-{kind}", clips, tokenizer, arguments.languages, arguments.checkpoint
    )
    export.export(checkpoint, tokenizer, arguments.out, arguments.languages)
    print(f"written: {arguments.out}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Measures every group of the model card."""
    from tools.micro_whisper.evaluation import multilingual, report

    need(arguments.model / "model.bin", "a model")
    need(arguments.work / "held.i16", "the folder of held-out clips")
    if arguments.multilingual:
        results = multilingual(arguments.model, arguments.work, arguments.count)
    else:
        results = report(
            arguments.model,
            arguments.work / "held",
            count=arguments.count,
            recordings=arguments.recordings,
            nonspeech=arguments.nonspeech,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


def record(arguments: argparse.Namespace) -> None:
    """Writes recordings of held-out sentences."""
    from tools.micro_whisper import recordings

    need(arguments.work / "held.i16", "the folder of held-out clips")
    if arguments.languages == ["en"]:
        recordings.english(arguments.work / "held", arguments.folder)
    else:
        foreign = [language for language in arguments.languages if language != "en"]
        recordings.foreign(arguments.work, arguments.folder, foreign)


def minutes(text: str) -> float:
    """A time to train, above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} minutes were given; any number above 0 is fine")
    return value


def with_patient_heap() -> None:
    """Starts over with jemalloc keeping its pages, where it is: it halves the time of a step.

    The trainer's large, short-lived tensors otherwise go back to the kernel at every step.
    """
    library = Path(f"/usr/lib/{os.uname().machine}-linux-gnu", HEAP)
    if "MALLOC_CONF" in os.environ or not library.exists():
        return
    os.environ["LD_PRELOAD"] = str(library)
    os.environ["MALLOC_CONF"] = "background_thread:false,dirty_decay_ms:-1,muzzy_decay_ms:-1"
    os.execv(sys.executable, [sys.executable, "-m", "tools.micro_whisper", *sys.argv[1:]])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.micro_whisper",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("make", help="speak, train and export a model")
    command.add_argument("work", type=Path, help="folder for clips and checkpoints (10 GB)")
    command.add_argument("out", type=Path, help="folder for the model")
    command.add_argument("--minutes", type=minutes, default=65.0, help="of training; default 65")
    command.add_argument(
        "--languages",
        nargs="+",
        choices=["en", "de", "es", "fr"],
        default=["en"],
        help="more than one makes a multilingual model; default en",
    )
    command.add_argument(
        "--from", dest="checkpoint", type=Path, help="go on from this checkpoint, not from nothing"
    )
    command.add_argument(
        "--begin",
        type=float,
        default=None,
        help="place in the curriculum, 0 to 1; default 0 from nothing, 0.4 from a checkpoint",
    )
    command.add_argument("--rate", type=float, default=2e-3, help="learning rate; default 0.002")
    command.add_argument(
        "--audio-seconds", type=float, default=110.0, help="audio a step; default 110"
    )
    command.add_argument(
        "--clips", type=float, default=1.0, help="share of the clips to speak; default 1"
    )
    command.set_defaults(run=make)

    command = commands.add_parser("evaluate", help="measure a model")
    command.add_argument("model", type=Path)
    command.add_argument("work", type=Path, help="folder with the held-out clips")
    command.add_argument(
        "--multilingual", action="store_true", help="the languages instead of the English groups"
    )
    command.add_argument("--count", type=int, default=240, help="utterances a group; default 240")
    command.add_argument("--recordings", type=Path, help="folder with a reference.json")
    command.add_argument("--nonspeech", type=Path, help="folder of sounds without words, FLAC")
    command.add_argument("--json", type=Path, help="write all figures here")
    command.set_defaults(run=evaluate)

    command = commands.add_parser("record", help="write recordings of held-out sentences")
    command.add_argument("work", type=Path, help="folder with the held-out clips")
    command.add_argument("folder", type=Path)
    command.add_argument("--languages", nargs="+", choices=["en", "de", "es", "fr"], default=["en"])
    command.set_defaults(run=record)

    arguments = parser.parse_args()
    if arguments.run is make:
        with_patient_heap()
        if arguments.begin is None:
            arguments.begin = 0.4 if arguments.checkpoint else 0.0
    try:
        arguments.run(arguments)
    except (OSError, RuntimeError, ValueError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped; a training goes on with --from WORK/run-…/last.pt\n")


if __name__ == "__main__":
    main()
