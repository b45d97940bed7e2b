"""`streamkit doctor`: what works on this machine, and how fast it is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from streamkit import __version__
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.commands.finding import Finding
from streamkit.errors import StreamkitError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from streamkit.asr.recognizer import Recognizer

CORE = (
    "numpy", "anyio", "websockets", "starlette", "uvicorn", "faster-whisper", "ctranslate2",
    "onnxruntime", "av", "soxr", "espeakng-loader",
)  # fmt: skip
EXTRAS = {
    "mic": ("sounddevice",),
    "talk": ("sounddevice", "pywebrtc-audio"),
    "tls": ("cryptography",),
    "silero": ("silero-vad", "torch"),
}
TEST_SENTENCE = "The bus to Berlin is eight minutes late."
PASSES = 5


def doctor(
    model: Annotated[str, typer.Option(help="Name, directory, or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check what is installed, which models and voices there are, the microphone, and the speed."""
    from streamkit.commands.doctor_voices import voice_findings

    findings = [
        Finding("streamkit", "ok", f"{__version__} on Python {platform.python_version()}"),
        *_packages(),
        *_extras(),
        *_speech(model),
        *voice_findings(),
        _reply_model(),
        _microphone(),
    ]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)


def _packages() -> list[Finding]:
    findings = []
    for name in CORE:
        version = _version(name)
        if version is None:
            findings.append(Finding(name, "broken", "not installed: `pip install streamkit`"))
        else:
            findings.append(Finding(name, "ok", version))
    return findings


def _extras() -> list[Finding]:
    findings = []
    for extra, names in EXTRAS.items():
        versions = {name: _version(name) for name in names}
        missing = [name for name, version in versions.items() if version is None]
        if missing:
            advice = f"without {', '.join(missing)}: `pip install 'streamkit[{extra}]'`"
            findings.append(Finding(f"extra [{extra}]", "missing", advice))
        else:
            detail = ", ".join(f"{name} {version}" for name, version in versions.items())
            findings.append(Finding(f"extra [{extra}]", "ok", detail))
    return findings


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _speech(model: str) -> list[Finding]:
    """Voice, detector and recognizer on one sentence that is made here."""
    findings: list[Finding] = []

    def attempt(subject: str, step: Callable[[], str]) -> bool:
        try:
            findings.append(Finding(subject, "ok", step()))
        except (StreamkitError, OSError, ImportError, RuntimeError) as error:
            findings.append(Finding(subject, "broken", str(error)))
            return False
        return True

    spoken: list[npt.NDArray[np.float32]] = []
    loaded: list[Recognizer] = []

    def speak() -> str:
        from streamkit.tts.espeak import EspeakSynthesizer
        from streamkit.tts.render import render

        started = time.perf_counter()
        spoken.append(render(EspeakSynthesizer(), TEST_SENTENCE, voice="en-us"))
        seconds = len(spoken[0]) / SAMPLE_RATE
        return f"espeak-ng, {seconds:.1f} s of sound in {time.perf_counter() - started:.3f} s"

    def detect() -> str:
        from streamkit.vad.silero import SileroVad, VadStream

        detector = SileroVad.load()
        detector.process(VadStream(), spoken[0])
        started = time.perf_counter()
        probabilities = detector.process(VadStream(), spoken[0])
        return (
            f"Silero v6, highest probability {probabilities.max():.2f}, "
            f"{1000 * (time.perf_counter() - started) / len(probabilities):.2f} ms a window"
        )

    def load() -> str:
        from streamkit.config import Settings
        from streamkit.server.serving import load_recognizer

        started = time.perf_counter()
        recognizer, _, notice = load_recognizer(Settings(model=model))
        loaded.append(recognizer)
        text = f"{recognizer.info.name}, loaded in {time.perf_counter() - started:.2f} s"
        return f"{text}; {notice}" if notice else text

    def recognise() -> str:
        from streamkit.asr.recognizer import RecognitionRequest, join

        request = RecognitionRequest(spoken[0], 0, final=True)
        heard = join(loaded[0].recognize([request])[0].words)
        times = []
        for _ in range(PASSES):
            started = time.perf_counter()
            loaded[0].recognize([request])
            times.append(time.perf_counter() - started)
        took = statistics.median(times)
        seconds = len(spoken[0]) / SAMPLE_RATE
        return (
            f"{1000 * took:.0f} ms for {seconds:.1f} s (RTF {took / seconds:.3f}), said "
            f"{TEST_SENTENCE!r}, heard {heard!r}"
        )

    if attempt("voice", speak):
        attempt("speech detector", detect)
        if attempt("model", load):
            attempt("speed", recognise)
    else:
        attempt("model", load)
    return findings


def _reply_model() -> Finding:
    """Whether the model of the replies answers, which is not needed for captions."""
    import anyio

    from streamkit.config import Settings
    from streamkit.server.replying import find_model

    settings = Settings()
    started = time.perf_counter()
    try:
        name = anyio.run(find_model, settings)
    except StreamkitError as error:
        return Finding("reply model", "broken", str(error))
    if settings.llm_url is None:
        detail = f"{name}, built in; STREAMKIT_LLM_URL names an endpoint that thinks"
    else:
        took = 1000 * (time.perf_counter() - started)
        detail = f"{name} at {settings.llm_url}, there after {took:.0f} ms"
    return Finding("reply model", "ok", detail)


def _microphone() -> Finding:
    if importlib.util.find_spec("sounddevice") is None:
        return Finding("microphone", "missing", "needs `pip install 'streamkit[mic]'`")
    from streamkit.client.devices import (
        RECORDING,
        choose_device,
        list_devices,
        negotiate,
        portaudio,
    )

    try:
        device = choose_device(list_devices(RECORDING), None, RECORDING)
        rate, channels = negotiate(device, RECORDING)
        with portaudio().RawInputStream(
            device=device.index, samplerate=rate, channels=channels, dtype="int16"
        ) as stream:
            stream.read(rate // 10)
    except (StreamkitError, portaudio().PortAudioError) as error:
        return Finding("microphone", "missing", str(error))
    return Finding("microphone", "ok", f"{device.name} ({device.host_api}) at {rate} Hz")


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "missing": "yellow", "broken": "red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=colours[finding.state])
        table.add_row(Text(finding.subject), state, Text(finding.detail))
    Console(soft_wrap=False).print(table)
