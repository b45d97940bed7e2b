"""The voices in `streamkit doctor`: what is installed, which weights are here, on what they run."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from streamkit.commands.finding import Finding
from streamkit.errors import ModelError, StreamkitError
from streamkit.models.licence import Licence
from streamkit.models.voice_models import VOICE_MODELS, Engine
from streamkit.models.voice_resolve import FoundVoiceModel, find_voice_model, installed_voice_models

IMPORT_SECONDS: Final = 180.0
"""For torch and what goes with it, on a slow disk and for the first time."""
MESSAGE_CHARACTERS: Final = 300

ON_CPU: Final = (
    "no CUDA device, so on the CPU: a recent one speaks for one or two listeners at once, on an "
    "older one replies stutter; kokoro is a lighter voice (--tts kokoro)"
)

DISTRIBUTIONS: Final[dict[Engine, tuple[str, ...]]] = {
    "xtts": (
        "coqui-tts", "torch", "torchaudio", "torchcodec", "transformers", "six", "pypinyin",
        "cutlet", "fugashi", "safetensors", "psutil",
    ),
    "kokoro": ("kokoro-onnx", "phonemizer"),
}  # fmt: skip
"""What an extra needs where streamkit was not installed as a package, and has no metadata."""

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)\s*([^;]*?)\s*(?:;(.*))?")

_IMPORT: Final = {
    "xtts": (
        "import json, torch, torchaudio, torchcodec, transformers, TTS.tts.models.xtts; "
        "cuda = torch.cuda.is_available(); "
        "print(json.dumps({'device': torch.cuda.get_device_name(0) if cuda else None}))"
    ),
    "kokoro": (
        "import json, onnxruntime, kokoro_onnx, phonemizer; print(json.dumps({'device': None}))"
    ),
}
"""What a process of its own does for each engine: torch is slow to import, and may crash."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that an extra needs.

    Attributes:
        name: of the distribution.
        versions: that are accepted, and extras before them, as pip takes them; may be empty.
    """

    name: str
    versions: str

    @property
    def pinned(self) -> str | None:
        """The one version that is accepted; None: there are several."""
        return self.versions[2:] if self.versions.startswith("==") else None


def voice_findings() -> list[Finding]:
    """Look at everything that speaks, but for espeak-ng."""
    findings = []
    engines: tuple[Engine, ...] = ("xtts", "kokoro")
    for engine in engines:
        findings.append(_engine(engine))
        findings.extend(_weights(engine))
    findings.append(_chosen())
    return findings


def extra_requirements(extra: Engine) -> list[Requirement]:
    """What an extra of streamkit needs, as its metadata has it, else without versions."""
    try:
        declared = importlib.metadata.requires("streamkit") or []
    except importlib.metadata.PackageNotFoundError:
        declared = []
    found = []
    for text in declared:
        match = _REQUIREMENT.fullmatch(text)
        if match and re.search(rf"""extra\s*==\s*['"]{extra}['"]""", match[3] or ""):
            found.append(Requirement(match[1], match[2]))
    return found or [Requirement(name, "") for name in DISTRIBUTIONS[extra]]


def _engine(engine: Engine) -> Finding:
    """Whether the packages of an engine are there, and can be imported together."""
    subject = f"voice {engine}"
    needed = extra_requirements(engine)
    mend = _mend(engine, needed)
    versions = {each.name: _version(each.name) for each in needed}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return Finding(subject, "missing", f"without {', '.join(missing)}: {mend}")
    told, failure = _import(engine)
    others = [
        f"{each.name} {versions[each.name]} (not {each.pinned})"
        for each in needed
        if each.pinned not in (None, versions[each.name])
    ]
    if failure is not None:
        apart = (
            f" Other versions than those that go together: {', '.join(others)}." if others else ""
        )
        return Finding(subject, "broken", f"{failure}.{apart} To mend it: {mend}")
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    note = f"; not tried together: {', '.join(others)}" if others else ""
    if engine == "xtts":
        device = told.get("device")
        note += f"; on {device}" if device else f"; {ON_CPU}"
    return Finding(subject, "ok", f"{listed}{note}")


def _mend(engine: Engine, needed: list[Requirement]) -> str:
    """The command that installs what was seen to go together."""
    if not any(each.versions for each in needed):
        return f"`pip install 'streamkit[{engine}]'`"
    return f"`pip install {' '.join(shlex.quote(each.name + each.versions) for each in needed)}`"


def _import(engine: Engine) -> tuple[dict[str, str | None], str | None]:
    """Import an engine's packages in a process of its own.

    Returns:
        What it tells, and what went wrong, if something did.
    """
    command = [sys.executable, "-c", _IMPORT[engine]]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"its packages could not be imported within {IMPORT_SECONDS:g} s"
    except OSError as error:
        return {}, f"no process could be started to import its packages: {error}"
    if done.returncode < 0:
        return {}, f"importing its packages crashed (signal {-done.returncode})"
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1][:MESSAGE_CHARACTERS] if lines else f"exit code {done.returncode}"
        return {}, f"its packages cannot be imported together: {reason.rstrip('.')}"
    try:
        # Libraries like to greet on the same channel; ours is the last line.
        told: dict[str, str | None] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {}, "its packages were imported, and then told something else than they should"
    return told, None


def _weights(engine: Engine) -> list[Finding]:
    """The weights of an engine that are here, or how to get them."""
    findings = []
    names = [model.name for model in VOICE_MODELS.values() if model.engine == engine]
    own = [found.name for found in installed_voice_models() if found.engine == engine]
    for name in dict.fromkeys((*names, *own)):
        subject = f"weights {name}"
        try:
            found = find_voice_model(name)
        except ModelError as error:
            findings.append(Finding(subject, "broken", str(error)))
            continue
        if found is not None:
            findings.append(Finding(subject, "ok", f"{found.path}; {_describe_licence(found)}"))
    if not findings:
        model = VOICE_MODELS[names[0]]
        advice = (
            f"`streamkit models pull {model.name}`, {model.size / 1e6:.0f} MB; "
            f"{_name_licence(model.licence)}"
        )
        findings.append(Finding(f"weights {model.name}", "missing", advice))
    return findings


def _describe_licence(found: FoundVoiceModel) -> str:
    if found.licence is None:
        return "licence unknown"
    told = _name_licence(found.licence)
    if found.acceptance is not None:
        return f"{told}, accepted {found.acceptance.accepted_at[:10]}"
    return f"{told}, not recorded as accepted" if found.licence.needs_consent else told


def _name_licence(licence: Licence) -> str:
    return f"{licence.name} ({licence.address})"


def _chosen() -> Finding:
    """Whether the voice of the settings could be had."""
    from streamkit.config import Settings
    from streamkit.server.speech_engines import load_speech

    try:
        settings = Settings()
        engine = load_speech(settings)
    except (StreamkitError, ValueError) as error:
        return Finding("chosen voice", "broken", str(error))
    engine.close()
    return Finding("chosen voice", "ok", f"{engine.name} (--tts, STREAMKIT_TTS)")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
